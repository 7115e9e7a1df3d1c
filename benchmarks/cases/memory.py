"""How much a process grows while it makes 100,000 spans as fast as it can."""

from benchmarks.case import Case, Figure, Scale
from benchmarks.job import Job, say
from benchmarks.spans import burst
from benchmarks.tracing import open_tracing

WARM_UP = 10_000
MEGABYTE = 1024**2


def _inside(job: Job) -> None:
    import psutil
    import pydantic_ai  # noqa: F401 # every variant begins with the heap of a program with agents

    process, peak = psutil.Process(), 0
    with open_tracing(job) as tracing:
        burst(tracing.tracer, WARM_UP)
        tracing.flush()
        before = process.memory_info().rss
        for _ in range(20):
            burst(tracing.tracer, job.size // 20)
            peak = max(peak, process.memory_info().rss)
        tracing.flush()
        after = process.memory_info().rss
        say(
            grown_mb=(after - before) / MEGABYTE,
            peak_mb=(peak - before) / MEGABYTE,
            whole_mb=after / MEGABYTE,
        )


CASE = Case(
    name="memory",
    asks=f"growth of resident memory over 100,000 spans after a warm-up of {WARM_UP:,}",
    variants=("none", "plain", "logfire", "layer", "layer+store"),
    quick_variants=("layer",),
    inside=_inside,
    size=Scale(100_000, 20_000),
    rounds=Scale(1, 1),
    figures=(
        Figure("grown_mb", "grown MB"),
        Figure("peak_mb", "peak above start MB"),
        Figure("whole_mb", "whole MB"),
    ),
)
