"""How long an event loop stands still while tasks make a burst of spans."""

import asyncio
import gc
import statistics
import time

from opentelemetry.trace import Tracer

from benchmarks.case import Case, Figure, Scale
from benchmarks.job import Job, say
from benchmarks.spans import ATTRIBUTES, BURST, burst
from benchmarks.tracing import open_tracing

TASKS = 20
TICK_SECONDS = 0.001
WARM_UP, SETTLE_SECONDS = 500, 0.5


def _inside(job: Job) -> None:
    import pydantic_ai  # noqa: F401 # every variant's heap is as large as that of a program with agents

    with open_tracing(job) as tracing:
        burst(tracing.tracer, WARM_UP)
        time.sleep(SETTLE_SECONDS)
        began = time.perf_counter()
        late = asyncio.run(_burst(tracing.tracer, job.size))
        seconds = time.perf_counter() - began
        tracing.flush()
        gc.disable()  # Python's own pauses, which are as long as the heap is large, are shown apart
        uncollected = statistics.quantiles(asyncio.run(_burst(tracing.tracer, job.size)), n=100)
        gc.enable()
        hundredths = statistics.quantiles(late, n=100)
        say(p50_ms=hundredths[49], p99_ms=hundredths[98], worst_ms=max(late), burst_s=seconds)
        say(no_gc_p50_ms=uncollected[49], no_gc_p99_ms=uncollected[98])


async def _burst(tracer: Tracer, spans: int) -> list[float]:
    """Milliseconds that a timer was late, each time it went off."""
    late: list[float] = []
    ticking = asyncio.create_task(_tick(late))
    await asyncio.gather(*(_work(tracer, spans // TASKS) for _ in range(TASKS)))
    ticking.cancel()
    return late


async def _work(tracer: Tracer, spans: int) -> None:
    with tracer.start_as_current_span(BURST):
        for _ in range(spans - 1):
            with tracer.start_as_current_span(BURST, attributes=ATTRIBUTES):
                await asyncio.sleep(0)


async def _tick(late: list[float]) -> None:
    while True:
        due = time.perf_counter() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        late.append((time.perf_counter() - due) * 1000)


CASE = Case(
    name="stall",
    asks=f"event-loop lateness while {TASKS} tasks make 10,000 spans",
    variants=("none", "plain", "logfire", "layer", "layer+store"),
    quick_variants=("plain", "layer"),
    inside=_inside,
    size=Scale(10_000, 10_000),
    rounds=Scale(2, 1),
    figures=(
        Figure("p50_ms", "p50 ms", 2),
        Figure("p99_ms", "p99 ms", 2),
        Figure("no_gc_p50_ms", "p50 ms, no GC", 2),
        Figure("no_gc_p99_ms", "p99 ms, no GC", 2),
        Figure("worst_ms", "worst ms", 1),
        Figure("burst_s", "burst s", 2),
    ),
)
