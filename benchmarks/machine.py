"""What the figures were measured on, and how much it was disturbed meanwhile."""

import os
import platform
from dataclasses import asdict, dataclass
from typing import Any

BUSY_SHARE = 0.35
"""A load before the start above this share of the cores means that others are using the machine."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Taken at the start; nothing in it names the machine."""

    cores: int
    python: str
    system: str
    load_before: float

    @classmethod
    def now(cls) -> "Machine":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        python = f"{platform.python_implementation()} {platform.python_version()}"
        return cls(cores, python, f"{platform.system()} {platform.machine()}", os.getloadavg()[0])

    def after(self, *, interrupted_per_second: float) -> dict[str, Any]:
        """The whole description. `interrupted_per_second` is how often a measuring process lost its core to another
        one, per second of its CPU time."""
        noisy = self.load_before > BUSY_SHARE * self.cores
        return {
            **asdict(self),
            "load_after": os.getloadavg()[0],
            "interrupted_per_second": round(interrupted_per_second, 1),
            "noisy": noisy,
        }
