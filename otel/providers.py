"""Builds the SDK's providers in code: resource, sampler, views and processors, all from the Config."""

from collections.abc import Collection
from dataclasses import dataclass

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from otel.batch import Signal
from otel.config import Config
from otel.pipeline import JournalLogProcessor, JournalMetricExporter, JournalSpanProcessor, Pipeline

DOLLAR_BUCKETS = (0.0001, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Model calls cost cents; the SDK's default buckets (0, 5, 10 ...) would put them all into one."""


@dataclass(frozen=True, slots=True)
class Providers:
    """The three SDK providers that instrumentations are handed."""

    tracer: TracerProvider
    meter: MeterProvider
    logger: LoggerProvider

    def shutdown(self) -> None:
        """Collect metrics a last time and refuse what comes later. Processors stay open: the pipeline is closed
        by its owner."""
        self.meter.shutdown(timeout_millis=1000)
        self.tracer.shutdown()
        self.logger.shutdown()


def build(config: Config, pipeline: Pipeline, metric_signals: Collection[Signal]) -> Providers:
    """Providers whose spans, records and points end in `pipeline`; one metric reader for each wanted temporality."""
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
    tracer = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(config.sample_ratio)),
        resource=resource,
        shutdown_on_exit=False,
        meter_provider=meter,
    )
    tracer.add_span_processor(JournalSpanProcessor(pipeline))
    logger = LoggerProvider(resource=resource, shutdown_on_exit=False, meter_provider=meter)
    logger.add_log_record_processor(JournalLogProcessor(pipeline))
    return Providers(tracer, meter, logger)


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
    return Resource.create({**config.resource, **{key: value for key, value in own.items() if value}})
