"""CPU of one agent run, all threads and child processes counted, from the first run to the end of the exit."""

import asyncio
import gc
import os
import time

from benchmarks.case import Case, Figure, Round, Scale
from benchmarks.job import Job, say, turns
from benchmarks.tracing import Tracing, open_tracing

WARM_UP = 10
GAP_SECONDS = 0.15
VARIANTS = ("none", "plain", "plain+metrics", "logfire", "layer", "layer+store")


def _cpu() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _inside(job: Job) -> None:
    import pydantic_ai  # noqa: F401 # before tracing is opened, as a program with agents has it

    with open_tracing(job) as tracing:
        began, wall, runs = asyncio.run(_runs(job, tracing))
    say(cpu_ms=(_cpu() - began) / runs * 1000, wall_ms=wall / runs * 1000, runs=runs + WARM_UP)


async def _runs(job: Job, tracing: Tracing) -> tuple[float, float, int]:
    """Where CPU time stood before the runs, how long they took and how many they were."""
    import httpx2

    from benchmarks import agent

    async with httpx2.AsyncClient() as client:
        made = agent.build(client, job.sink)
        for _ in range(WARM_UP):
            await agent.run(made)
        await asyncio.to_thread(tracing.flush)
        gc.collect()
        began, wall, runs = _cpu(), 0.0, 0
        for _ in turns():
            start = time.perf_counter()
            for _ in range(job.size):
                await agent.run(made)
            wall += time.perf_counter() - start
            runs += job.size
    return began, wall, runs


def _derive(figures: Round) -> None:
    """What tracing added, and that as a share of what the plain SDK and logfire added in the same repetition."""
    for measured in figures.values():
        measured["added_ms"] = measured["cpu_ms"] - figures["none"]["cpu_ms"]
        measured["arrived"] = measured["arrived_0"] / measured["runs"] * 100
    for other, key in (("plain", "to_plain"), ("plain+metrics", "to_metrics"), ("logfire", "to_logfire")):
        base = figures.get(other, {}).get("added_ms", 0.0)
        for variant, measured in figures.items():
            if base > 0 and variant != "none":
                measured[key] = measured["added_ms"] / base


FIGURES = (
    Figure("cpu_ms", "CPU ms a run", 2),
    Figure("added_ms", "added ms", 2),
    Figure("to_plain", "x plain", 2),
    Figure("to_metrics", "x plain+metrics", 2),
    Figure("to_logfire", "x logfire", 2),
    Figure("wall_ms", "wall ms a run", 2),
    Figure("arrived", "% arrived", 0),
)
ROOT_SPAN = "invoke_agent researcher"
CASE = Case(
    name="agent_run",
    asks="CPU of an agent run (two tools, two HTTP calls, four log lines), one right after the other",
    variants=VARIANTS,
    quick_variants=("none", "plain", "logfire", "layer"),
    inside=_inside,
    size=Scale(10, 10),
    turns=Scale(25, 6),
    rounds=Scale(2, 1),
    figures=FIGURES,
    counted=ROOT_SPAN,
    derive=_derive,
)
SPREAD = Case(
    name="agent_run_spread",
    asks="the same with a quarter of a second between runs: every run is committed by itself",
    variants=VARIANTS,
    inside=_inside,
    size=Scale(1, 1),
    turns=Scale(40, 10),
    pause=GAP_SECONDS,
    rounds=Scale(1, 1),
    figures=FIGURES,
    counted=ROOT_SPAN,
    derive=_derive,
)
