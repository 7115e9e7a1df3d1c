"""What a span with 2 KB of text costs the thread that makes it."""

import time

from opentelemetry.trace import Tracer

from benchmarks.case import Case, Figure, Round, Scale
from benchmarks.job import Job, say, turns
from benchmarks.tracing import open_tracing

TEXT = ("Will the sky be blue tomorrow? " * 70)[:2048]


def _inside(job: Job) -> None:
    import pydantic_ai  # noqa: F401 # every variant's heap is as large as that of a program with agents

    with open_tracing(job) as tracing:
        tracer, used, wall = tracing.tracer, 0.0, 0.0
        with tracer.start_as_current_span("bench.root"):
            _spans(tracer, job.size)
            spans = 0
            for _ in turns():
                began, start = time.thread_time(), time.perf_counter()
                _spans(tracer, job.size)
                used += time.thread_time() - began
                wall += time.perf_counter() - start
                spans += job.size
        say(caller_us=used / spans * 1e6, wall_us=wall / spans * 1e6)


def _spans(tracer: Tracer, count: int) -> None:
    for _ in range(count):
        with tracer.start_as_current_span("bench.span") as span:
            span.set_attribute("text", TEXT)


def _derive(figures: Round) -> None:
    for variant, measured in figures.items():
        if variant != "none":
            measured["to_plain"] = measured["caller_us"] / figures["plain"]["caller_us"]


CASE = Case(
    name="caller_cost",
    asks="CPU on the calling thread for one span with a 2 KB attribute",
    variants=("none", "plain", "logfire", "layer", "layer+store"),
    quick_variants=("none", "plain", "layer"),
    inside=_inside,
    size=Scale(400, 400),
    turns=Scale(20, 8),
    pause=0.05,  # so that no variant's queue is ever full: what is dropped costs nothing
    rounds=Scale(2, 1),
    figures=(
        Figure("caller_us", "caller CPU µs", 1),
        Figure("to_plain", "x plain", 2),
        Figure("wall_us", "wall µs", 1),
    ),
    derive=_derive,
)
