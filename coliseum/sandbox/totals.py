"""What the world's models and search reported as used, altogether and by the trace that asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

MOST_TRACES = 10_000
"""Beyond so many traces only the sums over all of them grow."""


class Use(Protocol):
    """Tokens of one model call."""

    @property
    def model(self) -> str: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def cache_read_tokens(self) -> int: ...
    @property
    def cache_write_tokens(self) -> int: ...


@dataclass(slots=True)
class Tokens:
    """Calls and tokens of one model."""

    calls: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def add(self, use: Use) -> None:
        self.calls += 1
        self.input += use.input_tokens
        self.output += use.output_tokens
        self.cache_read += use.cache_read_tokens
        self.cache_write += use.cache_write_tokens

    def json(self) -> Mapping[str, int]:
        return {
            "calls": self.calls,
            "input_tokens": self.input,
            "output_tokens": self.output,
            "cache_read_tokens": self.cache_read,
            "cache_write_tokens": self.cache_write,
        }


@dataclass(slots=True)
class Sums:
    """Tokens by model id, and searches with their dollars."""

    models: dict[str, Tokens] = field(default_factory=dict)
    searches: int = 0
    search_dollars: Decimal = Decimal(0)

    def use(self, use: Use) -> None:
        self.models.setdefault(use.model, Tokens()).add(use)

    def spend(self, dollars: Decimal) -> None:
        self.searches += 1
        self.search_dollars += dollars

    def json(self) -> Mapping[str, object]:
        return {
            "models": {model: tokens.json() for model, tokens in self.models.items()},
            "model_calls": sum(tokens.calls for tokens in self.models.values()),
            "searches": self.searches,
            "search_dollars": f"{self.search_dollars:f}",
        }


class Totals:
    """Belongs to one thread. `trace` tells whose request is being answered."""

    def __init__(self, trace: Callable[[], str]) -> None:
        self._trace = trace
        self._all = Sums()
        self._by_trace: dict[str, Sums] = {}

    def use(self, use: Use) -> None:
        """Count one model call."""
        for sums in self._concerned():
            sums.use(use)

    def spend(self, dollars: Decimal) -> None:
        """Count one search."""
        for sums in self._concerned():
            sums.spend(dollars)

    def json(self) -> Mapping[str, object]:
        return {**self._all.json(), "traces": {each: sums.json() for each, sums in self._by_trace.items()}}

    def _concerned(self) -> list[Sums]:
        trace = self._trace()
        if not trace or (trace not in self._by_trace and len(self._by_trace) >= MOST_TRACES):
            return [self._all]
        return [self._all, self._by_trace.setdefault(trace, Sums())]
