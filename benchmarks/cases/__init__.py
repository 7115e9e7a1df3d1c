"""What is measured: one file and one line each."""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.case import Case
from benchmarks.cases import (
    agent_run,
    caller_cost,
    delivered,
    drain,
    durable,
    exit_time,
    import_time,
    lag,
    memory,
    stall,
)

CASES: Mapping[str, Case] = MappingProxyType(
    {
        case.name: case
        for case in (
            agent_run.CASE,
            agent_run.SPREAD,
            caller_cost.CASE,
            stall.CASE,
            delivered.CASE,
            exit_time.CASE,
            memory.CASE,
            import_time.CASE,
            durable.CASE,
            drain.CASE,
            lag.CASE,
        )
    }
)
