"""What the doctor says: one thing that was looked at, how it is, and how to mend it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding asks of the reader."""

    WELL = "well"
    NOTE = "note"
    """Worth knowing; nothing is wrong."""
    FAULT = "fault"
    """Telemetry is lost, late, doubled, exposed or not where it was wanted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` names the fault and `cure` what to do; neither ever holds a secret. `stops` when nothing else could be
    looked at."""

    level: Level
    check: str
    text: str
    cure: str = ""
    stops: bool = False


def well(check: str, text: str) -> Finding:
    return Finding(Level.WELL, check, text)


def note(check: str, text: str, cure: str = "") -> Finding:
    return Finding(Level.NOTE, check, text, cure)


def fault(check: str, text: str, cure: str, *, stops: bool = False) -> Finding:
    return Finding(Level.FAULT, check, text, cure, stops)
