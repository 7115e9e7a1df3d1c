"""Which process this is, told so that another one can see whether it still lives.

An identity is "machine boot:process id namespace:process id:start time". Two processes that do not share boot and
namespace (another machine, another container) cannot judge each other, and then say that the other lives.
"""

import os
from pathlib import Path

UNKNOWN = "unknown"


def identity() -> str:
    """Names this process; no other process, before or after, has the same name."""
    pid = os.getpid()
    return f"{_place()}:{pid}:{_started(pid)}"


def has_ended(other: str) -> bool:
    """Whether the process of that identity is certainly gone; False when that cannot be known."""
    rest, _, started = other.rpartition(":")
    place, _, pid = rest.rpartition(":")
    return place == _place() and pid.isdecimal() and _started(int(pid)) != started


def can_judge(other: str) -> bool:
    """Whether `has_ended` knows about that identity; if not, its False means nothing."""
    place = other.rpartition(":")[0].rpartition(":")[0]
    return place == _place() != UNKNOWN


def _place() -> str:
    """Where process ids mean the same: this boot of this machine, in this namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}:{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return UNKNOWN


def _started(pid: int) -> str:
    """Clock ticks from boot to the start of a process; "" when there is none."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    # a zombie has ended, though its parent has not asked yet
    return "" if after_name[0] == b"Z" else after_name[19].decode("ascii")
