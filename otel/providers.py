"""Builds the SDK's providers in code: resource, sampler, views and processors, all from the Config."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from otel.batch import Signal
from otel.config import Config
from otel.pipeline import Pipeline
from otel.processors import JournalLogProcessor, JournalMetricExporter, JournalSpanProcessor

logger = logging.getLogger("otel.providers")

DOLLAR_BUCKETS = (0.0001, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Model calls cost cents; the SDK's default buckets (0, 5, 10 ...) would put them all into one."""


@dataclass(frozen=True, slots=True)
class Providers:
    """The three SDK providers that instrumentations are handed."""

    tracer: TracerProvider
    meter: MeterProvider
    logger: LoggerProvider
    attached: JournalSpanProcessor | None = None
    """Set when `tracer` is somebody else's, to which this was added."""

    def shutdown(self, timeout: float = 1.0) -> None:
        """Collect metrics a last time and refuse what comes later. Processors stay open: the pipeline is closed
        by its owner."""
        try:
            self.meter.shutdown(timeout_millis=timeout * 1000)
        except Exception as error:  # raised for a reader that takes too long
            logger.warning("the last metrics are missing: %s", error)
        if self.attached is not None:
            self.attached.detach()  # a provider has no way to be rid of a processor again
        else:
            self.tracer.shutdown()
        self.logger.shutdown()


def can_attach(tracer: object) -> TypeGuard[TracerProvider]:
    """Whether a tracer provider takes processors, as the SDK's does."""
    return callable(getattr(tracer, "add_span_processor", None))


def build(
    config: Config,
    pipeline: Pipeline,
    metric_signals: Collection[Signal],
    *,
    beside: TracerProvider | None = None,
) -> Providers:
    """Providers whose spans, records and points end in `pipeline`; one metric reader for each wanted temporality.
    With `beside`, somebody else's tracer provider, spans are taken from that one."""
    resource = _resource(config)
    meter = MeterProvider(
        metric_readers=[_reader(config, pipeline, signal) for signal in sorted(metric_signals)],
        resource=resource,
        views=[
            View(
                instrument_type=Histogram,
                instrument_name="operation.cost",
                aggregation=ExplicitBucketHistogramAggregation(DOLLAR_BUCKETS),
            )
        ],
        shutdown_on_exit=False,
    )
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False, meter_provider=meter)
    logs.add_log_record_processor(JournalLogProcessor(pipeline))
    spans = JournalSpanProcessor(pipeline)
    if beside is not None:
        beside.add_span_processor(spans)
        return Providers(beside, meter, logs, spans)
    tracer = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(1.0 if pipeline.decides_later else config.sample_ratio)),
        resource=resource,
        shutdown_on_exit=False,
        meter_provider=meter,
    )
    tracer.add_span_processor(spans)
    return Providers(tracer, meter, logs)


def _reader(config: Config, pipeline: Pipeline, signal: Signal) -> MetricReader:
    return PeriodicExportingMetricReader(
        JournalMetricExporter(pipeline, signal), export_interval_millis=config.metric_interval * 1000
    )


def _resource(config: Config) -> Resource:
    own = {
        "service.name": config.service,
        "service.version": config.version,
        "deployment.environment.name": config.environment,
    }
    made = Resource.create({**config.resource, **{key: value for key, value in own.items() if value}})
    return _Hashed(made.attributes, made.schema_url)


class _Hashed(Resource):
    """The SDK's encoder asks for the hash with every span, and the SDK makes it anew from JSON every time, which is
    a tenth of the work of encoding."""

    def __init__(self, attributes: Mapping[str, Any], schema_url: str | None) -> None:
        super().__init__(attributes, schema_url)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash
