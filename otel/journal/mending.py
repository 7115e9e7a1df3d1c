"""Makes a call again after the damaged file it met was replaced."""

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from otel.errors import JournalError
from otel.journal.connections import Connections, Damaged
from otel.journal.recovery import recover

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

MOST, WITHIN_SECONDS = 3, 60.0
"""More replacements within this time mean that the disk itself is damaged: a new file would not help."""


class Mender:
    """One per journal; safe from any thread."""

    def __init__(self, path: Path, connections: Connections, now: Callable[[], float]) -> None:
        self._path = path
        self._connections = connections
        self._now = now
        self._lock = threading.Lock()
        self._times: list[float] = []

    def begin_in_child(self) -> None:
        """Right after a fork, where nobody is left who mends."""
        self._lock = threading.Lock()

    def mend(self, damaged: Damaged) -> None:
        """Replace the file, unless that was done already. Raises JournalError when it cannot be done."""
        reason = str(damaged).removeprefix(f"{self._path}: ")
        try:
            with self._lock:
                self._limit(damaged)
                recover(self._path, damaged.line, reason, self._now())
            self._connections.forget()
        finally:
            if damaged.line:
                damaged.line.connection.close()

    def _limit(self, damaged: Damaged) -> None:
        moment = time.monotonic()
        self._times = [t for t in self._times if t > moment - WITHIN_SECONDS]
        if len(self._times) >= MOST:
            raise JournalError(f"{damaged}; {MOST} new files within {WITHIN_SECONDS:.0f} s were damaged too")
        self._times.append(moment)


class Mendable(Protocol):
    @property
    def mender(self) -> Mender: ...


Owner = TypeVar("Owner", bound=Mendable)


def mended(
    method: Callable[Concatenate[Owner, Parameters], Result],
) -> Callable[Concatenate[Owner, Parameters], Result]:
    """A method that is made a second time when the file was damaged the first time; so it must do no harm twice."""

    @functools.wraps(method)
    def call(self: Owner, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return method(self, *args, **kwargs)
        except Damaged as damaged:
            self.mender.mend(damaged)
        return method(self, *args, **kwargs)

    return call
