"""Carries batches from the journal to one destination, in order, with patience.

One thread a destination. What it may do with an answer is decided by `otel.destination.Verdict` alone; what it
did is written into the journal in the same transaction that moves the destination's place.
"""

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import assert_never

from otel.batch import Batch
from otel.bisection import Appetite, Bisection
from otel.config import DEFAULT_PATIENCE, Patience
from otel.destination import Destination, Outcome, Verdict
from otel.errors import JournalError
from otel.journal import Journal
from otel.process import identity

logger = logging.getLogger("otel.forwarder")

IDLE_SECONDS = 1.0
"""How often the journal is asked when nobody rings: other processes append to it too."""
LEASE_SECONDS = 30.0
GATHER_SECONDS = 1.0
"""How long after a delivery new work is gathered before the next one: a request costs as much as dozens of spans."""
MOST_ENTRIES = 1024
HUNG_SECONDS = 0.8
"""At the end of the program, a delivery that takes longer is left behind; its batch waits on disk."""


class Forwarder:
    """Start it once; `ring` when something was appended; `finish` lets it deliver what waits, and ends it."""

    def __init__(
        self,
        journal: Journal,
        destination: Destination,
        *,
        patience: Patience = DEFAULT_PATIENCE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.destination = destination
        self._journal = journal
        self._patience = patience
        self._jitter = jitter
        self._appetite = Appetite(destination.max_bytes, MOST_ENTRIES)
        self._begun: Bisection | None = None
        self.owner = f"{identity()}/{uuid.uuid4().hex[:8]}"
        self._bell = threading.Event()
        self._hurry = threading.Event()
        self._delivered_at = float("-inf")
        self._asked_at = float("inf")  # when the delivery began that is under way
        self._stopping = threading.Event()
        self._deadline = float("inf")
        self._failures = 0
        self._raised = 0
        self._thread = threading.Thread(
            target=self._run, name=f"otel-forwarder-{destination.name}", daemon=True
        )

    @property
    def name(self) -> str:
        return self.destination.name

    def start(self) -> None:
        self._thread.start()

    def ring(self, *, hurry: bool = False) -> None:
        """Something may be waiting; look at once or, right after a delivery and unless in a `hurry`, when some more
        has gathered. A wait that the destination asked for is kept."""
        if hurry:
            self._hurry.set()
        self._bell.set()

    def finish(self, deadline: float) -> None:
        """Deliver what waits until `deadline` (of `time.monotonic`), then end; stop sooner at the first answer
        that is not "delivered". Returns at once."""
        self._deadline = deadline
        self._stopping.set()
        self.ring(hurry=True)

    def join(self, timeout: float, *, hung_after: float = float("inf")) -> bool:
        """Wait for its end; False when it still hangs in a delivery (the batch stays in the journal, and another
        forwarder may take the destination over at once). A delivery that has gone on for `hung_after` seconds is
        waited for no longer."""
        if self._thread.ident is None:
            return True  # it was never started
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0 and self._thread.is_alive():
            if time.monotonic() - self._asked_at > hung_after:
                break
            self._thread.join(min(left, 0.05))
        if self._thread.is_alive():
            self._release()
        return not self._thread.is_alive()

    def close(self) -> None:
        """Close the destination. What that raises stops nobody else from ending well."""
        try:
            self.destination.close()
        except Exception:  # a destination may be anybody's
            logger.exception("%s could not be closed", self.name)

    def _run(self) -> None:
        while time.monotonic() < self._deadline:
            wait = self.step()
            if wait and self._stopping.is_set():
                break
            if wait:
                self._sleep(wait)
        self._release()

    def step(self) -> float:
        """Deliver one chunk, or one part of a chunk that was refused, if there is any; the seconds to wait before
        the next step. For the thread's own loop, and for whoever steps a forwarder that was not started."""
        try:
            return self._deliver_next()
        except JournalError as error:
            logger.warning("%s: %s", self.name, error)
            return self._backoff()
        except Exception as error:  # this loop keeps the other destinations alive, so it must not end
            logger.exception("%s: delivery failed unexpectedly", self.name)
            self._raised += 1
            return self._later(f"{type(error).__name__} in destination, {self._raised} in all")

    def _deliver_next(self) -> float:
        if not self._journal.claim(self.name, self.owner, LEASE_SECONDS):
            self._begun = None  # whoever sends now offers the whole entry again
            return IDLE_SECONDS
        if self._begun is None:
            self._begun = self._begin()
        if self._begun is None:
            return IDLE_SECONDS
        return self._go_on(self._begun)

    def _begin(self) -> Bisection | None:
        chunk = self._journal.next_for(
            self.name, max_bytes=self._appetite.bytes, max_entries=self._appetite.entries
        )
        return None if chunk is None else Bisection(chunk)

    def _go_on(self, begun: Bisection) -> float:
        wait = 0.0
        if begun.next is not None:  # else only the journal has not taken the result yet
            wait = self._react(begun, self._deliver(begun.next))
        if begun.next is None:
            self._conclude(begun)
        return wait

    def _deliver(self, batch: Batch) -> Outcome:
        self._asked_at = time.monotonic()
        try:
            return self.destination.deliver(batch)
        finally:
            self._asked_at = float("inf")

    def _react(self, begun: Bisection, outcome: Outcome) -> float:
        match outcome.verdict:
            case Verdict.DELIVERED:
                begun.taken(outcome)
                self._appetite.taken()
                self._failures, self._delivered_at = 0, time.monotonic()
                return 0.0
            case Verdict.REFUSED:
                self._appetite.refused(begun.chunk, too_large=outcome.too_large)
                if begun.chunk.entries > 1:
                    self._begun = None
                else:
                    begun.refused(outcome.reason)
                return 0.0
            case Verdict.LATER:
                wait = self._later(outcome.reason)
                return wait if outcome.retry_after is None else max(wait, outcome.retry_after)
            case Verdict.PAUSED:
                self._journal.mark(self.name, "paused", outcome.reason)
                logger.warning("%s is paused: %s; what it misses is kept", self.name, outcome.reason)
                return self._patience.paused
            case _:
                assert_never(outcome.verdict)

    def _conclude(self, begun: Bisection) -> None:
        self._journal.settle(self.name, begun.chunk, begun.letters, begun.rejected)
        self._begun = None
        for reason, items in begun.refusals().items():
            logger.warning("%s refused %d items for good: %s", self.name, items, reason)

    def _later(self, reason: str) -> float:
        try:
            self._journal.mark(self.name, "later", reason)
        except JournalError:
            logger.warning("%s: %s", self.name, reason)
        return self._backoff()

    def _backoff(self) -> float:
        wait = min(self._patience.first * 2.0 ** min(self._failures, 60), self._patience.longest)
        self._failures += 1
        return wait * (0.5 + self._jitter() / 2)

    def _sleep(self, seconds: float) -> None:
        if seconds > IDLE_SECONDS or self._failures:
            self._stopping.wait(seconds)  # a wait that was asked for is not cut short by new work
        else:
            if self._bell.wait(seconds):
                self._hurry.wait(max(0.0, self._delivered_at + GATHER_SECONDS - time.monotonic()))
            self._bell.clear()
            self._hurry.clear()

    def _release(self) -> None:
        try:
            self._journal.release(self.name, self.owner)
        except JournalError as error:
            logger.warning("%s: %s", self.name, error)
