"""How long a program takes to end when its destination accepts connections and never answers."""

import logging
import time

from benchmarks.case import Case, Figure, Scale
from benchmarks.job import Job, say
from benchmarks.spans import burst
from benchmarks.tracing import open_tracing

SETTLE_SECONDS = 1.0


def _inside(job: Job) -> None:
    with open_tracing(job) as tracing:
        for number in range(job.size // 10):
            burst(tracing.tracer, 10)
            logging.getLogger("bench").info("line %d", number)
        time.sleep(SETTLE_SECONDS)  # requests are under way and hang
        burst(tracing.tracer, 10)
        say(left_at=time.monotonic())


CASE = Case(
    name="exit_time",
    asks="seconds to a normal exit with a destination that hangs (a process is ended at the limit)",
    variants=("none", "plain", "logfire", "layer"),
    quick_variants=("none", "layer"),
    inside=_inside,
    size=Scale(200, 200),
    rounds=Scale(1, 1),
    figures=(Figure("exit_s_0", "exit s", 2),),
    delay=3600.0,
    limit=Scale(25, 8),
)
