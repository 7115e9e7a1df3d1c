"""How many spans a second one core can make and have on disk."""

import os
import time

from benchmarks.case import Case, Figure, Scale
from benchmarks.job import Job, say
from benchmarks.spans import burst
from benchmarks.tracing import open_tracing

WARM_UP = 2_000


def _inside(job: Job) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with open_tracing(job) as tracing:
        burst(tracing.tracer, WARM_UP)
        tracing.flush()
        began, used = time.perf_counter(), time.process_time()
        burst(tracing.tracer, job.size)
        durable = tracing.durable(60)
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
        if durable:
            say(spans_per_s=job.size / seconds, cpu_us=cpu / job.size * 1e6)


CASE = Case(
    name="durable",
    asks="spans a second, made and on disk, the whole process on one core, until durable() is true",
    variants=("journal", "layer", "layer+store"),
    quick_variants=("journal",),
    inside=_inside,
    size=Scale(30_000, 10_000),
    rounds=Scale(2, 1),
    figures=(Figure("spans_per_s", "spans/s", 0), Figure("cpu_us", "CPU µs a span", 1)),
)
