"""How many waiting spans a second are carried out of the journal."""

import time
from dataclasses import replace

from benchmarks.case import Case, Figure, Scale
from benchmarks.job import Job, say
from benchmarks.spans import burst
from benchmarks.tracing import open_tracing


def _inside(job: Job) -> None:
    if job.phase == 0:
        with open_tracing(replace(job, variant="journal")) as tracing:
            burst(tracing.tracer, job.size)
            tracing.durable(60)
        return
    import pydantic_ai  # noqa: F401 # before the clock starts

    began, used = time.perf_counter(), time.process_time()
    with open_tracing(job) as tracing:
        if tracing.flush():
            seconds, cpu = time.perf_counter() - began, time.process_time() - used
            say(spans_per_s=job.size / seconds, cpu_us=cpu / job.size * 1e6)


CASE = Case(
    name="drain",
    asks="spans a second from a full journal into a fast sink, and into the local store, opening included",
    variants=("layer", "store"),
    quick_variants=("layer",),
    inside=_inside,
    size=Scale(50_000, 20_000),
    rounds=Scale(2, 1),
    figures=(Figure("spans_per_s", "spans/s", 0), Figure("cpu_us", "CPU µs a span", 1)),
    phases=2,
)
