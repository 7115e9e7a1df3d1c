"""What is wished for, and whether it was reached; missing a target is a finding, never a failure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]
"""case -> variant -> figure -> median, min, max, n"""


@dataclass(frozen=True, slots=True)
class Target:
    case: str
    variant: str
    figure: str
    says: str
    limit: float
    at_least: bool = False

    def judged(self, results: Results) -> dict[str, Any] | None:
        """None when it was not measured in this run."""
        figure = results.get(self.case, {}).get(self.variant, {}).get(self.figure)
        if figure is None:
            return None
        value = figure["median"]
        return {
            "target": self.says,
            "wanted": f"{'≥' if self.at_least else '≤'} {self.limit:g}",
            "measured": value,
            "reached": value >= self.limit if self.at_least else value <= self.limit,
        }


TARGETS = (
    Target("agent_run", "layer", "to_plain", "added CPU of an agent run, x plain (traces and logs)", 1.0),
    Target("agent_run", "layer", "to_metrics", "added CPU of an agent run, x plain with metrics", 1.0),
    Target("agent_run", "layer", "to_logfire", "added CPU of an agent run, x logfire", 0.5),
    Target("caller_cost", "layer", "to_plain", "caller cost of a 2 KB span, x plain", 1.2),
    Target("stall", "layer", "p99_ms", "event-loop p99 stall in a burst, ms", 5.0),
    Target("stall", "layer", "no_gc_p99_ms", "the same without Python's collector, ms", 5.0),
    Target("delivered", "layer", "after_restart", "burst delivered after restart, %", 100.0, True),
    Target("exit_time", "layer", "exit_s_0", "exit with a dead destination, s", 2.0),
    Target("memory", "layer", "grown_mb", "memory growth after warm-up, MB", 20.0),
    Target("durable", "journal", "spans_per_s", "durable spans/s on one core (journal)", 10_000, True),
    Target("durable", "layer", "spans_per_s", "durable spans/s on one core (journal, sending)", 10_000, True),
    Target("drain", "layer", "spans_per_s", "drain into a fast sink, spans/s", 20_000, True),
    Target("lag", "layer", "p99_ms", "end of span to commit, p99 ms", 200.0),
)


def judge(results: Results) -> Sequence[dict[str, Any]]:
    """Every target that this run says something about."""
    judged = (target.judged(results) for target in TARGETS)
    return [finding for finding in judged if finding is not None]
