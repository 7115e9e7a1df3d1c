"""What one fresh process is told to do, and how it tells what it found."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self, TypeAlias

Figures: TypeAlias = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One measurement of one variant: `size` is the case's own number (runs, spans), `phase` 0, or 1 for what a case
    does in a second process after the first has ended."""

    case: str
    variant: str
    sink: str
    home: Path
    size: int
    phase: int = 0

    def encode(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def decode(cls, text: str) -> Self:
        fields = json.loads(text)
        return cls(**{**fields, "home": Path(fields["home"])})


def say(**figures: float) -> None:
    """Tell the parent now, since this process may be ended before it is done."""
    print(json.dumps(figures), flush=True)


def turns() -> Iterator[None]:
    """One for each turn the parent gives; what stands in the loop is then the only thing measured at that time."""
    say(ready=1)
    while sys.stdin.readline():
        yield
        say(ready=1)


def heard(output: str) -> Figures:
    """All that a process said."""
    figures: Figures = {}
    for line in output.splitlines():
        if line.startswith("{"):
            figures |= json.loads(line)
    return figures
