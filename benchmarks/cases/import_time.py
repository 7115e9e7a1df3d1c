"""How long it takes to import what a variant needs, and to be ready to trace."""

import importlib
import time

from benchmarks.case import Case, Figure, Scale
from benchmarks.job import Job, say
from benchmarks.tracing import open_tracing

PLAIN = (
    "opentelemetry.sdk.trace.export",
    "opentelemetry.sdk._logs.export",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.instrumentation.logging.handler",
    "opentelemetry.instrumentation.httpx",
)
IMPORTS = {"none": ("opentelemetry.trace",), "plain": PLAIN, "logfire": ("logfire",), "layer": ("otel",)}


def _inside(job: Job) -> None:
    import pydantic_ai  # noqa: F401 # a program with agents has it in any case

    began = time.perf_counter()
    for name in IMPORTS[job.variant]:
        importlib.import_module(name)
    imported = time.perf_counter()
    with open_tracing(job):
        say(import_ms=(imported - began) * 1000, open_ms=(time.perf_counter() - imported) * 1000)


CASE = Case(
    name="import_time",
    asks="milliseconds to import, and to open, in a program that has imported pydantic-ai",
    variants=tuple(IMPORTS),
    quick_variants=("plain", "layer"),
    inside=_inside,
    size=Scale(1, 1),
    rounds=Scale(2, 1),
    figures=(Figure("import_ms", "import ms", 0), Figure("open_ms", "open ms", 0)),
)
