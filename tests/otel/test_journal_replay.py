"""What was delivered can be sent again, what is wrong is found, and an older file is brought up to date."""

import gzip
import sqlite3
from pathlib import Path

import pytest

from otel.batch import Signal
from otel.journal import Chunk, Journal, Standing
from otel.journal.schema import MIGRATIONS, SCHEMA_VERSION
from tests.otel.conftest import Clock
from tests.otel.making import log, logs, named, names

TRACES = frozenset({Signal.TRACES})
BOTH = frozenset({Signal.TRACES, Signal.LOGS})
STORED = Path(__file__).with_name("data") / "journal-version-1.db.gz"


def next_chunk(journal: Journal, max_entries: int = 1024) -> Chunk:
    chunk = journal.next_for("there", max_bytes=1024**2, max_entries=max_entries)
    assert chunk is not None
    return chunk


def read_all(journal: Journal) -> list[str]:
    found: list[str] = []
    while (chunk := journal.next_for("there", max_bytes=1024**2)) is not None:
        found += (
            names(chunk.batch)
            if chunk.batch.signal is Signal.TRACES
            else [chunk.batch.signal] * chunk.batch.items
        )
        journal.advance("there", chunk)
    return found


def standing(journal: Journal, destination: str = "there", signal: Signal = Signal.TRACES) -> Standing:
    (found,) = (s for s in journal.standings() if (s.destination, s.signal) == (destination, signal))
    return found


def test_a_stretch_is_sent_again_and_counted_twice(journal: Journal, clock: Clock) -> None:
    journal.register("there", BOTH)
    for number in range(4):
        journal.append([named(f"n{number}"), logs(log("line"))])
        clock.now += 10
    assert len(read_all(journal)) == 8
    assert journal.replay("there", clock.now - 20) == 4
    assert standing(journal).queued == 2
    assert journal.check() == ()
    assert sorted(read_all(journal)) == ["logs", "logs", "n2", "n3"]
    found = standing(journal)
    assert (found.delivered, found.replayed, found.accounted) == (6, 2, 4)
    assert journal.check() == ()


def test_nothing_later_than_the_place_is_counted_as_replayed(journal: Journal, clock: Clock) -> None:
    journal.register("there", TRACES)
    journal.append([named("a"), named("b")])
    journal.advance("there", next_chunk(journal, max_entries=1))
    assert journal.replay("there", clock.now + 1) == 0
    assert journal.replay("there", clock.now) == 1
    assert journal.replay("there", clock.now) == 0, "it waits already"
    assert journal.replay("nowhere", 0) == 0
    assert read_all(journal) == ["a", "b"]


def test_an_answer_to_what_was_under_way_does_not_pass_over_what_was_replayed(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([named("a"), named("b")])
    journal.advance("there", next_chunk(journal, max_entries=1))
    under_way = next_chunk(journal)
    assert journal.replay("there", 0) == 1
    journal.advance("there", under_way)
    assert read_all(journal) == ["a", "b"]
    assert journal.check() == ()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE batch SET body = x'00' WHERE id = 2", "entry 2"),
        ("UPDATE batch SET items = items + 1 WHERE id = 2", "entry 2"),
        ("UPDATE cursor SET last = 99", "the place of there in traces is 99"),
        ("UPDATE cursor SET last = -1", "the place of there in traces is -1"),
        ("UPDATE ledger SET items = items + 1 WHERE entry = 'delivered'", "the ledger of there"),
        ("UPDATE ledger SET items = items - 1 WHERE entry = 'journaled'", "the ledger of the journal itself"),
        ("INSERT INTO ledger VALUES ('x', 'traces', 'dropped', '', -1)", "-1 items dropped for x"),
        ("DELETE FROM batch WHERE id = 1", "does not balance"),
        ("DROP TABLE dead", ""),
    ],
)
def test_the_check_finds_what_is_wrong(journal: Journal, damage: str, said: str) -> None:
    journal.register("there", TRACES)
    journal.append([named("a"), named("b")])
    journal.advance("there", next_chunk(journal, max_entries=1))
    assert journal.check() == ()
    with sqlite3.connect(journal.path) as connection:
        connection.execute(damage)
    connection.close()
    assert said in "\n".join(journal.check())


def test_a_journal_of_the_first_version_is_brought_up_to_date_and_goes_on(
    tmp_path: Path, clock: Clock
) -> None:
    """The stored file has entries of both kinds, one removed by age, rejected and dead items, and a pause."""
    path = tmp_path / "journal.db"
    path.write_bytes(gzip.decompress(STORED.read_bytes()))
    journal = Journal(path, now=clock)
    try:
        assert journal.check() == ()
        assert journal.totals() == {"journaled": 6, "lost_in_memory": 3, "removed": 2}
        before = standing(journal)
        assert (before.queued, before.delivered, before.dead) == (1, 1, 2)
        assert (standing(journal, "away").state, standing(journal, "away").queued) == ("paused", 2)
        journal.register("there", TRACES)
        journal.append([named("e")])
        assert read_all(journal) == ["d", "e"]
        assert journal.check() == ()
    finally:
        journal.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,) == (len(MIGRATIONS),)
    connection.close()
