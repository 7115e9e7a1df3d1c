"""Which share of a burst arrives at a slow backend, at a normal exit and after the next start."""

import time

from benchmarks.case import Case, Figure, Round, Scale
from benchmarks.job import Job, say
from benchmarks.spans import BURST, burst
from benchmarks.tracing import open_tracing


def _inside(job: Job) -> None:
    with open_tracing(job) as tracing:
        if job.phase == 0:
            burst(tracing.tracer, job.size)
            say(made=job.size)
        else:
            tracing.flush()
        say(left_at=time.monotonic())


def _derive(figures: Round) -> None:
    for measured in figures.values():
        measured["at_exit"] = measured["arrived_0"] / measured["made"] * 100
        if "arrived_1" in measured:
            measured["after_restart"] = measured["arrived_1"] / measured["made"] * 100


CASE = Case(
    name="delivered",
    asks="share of a burst of 10,000 spans that arrives at a sink that takes 250 ms a request",
    variants=("plain", "logfire", "layer", "layer+store"),
    quick_variants=("plain", "layer"),
    inside=_inside,
    size=Scale(10_000, 10_000),
    rounds=Scale(1, 1),
    figures=(
        Figure("at_exit", "% at exit"),
        Figure("after_restart", "% after restart"),
        Figure("exit_s_0", "exit s", 2),
    ),
    delay=0.25,
    phases=2,
    counted=BURST,
    derive=_derive,
)
