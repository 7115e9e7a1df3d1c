"""The variants: how a program is traced in each, opened and closed as such a program would do it."""

import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from opentelemetry import trace

from benchmarks.job import Job

TOKEN = "pylf_v1_us_" + "b" * 40
SECRETS = frozenset(
    {"a-key-that-must-not-leak-1", "a-key-that-must-not-leak-2", "a-key-that-must-not-leak-3"}
)
AGENTS: Mapping[str, Any] = {"include_binary_content": False, "include_model_request_parameters": False}
"""The same for every variant, so that what is compared is the way of a span and not its size."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """`flush` waits until what has ended is delivered; `durable` until it is at least on disk, where there is such
    a thing."""

    flush: Callable[[], object] = lambda: None
    durable: Callable[[float], bool] = lambda seconds: False

    @property
    def tracer(self) -> trace.Tracer:
        return trace.get_tracer("benchmarks")


Open = Callable[[Job], AbstractContextManager[Tracing]]


@contextmanager
def none(_: Job) -> Iterator[Tracing]:
    """The API without an SDK: what a program pays that could be traced and is not."""
    yield Tracing()


@contextmanager
def plain(job: Job, *, metrics: bool = False) -> Iterator[Tracing]:
    """The SDK as its documentation sets it up, with its defaults: batch processors, OTLP over HTTP, log handler."""
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": "bench"})
    tracer = TracerProvider(resource=resource)
    tracer.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{job.sink}/v1/traces")))
    logger = LoggerProvider(resource=resource)
    logger.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{job.sink}/v1/logs")))
    meter = _plain_meter(job, resource) if metrics else None
    trace.set_tracer_provider(tracer)
    set_logger_provider(logger)
    logging.getLogger().addHandler(LoggingHandler(logger_provider=logger))
    _instrument(tracer, meter)
    try:
        yield Tracing(flush=lambda: (tracer.force_flush(), logger.force_flush()))
    finally:
        for provider in (meter, tracer, logger):
            if provider is not None:
                provider.shutdown()


def plain_with_metrics(job: Job) -> AbstractContextManager[Tracing]:
    """The same with a meter provider: the three signals that this layer and logfire carry."""
    return plain(job, metrics=True)


def _plain_meter(job: Job, resource: Any) -> Any:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.metrics import set_meter_provider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{job.sink}/v1/metrics"))
    meter = MeterProvider([reader], resource=resource)
    set_meter_provider(meter)
    return meter


def _instrument(tracer: Any, meter: Any) -> None:
    from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor

    HTTPX2ClientInstrumentor().instrument(tracer_provider=tracer, meter_provider=meter)
    if "pydantic_ai" not in sys.modules:
        return  # a case without agents: importing them takes most of a second
    from pydantic_ai import Agent, InstrumentationSettings

    Agent.instrument_all(
        InstrumentationSettings(tracer_provider=tracer, meter_provider=meter, version=5, **AGENTS)
    )


@contextmanager
def vendor(job: Job) -> Iterator[Tracing]:
    """logfire as its documentation sets it up, sending to the loopback sink."""
    import logfire

    logfire.configure(
        service_name="bench",
        token=TOKEN,
        send_to_logfire=True,
        console=False,
        inspect_arguments=False,
        data_dir=job.home,
        advanced=logfire.AdvancedOptions(base_url=job.sink),
    )
    logfire.instrument_pydantic_ai(version=5, **AGENTS)
    logfire.instrument_httpx()
    logging.getLogger().addHandler(logfire.LogfireLoggingHandler())
    try:
        yield Tracing(flush=logfire.force_flush)
    finally:
        logfire.shutdown()


def layer(*destinations: str) -> Open:
    """This layer with its defaults, its journal in a fresh folder."""

    @contextmanager
    def opened(job: Job) -> Iterator[Tracing]:
        import otel
        from otel.config import OtlpTarget

        config = otel.Config(
            service="bench",
            home=job.home,
            destinations=destinations,
            otlp=OtlpTarget.at(job.sink),
            secrets=SECRETS,
        )
        with otel.start(config) as telemetry:
            yield Tracing(flush=lambda: telemetry.force_flush(60), durable=telemetry.durable)

    return opened


VARIANTS: Mapping[str, Open] = MappingProxyType(
    {
        "none": none,
        "plain": plain,
        "plain+metrics": plain_with_metrics,
        "logfire": vendor,
        "journal": layer(),
        "layer": layer("otlp"),
        "layer+store": layer("otlp", "store"),
        "store": layer("store"),
    }
)


def is_ours(variant: str) -> bool:
    """Whether it is this layer, which has something left to do after a restart."""
    return variant in ("journal", "layer", "layer+store", "store")


def missing(variant: str) -> str:
    """Why a variant cannot be measured here, or ""."""
    if variant == "logfire" and importlib.util.find_spec("logfire") is None:
        return "logfire is not installed (pip install logfire)"
    return ""


@contextmanager
def open_tracing(job: Job) -> Iterator[Tracing]:
    """The job's variant; log records of level INFO are made in each, and go nowhere else."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger().setLevel(logging.INFO)
    for quiet in ("httpx", "httpx2", "opentelemetry", "urllib3"):
        logging.getLogger(quiet).setLevel(logging.CRITICAL)
    with VARIANTS[job.variant](job) as tracing:
        yield tracing
