"""A journal keeps below its limits while it is used, gives back what it frees, and counts whom that cost something."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otel.batch import Batch, Signal
from otel.journal import Journal, Limits, Standing
from otel.journal.limits import DISK, FULL, LEAST_BYTES
from tests.otel.conftest import Clock
from tests.otel.making import span, spans

TRACES = frozenset({Signal.TRACES})
MEGABYTE = 1024**2


class Disk:
    """Says how much is free, as it is told."""

    def __init__(self) -> None:
        self.free = 100 * 1024**3

    def __call__(self, folder: Path) -> int:
        return self.free


@pytest.fixture
def disk() -> Disk:
    return Disk()


@contextmanager
def opened(path: Path, clock: Clock, disk: Disk, max_bytes: int = 2 * MEGABYTE) -> Iterator[Journal]:
    limits = Limits(max_bytes=max_bytes, look_bytes=MEGABYTE // 4, free=disk)
    journal = Journal(path, now=clock, limits=limits)
    journal.register("away", TRACES)
    try:
        yield journal
    finally:
        journal.close()


def bulky(number: int, size: int = 50_000) -> Batch:
    import random

    return spans(span(str(number), attributes={"filler": random.Random(number).randbytes(size).hex()}))


def away(journal: Journal) -> Standing:
    (found,) = (s for s in journal.standings() if s.destination == "away")
    return found


def dropped(journal: Journal) -> dict[str, int]:
    """Items by reason."""
    with journal._write() as connection:
        return dict(connection.execute("SELECT reason, items FROM ledger WHERE entry = 'dropped'").fetchall())


def test_a_running_journal_stays_below_its_limit(tmp_path: Path, clock: Clock, disk: Disk) -> None:
    with opened(tmp_path / "journal.db", clock, disk) as journal:
        for number in range(150):
            journal.append([bulky(number)])
            assert journal.path.stat().st_size < 3 * MEGABYTE
        assert away(journal).queued > 10
        assert dropped(journal) == {FULL: 150 - away(journal).queued}
        assert journal.check() == ()


def test_the_oldest_go_while_the_disk_is_nearly_full_and_the_newest_stay(
    tmp_path: Path, clock: Clock, disk: Disk
) -> None:
    with opened(tmp_path / "journal.db", clock, disk, max_bytes=200 * MEGABYTE) as journal:
        for number in range(24):
            journal.append([bulky(number, MEGABYTE)])
        disk.free = 1024**3 - 3 * MEGABYTE
        assert away(journal).queued == 24
        journal.append([bulky(24, MEGABYTE)])
        assert 2 <= dropped(journal)[DISK] <= 5, "no more than are needed to be above the floor"
        disk.free = 0
        journal.append([bulky(25, MEGABYTE)])
        assert LEAST_BYTES - 2 * MEGABYTE < away(journal).queued * MEGABYTE < LEAST_BYTES + 2 * MEGABYTE
        assert journal.check() == ()


def test_what_everybody_has_is_kept_for_a_while_and_then_goes(
    tmp_path: Path, clock: Clock, disk: Disk
) -> None:
    with opened(tmp_path / "journal.db", clock, disk) as journal:
        journal.append([bulky(1)])
        chunk = journal.next_for("away", max_bytes=MEGABYTE)
        assert chunk is not None
        journal.advance("away", chunk)
        clock.now += 3600
        journal.append([bulky(2)])
        assert journal.replay("away", 0.0) == 1, "still there for whoever asks again"
        journal.advance("away", chunk)
        clock.now += 86_400
        journal.append([bulky(3)])
        assert journal.replay("away", 0.0) == 0
        assert (away(journal).queued, journal.totals()["removed"], journal.check()) == (2, 1, ())


def test_dead_letters_take_their_share_and_no_more(tmp_path: Path, clock: Clock, disk: Disk) -> None:
    with opened(tmp_path / "journal.db", clock, disk) as journal:
        for number in range(20):
            journal.append([bulky(number)])
            chunk = journal.next_for("away", max_bytes=1)
            assert chunk is not None
            journal.bury("away", chunk, "HTTP 400")
        clock.now += 100
        journal.append([bulky(20)])
        with journal._write() as connection:
            (size,) = connection.execute("SELECT sum(length(body)) FROM dead").fetchone()
        assert 0 < size <= 2 * MEGABYTE // 8
        assert (away(journal).dead, journal.check()) == (20, ())
