"""One chunk on its way in parts: what still has to be offered, in order, and what became of the rest.

It lives in memory only. The destination's place moves when every part has its answer; a crash before that offers the
whole entry again, so that parts arrive twice, with the same ids, and none is missing.
"""

from collections import Counter

from otel.batch import Batch
from otel.destination import Outcome
from otel.journal import Chunk, Letter
from otel.split import halves

LEAST_BYTES = 16 * 1024
SLOWLY = 1.02
"""Some 35 deliveries until a halved size is reached again: seldom enough to find out whether a limit still holds."""


class Bisection:
    """Begins with the chunk as a whole; a part that is refused is cut in two until the bad item is alone."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.letters: list[Letter] = []
        self.rejected: Counter[str] = Counter()
        self._waiting = [chunk.batch]

    @property
    def next(self) -> Batch | None:
        """The part to offer now; None when every part has its answer."""
        return self._waiting[-1] if self._waiting else None

    def taken(self, outcome: Outcome) -> None:
        self._waiting.pop()
        if outcome.rejected:
            self.rejected[outcome.reason or "rejected"] += outcome.rejected

    def refused(self, reason: str) -> None:
        part = self._waiting.pop()
        cut = halves(part)
        if cut is None:
            self.letters.append(Letter(part, reason))
        else:
            self._waiting += reversed(cut)

    def refusals(self) -> Counter[str]:
        """How many items will never be taken, by reason."""
        found: Counter[str] = Counter()
        for letter in self.letters:
            found[letter.reason] += letter.batch.items
        return found


class Appetite:
    """How much a destination is handed at once: less after it refused, and soon or slowly more again."""

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        self.bytes, self.entries = max_bytes, max_entries
        self._max_bytes, self._max_entries = max_bytes, max_entries

    def taken(self) -> None:
        self.entries = min(self.entries * 2, self._max_entries)
        self.bytes = min(int(self.bytes * SLOWLY) + 1, self._max_bytes)

    def refused(self, chunk: Chunk, *, too_large: bool) -> None:
        """What is wrong with a chunk of several entries may be one of them, so they are offered in halves."""
        if too_large:
            self.bytes = max(len(chunk.batch.payload) // 2, LEAST_BYTES)
        if chunk.entries > 1:
            self.entries = chunk.entries // 2
