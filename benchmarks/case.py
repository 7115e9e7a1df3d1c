"""The shape of a case: what is asked, of which variants, how large, and which figures come out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.job import Figures, Job

Round: TypeAlias = Mapping[str, Figures]
"""One repetition: every variant's figures, measured one right after the other."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A number for a full run and for a quick one."""

    full: float
    quick: float

    def of(self, quick: bool) -> float:
        return self.quick if quick else self.full

    def __bool__(self) -> bool:
        return self.full > 0


@dataclass(frozen=True, slots=True)
class Figure:
    """One column of a case's table."""

    key: str
    title: str
    digits: int = 1


def nothing_derived(_: Round) -> None:
    """Most cases show what was measured as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`inside` runs in a fresh process for every variant and repetition, in `phases` processes one after the other
    for the variants of this layer; `derive` adds what follows from comparing the variants of one repetition."""

    name: str
    asks: str
    variants: tuple[str, ...]
    inside: Callable[[Job], None]
    size: Scale
    rounds: Scale
    figures: tuple[Figure, ...]
    quick_variants: tuple[str, ...] = ()
    """Those of a quick run; none leaves the case out of it, unless it is asked for by name."""
    turns: Scale = Scale(0, 0)
    """How often each process gets its turn, in a case whose processes take turns; such a case is less disturbed by
    what else happens on the machine. Otherwise they run one after the other, each to its end."""
    pause: float = 0.0
    """Seconds between turns in which nobody works."""
    delay: float = 0.0
    """Seconds before the sink answers."""
    limit: Scale = Scale(60, 30)
    """Seconds after which a process is ended."""
    phases: int = 1
    counted: str = ""
    """The name of the spans to be counted at the sink, when that is asked."""
    derive: Callable[[Round], None] = nothing_derived

    def chosen(self, quick: bool) -> tuple[str, ...]:
        return (self.quick_variants or self.variants) if quick else self.variants
