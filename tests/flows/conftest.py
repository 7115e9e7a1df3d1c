"""A fresh desk, and one that holds a position."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coliseum.domain.opportunity import Decision
from coliseum.flows.analyse import analyse
from coliseum.flows.desk import Desk
from coliseum.flows.scan import scan
from tests.flows.desks import Bench, bench, run


async def scan_and_analyse(desk: Desk) -> Decision:
    """What the scout job does, for a single opportunity."""
    found = await scan(desk, "full")
    return await analyse(desk, found.found[0].id)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path / "coliseum.db") as fresh:
        yield fresh


@pytest.fixture
def holding(at: Bench) -> Bench:
    """Holds YES of KXT-1-A, bought at 0.43 or a little more, believed to be worth 0.60."""
    run(scan_and_analyse(at.desk()))
    assert len(at.exchange.held) == 1
    return at
