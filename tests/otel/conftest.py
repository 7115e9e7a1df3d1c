"""What the tests of the telemetry layer share: a real journal on disk, a clock, a server with faults."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from otel.journal import Journal
from otel.testing import FaultServer, Recording, recording


@dataclass
class Clock:
    """Seconds since the epoch, moved by hand."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db", now=clock)
    yield opened
    opened.close()


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def running_recording() -> Iterator[Recording]:
    with recording() as running:
        yield running
