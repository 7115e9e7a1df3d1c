"""The port through which telemetry leaves: a place it can be taken to, and what that place answered."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from otel.batch import Batch, Signal


class Verdict(StrEnum):
    """What happens next to a batch; named for the reaction, not for the cause."""

    DELIVERED = "delivered"
    """It is there; go on with the next."""
    REFUSED = "refused"
    """This batch will never be taken; split it, and set aside what remains."""
    LATER = "later"
    """The place is away; ask again with the same batch."""
    PAUSED = "paused"
    """The key or the address is wrong, not the data: keep the queue and say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one delivery. `rejected` items of a delivered batch were not taken; `retry_after` is in
    seconds and binding when given; a batch that was refused for being `too_large` may be taken in halves."""

    verdict: Verdict
    reason: str = ""
    retry_after: float | None = None
    rejected: int = 0
    too_large: bool = False

    @classmethod
    def delivered(cls, *, rejected: int = 0, reason: str = "") -> Self:
        return cls(verdict=Verdict.DELIVERED, rejected=rejected, reason=reason)

    @classmethod
    def refused(cls, reason: str, *, too_large: bool = False) -> Self:
        return cls(verdict=Verdict.REFUSED, reason=reason, too_large=too_large)

    @classmethod
    def later(cls, reason: str, *, retry_after: float | None = None) -> Self:
        return cls(verdict=Verdict.LATER, reason=reason, retry_after=retry_after)

    @classmethod
    def paused(cls, reason: str) -> Self:
        return cls(verdict=Verdict.PAUSED, reason=reason)


class Destination(Protocol):
    """A place telemetry can be taken to.

    `deliver` is called from one thread at a time, never again after `close`, and never raises for a place
    that is merely away: it answers "later" and is asked again with the same batch. A batch may come twice
    (the answer to the first may have been lost), always with the same bytes. `close` may be called while
    `deliver` still waits for an answer in another thread, and ends that wait where it can.
    """

    @property
    def name(self) -> str:
        """Names its place in the journal; stable over restarts."""
        ...

    @property
    def signals(self) -> frozenset[Signal]:
        """What it wants; anything else is never offered to it."""
        ...

    @property
    def max_bytes(self) -> int:
        """The largest payload, before compression, that it should be handed (one journal entry may exceed it)."""
        ...

    def deliver(self, batch: Batch) -> Outcome: ...
    def close(self) -> None: ...
