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

from otel.destination import Destination, Outcome, Verdict
from otel.errors import JournalError
from otel.journal import Chunk, Journal
from otel.process import identity

logger = logging.getLogger("otel.forwarder")

IDLE_SECONDS = 1.0
"""How often the journal is asked when nobody rings: other processes append to it too."""
LEASE_SECONDS = 30.0
FIRST_WAIT, DOUBLINGS = 1.0, 7
"""One second after the first failure, 128 s after the eighth and every later one."""
MOST_ENTRIES = 1024
PAUSED_WAIT = 300.0
"""A paused destination is tried again this often, and at every start."""


class Forwarder:
    """Start it once; `ring` when something was appended; `finish` lets it deliver what waits, and ends it."""

    def __init__(
        self, journal: Journal, destination: Destination, *, jitter: Callable[[], float] = random.random
    ) -> None:
        self.destination = destination
        self._journal = journal
        self._jitter = jitter
        self.owner = f"{identity()}/{uuid.uuid4().hex[:8]}"
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._deadline = float("inf")
        self._failures = 0
        self._most = MOST_ENTRIES
        self._thread = threading.Thread(
            target=self._run, name=f"otel-forwarder-{destination.name}", daemon=True
        )

    @property
    def name(self) -> str:
        return self.destination.name

    def start(self) -> None:
        self._thread.start()

    def ring(self) -> None:
        """Something may be waiting; look now unless a wait was asked for by the destination."""
        self._bell.set()

    def finish(self, deadline: float) -> None:
        """Deliver what waits until `deadline` (of `time.monotonic`), then end; stop sooner at the first answer
        that is not "delivered". Returns at once."""
        self._deadline = deadline
        self._stopping.set()
        self._bell.set()

    def join(self, timeout: float) -> bool:
        """Wait for its end; False when it still hangs in a delivery (the batch stays in the journal, and another
        forwarder may take the destination over at once)."""
        if self._thread.ident is None:
            return True  # it was never started
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._release()
        return not self._thread.is_alive()

    def _run(self) -> None:
        while time.monotonic() < self._deadline:
            wait = self.step()
            if wait and self._stopping.is_set():
                break
            if wait:
                self._sleep(wait)
        self._release()

    def step(self) -> float:
        """Deliver one chunk, if there is one; the seconds to wait before the next step. For the thread's own loop,
        and for whoever steps a forwarder that was not started."""
        try:
            return self._deliver_next()
        except JournalError as error:
            logger.warning("%s: %s", self.name, error)
            return self._backoff()
        except Exception as error:  # this loop keeps the other destinations alive, so it must not end
            logger.exception("%s: delivery failed unexpectedly", self.name)
            return self._later(f"{type(error).__name__} in destination")

    def _deliver_next(self) -> float:
        if not self._journal.claim(self.name, self.owner, LEASE_SECONDS):
            return IDLE_SECONDS
        chunk = self._journal.next_for(
            self.name, max_bytes=self.destination.max_bytes, max_entries=self._most
        )
        if chunk is None:
            return IDLE_SECONDS
        return self._settle(chunk, self.destination.deliver(chunk.batch))

    def _settle(self, chunk: Chunk, outcome: Outcome) -> float:
        match outcome.verdict:
            case Verdict.DELIVERED:
                self._journal.advance(self.name, chunk, rejected=outcome.rejected, reason=outcome.reason)
                self._failures, self._most = 0, min(self._most * 2, MOST_ENTRIES)
                return 0.0
            case Verdict.REFUSED:
                return self._refused(chunk, outcome.reason)
            case Verdict.LATER:
                wait = self._later(outcome.reason)
                return wait if outcome.retry_after is None else max(wait, outcome.retry_after)
            case Verdict.PAUSED:
                self._journal.mark(self.name, "paused", outcome.reason)
                logger.warning("%s is paused: %s; what it misses is kept", self.name, outcome.reason)
                return PAUSED_WAIT
            case _:
                assert_never(outcome.verdict)

    def _refused(self, chunk: Chunk, reason: str) -> float:
        if chunk.entries > 1:
            self._most = chunk.entries // 2  # down to one, so that a bad one does not take the good with it
        else:
            self._journal.bury(self.name, chunk, reason)
            logger.warning("%s refused %d items for good: %s", self.name, chunk.batch.items, reason)
        return 0.0

    def _later(self, reason: str) -> float:
        try:
            self._journal.mark(self.name, "later", reason)
        except JournalError:
            logger.warning("%s: %s", self.name, reason)
        return self._backoff()

    def _backoff(self) -> float:
        wait = FIRST_WAIT * 2.0 ** min(self._failures, DOUBLINGS)
        self._failures += 1
        return wait * (0.5 + self._jitter() / 2)

    def _sleep(self, seconds: float) -> None:
        if seconds > IDLE_SECONDS or self._failures:
            self._stopping.wait(seconds)  # a wait that was asked for is not cut short by new work
        else:
            self._bell.wait(seconds)
            self._bell.clear()

    def _release(self) -> None:
        try:
            self._journal.release(self.name, self.owner)
        except JournalError as error:
            logger.warning("%s: %s", self.name, error)
