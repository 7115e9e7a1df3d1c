"""What the SDK calls: hands spans, log records and collected metrics to the pipeline, and asks what it promises."""

import os

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
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

from otel.batch import Signal
from otel.pipeline import Pipeline


class JournalSpanProcessor(SpanProcessor):
    """Hands ended, sampled spans to the pipeline; the end of a local root asks for a commit."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._detached = False

    def detach(self) -> None:
        """Take nothing more: the provider lives on, the pipeline does not."""
        self._detached = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.context.trace_flags.sampled and not self._detached:
            self._pipeline.started(span)

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled and not self._detached:
            self._pipeline.ended(span, now=span.parent is None or span.parent.is_remote)

    def shutdown(self) -> None:
        pass  # the pipeline outlives the provider and is closed by its owner

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._detached or self._pipeline.durable(timeout_millis / 1000)


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
        event = bool(log_record.log_record.event_name)
        self._pipeline.put(record, now=event, hurry=event)

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
    """Hands collected metrics to the pipeline, in the temporality that `signal` names.

    Not those of a forked child: its sums begin with its parent's and would be counted twice."""

    def __init__(self, pipeline: Pipeline, signal: Signal) -> None:
        super().__init__(preferred_temporality=dict(_DELTA) if signal is Signal.METRICS_DELTA else {})
        self._pipeline = pipeline
        self._signal = signal
        self._process = os.getpid()

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> MetricExportResult:
        if os.getpid() != self._process:
            return MetricExportResult.SUCCESS
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
