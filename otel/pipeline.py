"""The SDK's boundary: what ends in the program's threads is encoded, freed of secrets and journaled in one worker.

The caller pays an append to a bounded buffer. When the buffer is full the caller does one small batch of the
worker's work itself, so a burst slows its producer instead of losing spans; only when the disk takes nothing is
anything dropped, and then counted.
"""

import logging
import os
import sqlite3
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span

from otel.batch import Batch, Signal
from otel.errors import JournalError
from otel.journal import Journal
from otel.open_span_table import Change, rescue
from otel.open_spans import OpenSpans
from otel.redaction import Redactor, Request
from otel.sampling import TailSampling

logger = logging.getLogger("otel.pipeline")

Item = ReadableSpan | ReadableLogRecord | Batch
Kind = TypeVar("Kind", ReadableSpan, ReadableLogRecord)

BATCH_ITEMS = 512
HELP_ITEMS = 32
SLICE_ITEMS = 64
"""Encoded in one go, about two milliseconds; then whoever waits for the interpreter gets it."""
WARNING_SECONDS = 60.0
"""Between two warnings about the same thing."""
RESCUE_SECONDS = 10.0
"""How often a running process looks for what a dead one left."""
FORK_SECONDS = 1.0
CHILD_SECONDS = 1.5
"""What a forked child of `multiprocessing` takes at its end to write what it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may wait in memory, and how long."""

    capacity: int = 8192
    """Items before a caller has to help."""
    delay: float = 0.15
    """Seconds until what asks for no commit gets one; with the work itself and a busy machine, within 0.2."""
    gather: float = 0.02
    """Seconds for which the end of a root span waits for others, so that one commit serves them all."""
    unwritten_bytes: int = 64 * 1024**2
    """Encoded bytes kept while the disk takes nothing."""


