"""A destination that answers as it is told, and a journal whose disk can fail."""

from collections.abc import Sequence
from pathlib import Path

from otel.batch import Batch, Signal
from otel.destination import Outcome
from otel.errors import JournalError
from otel.journal import Also, Journal
from tests.otel.making import names


class Scripted:
    """Answers one outcome of its script each time, then "delivered"; an exception in the script is raised."""

    max_bytes = 1024**2

    def __init__(
        self,
        name: str = "scripted",
        *script: Outcome | Exception,
        refuses: Sequence[str] = (),
        signals: frozenset[Signal] = frozenset({Signal.TRACES}),
    ) -> None:
        self.name = name
        self.signals = signals
        self.offered: list[Batch] = []
        self.taken: list[str] = []
        self.closed = False
        self._script = list(script)
        self._refuses = set(refuses)

    def deliver(self, batch: Batch) -> Outcome:
        self.offered.append(batch)
        answer = self._script.pop(0) if self._script else self._usual(batch)
        if isinstance(answer, Exception):
            raise answer
        if answer == Outcome.delivered():
            self.taken += names(batch) if batch.signal is Signal.TRACES else [batch.signal]
        return answer

    def _usual(self, batch: Batch) -> Outcome:
        poisoned = batch.signal is Signal.TRACES and self._refuses & set(names(batch))
        return Outcome.refused("poison") if poisoned else Outcome.delivered()

    def close(self) -> None:
        self.closed = True


class FailingJournal(Journal):
    """A real journal, but while `broken` its disk takes nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.broken = False

    def append(self, batches: Sequence[Batch], *, lost: int = 0, also: Also | None = None) -> None:
        if self.broken:
            raise JournalError("the disk takes nothing")
        super().append(batches, lost=lost, also=also)
