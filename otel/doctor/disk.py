"""Looks at the folder and its journal: whether they can be written, are private, whole and not about to overflow."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from otel.accounts import Books, read_books, reading
from otel.config import Config
from otel.doctor.finding import Finding, fault, note, well
from otel.errors import JournalError
from otel.journal.check import faults
from otel.tree import duration

CHECK, BOOKS = "journal", "delivery"
FREE_FLOOR = 1024**3
"""Bytes below which old batches begin to go."""
OLD_SECONDS = 3600.0
READ_WHOLE = 64 * 1024**2
"""A journal up to this size is read from end to end in well under two seconds; of a larger one `verify` tells."""
NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "fuse.sshfs",
    "ceph",
    "glusterfs",
    "lustre",
    "afs",
    "ncpfs",
    "vboxsf",
    "drvfs",
)
FILES = ("journal.db", "store.db", "traces.jsonl", "logs.jsonl", "metrics.jsonl")


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def mounted() -> str:
    """What is mounted where, as Linux tells it; "" elsewhere."""
    try:
        return Path("/proc/mounts").read_text("utf-8", "replace")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What is asked of the machine; a test answers in its place."""

    free: Callable[[Path], int] = free_bytes
    mounts: Callable[[], str] = mounted


THIS_MACHINE = Machine()


def examine(config: Config, machine: Machine, now: float) -> Iterator[Finding]:
    folder = _existing(config.home)
    yield from _folder(config.home, folder)
    yield from _space(config, folder, machine)
    path = config.home / "journal.db"
    if path.is_file():
        yield from _modes(config.home)
        yield from _journal(path)
        yield from _delivery(path, config, now)
    elif config.home.is_dir() or not config.home.exists():
        yield note(CHECK, f"{path}: nothing has been recorded here yet")


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _folder(home: Path, folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        yield fault(CHECK, f"{folder} is not a folder", "set TELEMETRY_HOME to a folder of your own")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield fault(
            CHECK,
            f"{folder} cannot be written",
            f"chmod u+wx {folder}, or set TELEMETRY_HOME to another folder",
        )
    else:
        yield well(CHECK, f"{home} can be written")


def _space(config: Config, folder: Path, machine: Machine) -> Iterator[Finding]:
    free = machine.free(folder)
    if free < FREE_FLOOR:
        yield fault(
            CHECK,
            f"only {free / 1024**2:,.0f} MiB are free at {folder}: the oldest telemetry will be dropped",
            f"free at least {FREE_FLOOR / 1024**2:,.0f} MiB, or set TELEMETRY_HOME to another disk",
        )
    kind = _file_system(folder, machine.mounts())
    if kind.startswith(NETWORK):
        yield fault(
            CHECK,
            f"{folder} is on a network file system ({kind}), where SQLite's locks do not hold",
            "set TELEMETRY_HOME to a folder on a local disk",
        )


def _file_system(folder: Path, mounts: str) -> str:
    """The type of the file system that holds `folder`: that of the longest mount point above it."""
    found = (0, "")
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) > 2 and folder.is_relative_to(Path(parts[1].replace("\\040", " "))):
            found = max(found, (len(parts[1]), parts[2]))
    return found[1]


def _modes(home: Path) -> Iterator[Finding]:
    for name in FILES:
        path = home / name
        if path.is_file() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
            yield fault(
                CHECK,
                f"{path} can be read by others (mode {mode:04o}); it holds prompts and answers",
                f"chmod 600 {path}",
            )


def _journal(path: Path) -> Iterator[Finding]:
    cure = f"start the program once: it sets a damaged journal aside and keeps what is readable; else move {path} away"
    try:
        with reading(path) as connection:
            said = [row[0] for row in connection.execute("PRAGMA quick_check(3)") if row[0] != "ok"]
            if not said and path.stat().st_size < READ_WHOLE:
                connection.execute("BEGIN")
                said = list(islice(faults(connection), 3))
    except JournalError as error:
        yield fault(CHECK, f"the journal cannot be read: {error}", cure)
        return
    yield from (fault(CHECK, f"{path}: {text}", cure) for text in said)
    if not said:
        yield well(CHECK, f"{path} is whole and its books balance")


def _delivery(path: Path, config: Config, now: float) -> Iterator[Finding]:
    try:
        books = read_books(path)
    except JournalError:
        return  # said already
    yield from _states(books, config, now)
    if books.lost:
        yield fault(
            BOOKS,
            f"{books.lost:,} items were lost in memory: {', '.join(sorted(books.lost_in_memory))}",
            f"see that {path.parent} can be written and has room",
        )
    if path.stat().st_size > 0.9 * config.journal_max_bytes:
        yield fault(
            BOOKS,
            "the journal is nearly full: what waits longest will be dropped",
            "mend the destination that holds it up (`status`), or raise TELEMETRY_JOURNAL_MAX_BYTES",
        )


def _states(books: Books, config: Config, now: float) -> Iterator[Finding]:
    for name in dict.fromkeys(account.destination for account in books.accounts):
        mine = [account for account in books.accounts if account.destination == name]
        waiting, oldest = sum(a.queued for a in mine), min((a.oldest for a in mine if a.oldest), default=now)
        state, reason = mine[0].state, mine[0].reason
        if state == "paused":
            yield fault(
                BOOKS,
                f"{name} is paused: {reason}; {waiting:,} items wait",
                "mend its key or address; the next start goes on where it stopped",
            )
        elif waiting and name.partition("-")[0] not in config.destinations:
            yield note(
                BOOKS,
                f"{name} is not a destination here any more, and {waiting:,} items wait for it",
                f"add {name.partition('-')[0]} to TELEMETRY_DESTINATIONS to deliver them",
            )
        elif waiting and now - oldest > OLD_SECONDS:
            yield fault(
                BOOKS,
                f"{name} has waited for {duration(now - oldest)}: {reason or 'nobody is sending'}; {waiting:,} items",
                "see that the destination answers and that a program runs which sends to it",
            )
        if refused := sum(sum(account.dead.values()) for account in mine):
            yield note(BOOKS, f"{name} refused {refused:,} items for good; `status` names the reasons")
