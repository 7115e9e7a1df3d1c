"""The SDK's boundary: what ends in the program's threads is encoded, freed of secrets and journaled in one worker.

The caller pays an append to a bounded buffer. When the buffer is full the caller does one small batch of the
worker's work itself, so a burst slows its producer instead of losing spans; only when the disk takes nothing is
anything dropped, and then counted.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel.batch import Batch, Signal
from otel.errors import JournalError
from otel.journal import Journal
from otel.redaction import Redactor, Request

logger = logging.getLogger("otel.pipeline")

Item = ReadableSpan | ReadableLogRecord | Batch
Kind = TypeVar("Kind", ReadableSpan, ReadableLogRecord)

BATCH_ITEMS = 512
HELP_ITEMS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may wait in memory, and how long."""

    capacity: int = 8192
    """Items before a caller has to help."""
    delay: float = 0.2
    """Seconds to the commit of what asks for none at once."""
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
    ) -> None:
        self._journal = journal
        self._redactor = redactor
        self._appended = appended
        self._limits = limits
        self._buffer: deque[Item] = deque()
        self._unwritten: deque[Batch] = deque()
        self._disk_takes_nothing = False
        self._intake = threading.Lock()
        self._working = threading.Lock()
        self._progress = threading.Condition()
        self._accepted = self._handled = self._lost = 0
        self._lost_uncounted = 0
        self._wake = threading.Event()
        self._closing = False
        self._worker = threading.Thread(target=self._run, name="otel-pipeline", daemon=True)

    def start(self) -> None:
        self._worker.start()

    def put(self, item: Item, *, now: bool) -> None:
        """Accept an ended span or an emitted record; `now` asks for its commit at once. Never raises."""
        self._accept(item, 1)
        if len(self._buffer) > self._limits.capacity:
            self._help()
        elif now or len(self._buffer) >= BATCH_ITEMS:
            self._wake.set()

    def put_encoded(self, signal: Signal, request: Request, items: int) -> None:
        """Accept metrics, which their reader has already collected on a thread of its own."""
        self._accept(Batch(signal, self._redactor.encoded(request), items), items)
        self._wake.set()

    def _accept(self, item: Item, items: int) -> None:
        with self._intake:  # one queue for all, in the order of counting: `durable` relies on it
            self._accepted += items
            self._buffer.append(item)

    def durable(self, timeout: float) -> bool:
        """Wait until all that was accepted before the call is on disk; False after `timeout` seconds or when
        some of it was lost."""
        target, lost = self._accepted, self._lost
        self._wake.set()
        with self._progress:
            # in a forked child, and after close, there is no worker to wait for
            self._progress.wait_for(lambda: self._handled >= target or not self._worker.is_alive(), timeout)
            return self._handled >= target and self._lost == lost

    def counts(self) -> dict[str, int]:
        """Items of this process: `created`, `buffered`, `lost_in_memory`."""
        lost = self._lost
        return {"created": self._accepted, "buffered": self._accepted - self._handled, "lost_in_memory": lost}

    def close(self, timeout: float) -> bool:
        """Write what is left and end the worker; False when it did not finish in time."""
        self._closing = True
        self._wake.set()
        self._worker.join(timeout)
        return not self._worker.is_alive()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._limits.delay)
            self._wake.clear()
            self._drain()
        self._drain()

    def _drain(self) -> None:
        while self._buffer:
            with self._working:  # let go between batches, so that callers who help get their turn
                self._encode(BATCH_ITEMS)
                self._write()
        with self._working:
            self._write()

    def _help(self) -> None:
        if self._working.acquire(timeout=0.005):
            try:
                self._encode(HELP_ITEMS)
                self._write()
            finally:
                self._working.release()
        elif len(self._buffer) > 2 * self._limits.capacity:
            self._drop_newest()

    def _drop_newest(self) -> None:
        try:
            item = self._buffer.pop()
        except IndexError:
            return
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
        self._encode_all(Signal.TRACES, spans, encode_spans)
        self._encode_all(Signal.LOGS, logs, encode_logs)

    def _encode_all(
        self, signal: Signal, items: Sequence[Kind], encode: Callable[[Sequence[Kind]], Request]
    ) -> None:
        if not items:
            return
        try:
            self._unwritten.append(Batch(signal, self._redactor.encoded(encode(items)), len(items)))
        except Exception:
            if len(items) == 1:
                logger.exception("one item of %s could not be encoded", signal)
                self._lose(1)
                return
            for item in items:
                self._encode_all(signal, [item], encode)

    def _write(self) -> None:
        batches, lost = tuple(self._unwritten), self._lost_uncounted
        if not batches and not lost:
            return
        try:
            self._journal.append(batches, lost=lost)
        except JournalError as error:
            self._shrink(error)
            return
        self._disk_takes_nothing = False
        self._unwritten.clear()
        self._advance(sum(batch.items for batch in batches), counted=lost)
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

    def _advance(self, items: int, *, counted: int = 0) -> None:
        with self._progress:
            self._handled += items
            self._lost_uncounted -= counted
            self._progress.notify_all()


class JournalSpanProcessor(SpanProcessor):
    """Hands ended, sampled spans to the pipeline; the end of a local root asks for a commit at once."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled:
            self._pipeline.put(span, now=span.parent is None or span.parent.is_remote)

    def shutdown(self) -> None:
        pass  # the pipeline outlives the provider and is closed by its owner

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._pipeline.durable(timeout_millis / 1000)


class JournalLogProcessor(LogRecordProcessor):
    """Hands log records to the pipeline; a business event (one with a name) asks for a commit at once."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        record = ReadableLogRecord(
            log_record=log_record.log_record,
            resource=log_record.resource or Resource.get_empty(),
            instrumentation_scope=log_record.instrumentation_scope,
            limits=log_record.limits,
        )
        self._pipeline.put(record, now=bool(log_record.log_record.event_name))

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._pipeline.durable(timeout_millis / 1000)


_DELTA: dict[type, AggregationTemporality] = {
    Counter: AggregationTemporality.DELTA,
    ObservableCounter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
}


class JournalMetricExporter(MetricExporter):
    """Hands collected metrics to the pipeline, in the temporality that `signal` names."""

    def __init__(self, pipeline: Pipeline, signal: Signal) -> None:
        super().__init__(preferred_temporality=dict(_DELTA) if signal is Signal.METRICS_DELTA else {})
        self._pipeline = pipeline
        self._signal = signal

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> MetricExportResult:
        points = sum(
            len(metric.data.data_points)
            for resource in metrics_data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        )
        if points:
            self._pipeline.put_encoded(self._signal, encode_metrics(metrics_data), points)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._pipeline.durable(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        pass