class Pipeline:
    """One per process. `appended` is called after every commit, from the thread that made it."""

    def __init__(
        self,
        journal: Journal,
        redactor: Redactor,
        *,
        appended: Callable[[], None],
        limits: Limits = Limits(),
        tail: TailSampling | None = None,
    ) -> None:
        self._journal = journal
        self._redactor = redactor
        self._appended = appended
        self._limits = limits
        self._tail = tail
        self._closing = self._paused = False
        self._rescued_at = time.monotonic()
        self._loss, self._fault = _Seldom(), _Seldom()
        self._begin_empty(forked=False)

    def _begin_empty(self, *, forked: bool) -> None:
        self._forked = forked
        self._worker_wanted = forked and not self._closing
        self._buffer: deque[Item] = deque()
        self._unwritten: deque[Batch] = deque()
        self._open = OpenSpans(self._redactor)
        self._looked_round = time.monotonic()
        self._disk_takes_nothing = False
        self._intake = threading.Lock()
        self._working = threading.Lock()
        self._progress = threading.Condition()
        self._accepted = self._handled = self._lost = 0
        self._lost_uncounted = 0
        self._encoded = dict.fromkeys(Signal, 0)
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._worker = threading.Thread(target=self._run, name="otel-pipeline", daemon=True)

    def start(self) -> None:
        self._worker.start()
        if hasattr(os, "register_at_fork"):
            _watch_forks(weakref.ref(self))

    def pause_for_fork(self) -> None:
        """Wait, for a second at most, until the worker does not write."""
        self._paused = self._working.acquire(timeout=FORK_SECONDS)

    def go_on_after_fork(self) -> None:
        if self._paused:
            self._paused = False
            self._working.release()

    def begin_in_child(self) -> None:
        """Right after a fork: what the parent had in memory is the parent's to write, its open spans are the
        parent's to end. A worker is started at the first use."""
        self._journal.begin_in_child()
        self._begin_empty(forked=True)

    def _start_in_child(self) -> None:
        with self._intake:
            if not self._worker_wanted:
                return
            self._worker_wanted = False
        self._worker.start()
        if util := sys.modules.get(
            "multiprocessing.util"
        ):  # its children end without the usual exit handlers
            util.Finalize(None, self.close, args=(CHILD_SECONDS,), exitpriority=100)

    def started(self, span: Span) -> None:
        """Remember that a span runs."""
        self._open.started(span)

    def ended(self, span: ReadableSpan, *, now: bool) -> None:
        """Accept an ended span; see `put`. In a forked child only what began there."""
        if self._open.ended(span.context.span_id) or not self._forked:
            self.put(span, now=now)

    def put(self, item: Item, *, now: bool, hurry: bool = False) -> None:
        """Accept an ended span or an emitted record; `now` asks for its commit, after a short gathering of others
        unless in a `hurry`. Never raises."""
        self._accept(item, 1)
        waiting = len(self._buffer)
        if waiting > self._limits.capacity:
            self._help()
        elif now or waiting >= BATCH_ITEMS:
            self._ring(hurry=hurry or waiting >= BATCH_ITEMS)
        if self._worker_wanted:
            self._start_in_child()

    def put_encoded(self, signal: Signal, request: Request, items: int) -> None:
        """Accept metrics, which their reader has already collected on a thread of its own."""
        self._accept(Batch(signal, self._redactor.encoded(request), items), items)
        self._ring(hurry=False)

    def _accept(self, item: Item, items: int) -> None:
        with self._intake:  # one queue for all, in the order of counting: `durable` relies on it
            self._accepted += items
            self._buffer.append(item)

    def _ring(self, *, hurry: bool) -> None:
        for event in (self._hurry, self._wake) if hurry else (self._wake,):
            if not event.is_set():  # setting takes a lock, and a burst rings with every span
                event.set()

    def durable(self, timeout: float) -> bool:
        """Wait until all that was accepted before the call is on disk; False after `timeout` seconds or when
        some of it was lost."""
        if self._tail is not None and not self._keep_current(self._tail, timeout):
            return False
        target, lost = self._accepted, self._lost
        self._ring(hurry=True)
        with self._progress:
            # after close there is no worker to wait for
            self._progress.wait_for(lambda: self._handled >= target or not self._worker.is_alive(), timeout)
            return self._handled >= target and self._lost == lost

    def _keep_current(self, tail: TailSampling, timeout: float) -> bool:
        """Somebody relies on the caller's trace: it is not sampled away."""
        trace_id = trace.get_current_span().get_span_context().trace_id
        if not trace_id:
            return True
        if not self._working.acquire(timeout=max(0.0, timeout)):
            return False
        try:
            self._encode_spans(tail.keep(trace_id), came=0)
        finally:
            self._working.release()
        return True

    def counts(self) -> dict[str, int]:
        """Items of this process: `created`, `buffered`, `lost_in_memory`."""
        lost = self._lost
        return {"created": self._accepted, "buffered": self._accepted - self._handled, "lost_in_memory": lost}

    def processed(self, signal: Signal) -> int:
        """Spans or log records of this process that were encoded."""
        return self._encoded[signal]

    def close(self, timeout: float) -> bool:
        """Write what is left and end the worker; False when it did not finish in time."""
        self._closing = True
        self._ring(hurry=True)
        if self._worker.ident is not None:
            self._worker.join(timeout)
        return not self._worker.is_alive()

    def rescue(self) -> int:
        """Deliver what processes that died had left open, marked as failed; how many spans. Raises JournalError."""
        found: list[Batch] = []

        def move(connection: sqlite3.Connection) -> Sequence[Batch]:
            found[:] = rescue(connection, time.time())
            return found

        self._journal.append((), also=move)
        if found:
            self._appended()
        return len(found)

    def _run(self) -> None:
        while not self._closing:
            if self._wake.wait(self._limits.delay):
                self._hurry.wait(self._limits.gather)
            self._wake.clear()
            self._hurry.clear()
            self._round()
        self._round()
        with self._working:
            self._append_change(self._open.everything())

    def _round(self) -> None:
        try:
            self._drain()
            if time.monotonic() - self._rescued_at >= RESCUE_SECONDS:
                self._rescued_at = time.monotonic()
                self.rescue()
        except Exception as error:  # this thread carries everything, so it must not end
            if self._fault.now():
                logger.warning("telemetry: %s: %s", type(error).__name__, error)

    def _drain(self) -> None:
        # what comes meanwhile asks for a round of its own, which then serves more than one span
        waiting = len(self._buffer)
        while waiting > 0 or (self._closing and self._buffer):
            with self._working:  # let go between batches, so that callers who help get their turn
                self._encode(BATCH_ITEMS)
                self._write(self._change())
            waiting -= BATCH_ITEMS
        with self._working:
            if self._tail is not None:
                self._encode_spans(self._tail.settle(everything=self._closing), came=0)
            self._write(self._change())

    @property
    def decides_later(self) -> bool:
        """Whether traces are kept or dropped at their end, so that all must be recorded."""
        return self._tail is not None

    @property
    def sampled_away(self) -> int:
        """Spans that were left out because neither the share nor a rule kept their trace."""
        return self._tail.dropped if self._tail is not None else 0

    def _change(self) -> Change | None:
        now = time.monotonic()
        look_round = now - self._looked_round >= self._limits.delay
        if look_round:
            self._looked_round = now
        return self._open.change(look_round=look_round)

    def _help(self) -> None:
        if self._working.acquire(timeout=0.005):
            try:
                self._encode(HELP_ITEMS)
                self._write(self._open.endings())
            finally:
                self._working.release()
        elif len(self._buffer) > 2 * self._limits.capacity:
            self._drop_newest()

    def _drop_newest(self) -> None:
        try:
            item = self._buffer.pop()
        except IndexError:
            return
        if isinstance(item, ReadableSpan):
            self._open.carried([item])
        self._lose(item.items if isinstance(item, Batch) else 1)

    def _encode(self, most: int) -> None:
        """Turn up to `most` buffered items into encoded batches; one that cannot be encoded is lost alone."""
        spans: list[ReadableSpan] = []
        logs: list[ReadableLogRecord] = []
        for _ in range(min(most, len(self._buffer))):
            match self._buffer.popleft():
                case Batch() as batch:
                    self._unwritten.append(batch)
                case ReadableSpan() as span:
                    spans.append(span)
                case record:
                    logs.append(record)
        self._open.carried(spans)
        came = len(spans)
        if self._tail is not None:
            spans = self._tail.sift(spans)
            for record in logs:
                if record.log_record.event_name and record.log_record.trace_id:
                    spans += self._tail.keep(record.log_record.trace_id)
        self._encode_spans(spans, came=came)
        self._encode_all(Signal.LOGS, logs, encode_logs)

    def _encode_spans(self, spans: Sequence[ReadableSpan], *, came: int) -> None:
        """Encode those that are to be written now. Of those that `came`, the ones that wait for a decision or are
        sampled away are done with; the ones that waited until now are not any more."""
        if self._tail is not None and came != len(spans):
            self._advance(came - len(spans))
        self._encode_all(Signal.TRACES, spans, encode_spans)

    def _encode_all(
        self, signal: Signal, items: Sequence[Kind], encode: Callable[[Sequence[Kind]], Request]
    ) -> None:
        for start in range(0, len(items), SLICE_ITEMS):
            self._encode_slice(signal, items[start : start + SLICE_ITEMS], encode)
            time.sleep(0)

    def _encode_slice(
        self, signal: Signal, items: Sequence[Kind], encode: Callable[[Sequence[Kind]], Request]
    ) -> None:
        try:
            self._unwritten.append(Batch(signal, self._redactor.encoded(encode(items)), len(items)))
            self._encoded[signal] += len(items)
        except Exception:
            if len(items) == 1:
                logger.exception("one item of %s could not be encoded", signal)
                self._lose(1)
                return
            for item in items:
                self._encode_slice(signal, [item], encode)

    def _write(self, change: Change | None) -> None:
        batches, lost = tuple(self._unwritten), self._lost_uncounted
        if not batches and not lost:
            self._append_change(change)
            return
        try:
            self._journal.append(batches, lost=lost, also=change.apply if change else None)
        except JournalError as error:
            self._shrink(error)
            return
        if change is not None:
            self._open.noted(change)
        self._disk_takes_nothing = False
        self._unwritten.clear()
        self._advance(sum(batch.items for batch in batches), counted=lost)
        self._appended()

    def _append_change(self, change: Change | None) -> None:
        if change is None:
            return
        try:
            self._journal.append((), also=change.apply)
        except JournalError as error:
            self._shrink(error)
            return
        self._open.noted(change)
        if change.everything:
            self._appended()

    def _shrink(self, error: JournalError) -> None:
        """The disk takes nothing: keep the newest bytes that fit into memory, count the rest as lost."""
        excess = sum(len(batch.payload) for batch in self._unwritten) - self._limits.unwritten_bytes
        while self._unwritten and excess > 0:
            batch = self._unwritten.popleft()
            excess -= len(batch.payload)
            self._lose(batch.items)
        if not self._disk_takes_nothing:  # said once, not five times a second
            logger.warning("telemetry waits in memory: %s", error)
        self._disk_takes_nothing = True

    def _lose(self, items: int) -> None:
        with self._progress:
            self._lost += items
            self._lost_uncounted += items
        self._advance(items)
        if self._loss.now():
            logger.warning("telemetry: %d items are lost, neither memory nor disk took them", self._lost)

    def _advance(self, items: int, *, counted: int = 0) -> None:
        with self._progress:
            self._handled += items
            self._lost_uncounted -= counted
            self._progress.notify_all()


class _Seldom:
    """Says when the next warning of a kind is due."""

    def __init__(self) -> None:
        self._next = float("-inf")

    def now(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + WARNING_SECONDS
        return True


def _watch_forks(pipeline: "weakref.ref[Pipeline]") -> None:
    """Fork between two writes: SQLite's own locks, held by a thread that the child has not, would stay held there."""

    def before() -> None:
        if (found := pipeline()) is not None:
            found.pause_for_fork()

    def in_parent() -> None:
        if (found := pipeline()) is not None:
            found.go_on_after_fork()

    def in_child() -> None:
        if (found := pipeline()) is not None:
            found.begin_in_child()

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)
