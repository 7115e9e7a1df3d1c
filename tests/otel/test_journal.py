"""The journal keeps what it acknowledged, gives every reader its own place, and its ledger balances."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from otel.batch import Batch, Signal
from otel.errors import JournalError
from otel.journal import Chunk, Journal, Standing
from otel.process import identity
from tests.otel.conftest import Clock
from tests.otel.making import log, logs, named, names, span, spans

TRACES = frozenset({Signal.TRACES})
BOTH = frozenset({Signal.TRACES, Signal.LOGS})
OWNER = f"{identity()}/one"
OTHER = f"{identity()}/other"

APPEND_FOREVER = """
import sys
from pathlib import Path
from otel.journal import Journal
from tests.otel.making import named
journal = Journal(Path(sys.argv[1]))
journal.claim("there", sys.argv[2] or __import__("otel.process", fromlist=["x"]).identity() + "/x", 3600)
for number in range(int(sys.argv[3])):
    journal.append([named(f"{sys.argv[4]}-{number}")])
    print(number, flush=True)
"""


def next_chunk(journal: Journal, destination: str = "there", max_bytes: int = 1024**2) -> Chunk:
    chunk = journal.next_for(destination, max_bytes=max_bytes)
    assert chunk is not None
    return chunk


def read_all(journal: Journal, destination: str = "there", max_bytes: int = 1024**2) -> list[str]:
    found: list[str] = []
    while (chunk := journal.next_for(destination, max_bytes=max_bytes)) is not None:
        found += names(chunk.batch)
        journal.advance(destination, chunk)
    return found


def standing(journal: Journal, destination: str = "there", signal: Signal = Signal.TRACES) -> Standing:
    (found,) = (s for s in journal.standings() if (s.destination, s.signal) == (destination, signal))
    return found


def balance(journal: Journal, destination: str = "there") -> int:
    """All that a destination's traces are accounted for with."""
    s = standing(journal, destination)
    return s.queued + s.delivered + s.dropped + s.dead


def damage(journal: Journal, entry: int, how: str) -> None:
    with sqlite3.connect(journal.path) as connection:
        connection.execute(f"UPDATE batch SET {how} WHERE id = ?", (entry,))
    connection.close()


def test_entries_come_back_in_order_joined_and_once(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([named("a"), named("b")])
    journal.append([named("c")])
    chunk = next_chunk(journal)
    assert names(chunk.batch) == ["a", "b", "c"]
    assert (chunk.first, chunk.last, chunk.entries, chunk.batch.items) == (1, 3, 3, 3)
    assert names(next_chunk(journal).batch) == ["a", "b", "c"], "until it is acknowledged"
    journal.advance("there", chunk)
    assert journal.next_for("there", max_bytes=1024) is None


def test_a_chunk_is_as_large_as_it_may_be_and_one_entry_at_least(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([named("a"), named("b"), named("c")])
    size = len(named("a").payload)
    assert next_chunk(journal, max_bytes=2 * size + 1).entries == 2
    assert next_chunk(journal, max_bytes=1).entries == 1


def test_each_signal_has_its_own_place_and_the_oldest_goes_first(journal: Journal) -> None:
    journal.register("there", BOTH)
    journal.append([logs(log("one")), spans(span("a"))])
    first = next_chunk(journal)
    assert first.batch.signal is Signal.LOGS
    journal.advance("there", first)
    assert next_chunk(journal).batch.signal is Signal.TRACES


def test_a_destination_is_never_offered_what_it_does_not_want(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([logs(log("one"))])
    assert journal.next_for("there", max_bytes=1024) is None


def test_a_dead_reader_does_not_hold_up_the_others(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.register("away", TRACES)
    journal.append([named("a"), named("b")])
    assert read_all(journal) == ["a", "b"]
    assert standing(journal, "away").queued == 2
    assert read_all(journal, "away") == ["a", "b"]


def test_a_destination_added_later_receives_the_backlog(journal: Journal) -> None:
    journal.append([named("before")])
    journal.register("there", TRACES)
    assert read_all(journal) == ["before"]


def test_registering_again_keeps_the_place_and_ends_a_pause(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([named("a")])
    read_all(journal)
    journal.mark("there", "paused", "HTTP 401")
    assert (standing(journal).state, standing(journal).reason) == ("paused", "HTTP 401")
    journal.register("there", TRACES)
    assert (standing(journal).state, standing(journal).reason) == ("active", "")
    assert journal.next_for("there", max_bytes=1024) is None


def test_delivered_rejected_and_buried_items_are_counted_where_the_place_moves(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([spans(span("a"), span("b", 2), span("c", 3)), named("d"), named("e")])
    first = journal.next_for("there", max_bytes=1024**2, max_entries=1)
    assert first is not None
    journal.advance("there", first, rejected=1, reason="too old")
    second = journal.next_for("there", max_bytes=1024**2, max_entries=1)
    assert second is not None
    journal.bury("there", second, "HTTP 400")
    found = standing(journal)
    assert (found.delivered, found.dead, found.queued, found.dropped) == (2, 2, 1, 0)
    assert balance(journal) == journal.totals()["journaled"] == 5


@pytest.mark.parametrize(("rejected", "dead"), [(-5, 0), (10**30, 1)])
def test_a_nonsensical_count_from_outside_does_not_unbalance_the_ledger(
    journal: Journal, rejected: int, dead: int
) -> None:
    journal.register("there", TRACES)
    journal.append([named("a")])
    journal.advance("there", next_chunk(journal), rejected=rejected)
    assert (standing(journal).dead, balance(journal)) == (dead, 1)


def test_a_dead_letter_keeps_its_bytes(journal: Journal) -> None:
    journal.register("there", TRACES)
    batch = named("poison")
    journal.append([batch])
    journal.bury("there", next_chunk(journal), "HTTP 400")
    with sqlite3.connect(journal.path) as connection:
        row = connection.execute("SELECT destination, signal, items, reason, body FROM dead").fetchone()
    connection.close()
    assert row == ("there", "traces", 1, "HTTP 400", batch.payload)


def test_two_senders_of_one_chunk_count_it_once(journal: Journal) -> None:
    """After a lease has run out, the first sender may still come back with its answer."""
    journal.register("there", TRACES)
    journal.append([named("a"), named("b")])
    chunk = next_chunk(journal)
    journal.append([named("c")])
    larger = next_chunk(journal)
    journal.advance("there", chunk)
    journal.advance("there", larger)
    journal.advance("there", chunk)
    journal.bury("there", chunk, "late")
    assert (standing(journal).delivered, standing(journal).dead, balance(journal)) == (3, 0, 3)


@pytest.mark.parametrize(
    "how", ["body = x'00'", "crc = crc + 1", "codec = 'lz4'", "bytes = 3", "body = zeroblob(40)"]
)
def test_a_damaged_entry_is_set_aside_and_the_rest_goes_on(journal: Journal, how: str) -> None:
    journal.register("there", TRACES)
    journal.append([named("a"), named("b"), named("c")])
    damage(journal, 2, how)
    assert read_all(journal) == ["a", "c"]
    assert (standing(journal).dead, balance(journal)) == (1, 3)


def test_a_header_that_asks_for_endless_memory_is_only_damage(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([named("a")])
    # the magic number, a descriptor with an eight-byte content size, and that size
    frame = bytes.fromhex("28b52ffde0") + b"\xff" * 7 + b"\x7f" + b"\x00" * 8
    damage(journal, 1, f"body = x'{frame.hex()}'")
    assert journal.next_for("there", max_bytes=1024) is None
    assert standing(journal).dead == 1


def test_the_file_is_for_its_owner_only(journal: Journal) -> None:
    journal.append([named("a")])
    for path in journal.path.parent.glob("journal.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="newer version"):
        Journal(path)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 200])
def test_a_file_that_is_no_journal_is_set_aside_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    journal = Journal(path)
    journal.append([named("a")])
    assert journal.totals()["journaled"] == journal.totals()["set aside"] == 1
    journal.close()
    (aside,) = tmp_path.glob("journal.db.damaged-*")
    assert aside.read_bytes() == content


def test_a_folder_that_does_not_exist_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="missing"):
        Journal(tmp_path / "missing" / "journal.db")


def test_a_closed_journal_says_so(journal: Journal) -> None:
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append([named("a")])
    with pytest.raises(JournalError, match="closed"):
        journal.standings()


def test_threads_share_connections_instead_of_keeping_one_each(journal: Journal) -> None:
    def in_a_thread() -> None:
        worker = threading.Thread(target=journal.append, args=([named("a")],))
        worker.start()
        worker.join()

    files = Path("/proc/self/fd")
    in_a_thread()
    before = len(list(files.iterdir()))
    for _ in range(10):
        in_a_thread()
    assert len(list(files.iterdir())) <= before
    assert journal.totals()["journaled"] == 11


def test_trimming_removes_what_everybody_has_once_it_is_old(journal: Journal, clock: Clock) -> None:
    journal.register("there", TRACES)
    journal.register("away", TRACES)
    journal.append([named("a")])
    read_all(journal)
    clock.now += 100
    journal.trim(10**9, keep_seconds=50)
    assert read_all(journal, "away") == ["a"], "one still wanted it"
    journal.trim(10**9, keep_seconds=500)
    journal.register("late", TRACES)
    assert read_all(journal, "late") == ["a"], "young enough for somebody new"
    journal.trim(10**9, keep_seconds=50)
    journal.register("later", TRACES)
    assert read_all(journal, "later") == []
    assert standing(journal, "later").dropped == balance(journal, "later") == 1


def test_a_full_journal_drops_its_oldest_and_counts_who_missed_them(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.register("away", TRACES)
    journal.append([named("a"), named("b")])
    read_all(journal)
    journal.append([named("c")])
    journal.trim(1)
    assert (standing(journal).delivered, standing(journal).dropped) == (2, 1)
    assert (standing(journal, "away").delivered, standing(journal, "away").dropped) == (0, 3)
    assert balance(journal) == balance(journal, "away") == 3


def test_what_was_trimmed_while_it_was_being_sent_is_counted_once(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([named("a"), named("b")])
    chunk = next_chunk(journal)
    journal.trim(1)
    journal.advance("there", chunk)
    assert (standing(journal).dropped, balance(journal)) == (2, 2)


def test_trimming_leaves_what_fits(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([named("a"), named("b")])
    journal.trim(10**6)
    assert read_all(journal) == ["a", "b"]


def test_lost_items_are_counted_with_the_next_entry(journal: Journal) -> None:
    journal.append([named("a")], lost=7)
    assert journal.totals() == {"journaled": 1, "lost_in_memory": 7}


def test_one_claims_a_destination_until_it_lets_go(journal: Journal) -> None:
    journal.register("there", TRACES)
    assert journal.claim("there", OWNER, 30)
    assert journal.claim("there", OWNER, 30), "again by the same"
    assert not journal.claim("there", OTHER, 30)
    journal.release("there", OTHER)
    assert not journal.claim("there", OTHER, 30), "only the holder can let go"
    journal.release("there", OWNER)
    assert journal.claim("there", OTHER, 30)


def test_a_lease_runs_out_unless_it_is_renewed(journal: Journal, clock: Clock) -> None:
    journal.register("there", TRACES)
    assert journal.claim("there", OWNER, 30)
    clock.now += 20
    assert journal.claim("there", OWNER, 30), "renewed in its second half"
    clock.now += 20
    assert not journal.claim("there", OTHER, 30)
    clock.now += 20
    assert journal.claim("there", OTHER, 30)
    assert not journal.claim("there", OWNER, 30)


def test_staying_the_sender_writes_nothing(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.claim("there", OWNER, 30)
    with sqlite3.connect(journal.path) as watcher:
        before = watcher.execute("PRAGMA data_version").fetchone()
        assert journal.claim("there", OWNER, 30)
        assert watcher.execute("PRAGMA data_version").fetchone() == before
    watcher.close()


def test_a_process_that_has_ended_is_succeeded_at_once(journal: Journal) -> None:
    journal.register("there", TRACES)
    gone = identity().rpartition(":")[0] + ":1/x"
    assert journal.claim("there", gone, 3600)
    assert journal.claim("there", OWNER, 30)


def test_an_unknown_destination_cannot_be_claimed(journal: Journal) -> None:
    assert not journal.claim("nowhere", OWNER, 30)


def writer(path: Path, owner: str, entries: int, label: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", APPEND_FOREVER, str(path), owner, str(entries), label]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."})


@pytest.mark.slow
def test_two_processes_write_one_journal_and_nothing_is_lost(journal: Journal) -> None:
    journal.register("there", TRACES)
    with writer(journal.path, "x", 50, "one") as one, writer(journal.path, "x", 50, "two") as two:
        for number in range(50):
            journal.append([named(f"here-{number}")])
        assert (one.wait(60), two.wait(60)) == (0, 0)
    expected = {f"{label}-{number}" for label in ("one", "two", "here") for number in range(50)}
    found = read_all(journal)
    assert len(found) == 150
    assert set(found) == expected
    assert balance(journal) == journal.totals()["journaled"] == 150


@pytest.mark.slow
def test_a_killed_writer_leaves_all_it_was_told_is_kept_and_its_lease_is_free(
    journal: Journal, rounds: Callable[[int], int]
) -> None:
    for number in range(rounds(20)):
        name = f"to-{number}"
        journal.register("there", TRACES)
        with writer(journal.path, "", 10**6, name) as process:
            assert process.stdout is not None
            told = [process.stdout.readline() for _ in range(5 + number)]
            process.send_signal(signal.SIGKILL)
            told += process.stdout.readlines()
        acknowledged = {f"{name}-{line.strip()}" for line in told if line.endswith("\n")}
        assert journal.claim("there", OWNER, 30)
        assert acknowledged <= set(read_all(journal))
        assert balance(journal) == journal.totals()["journaled"]
        journal.release("there", OWNER)


@pytest.mark.slow
def test_a_forked_child_writes_through_a_connection_of_its_own(journal: Journal) -> None:
    journal.register("there", TRACES)
    journal.append([named("parent")])
    child = os.fork()
    if child == 0:
        try:
            journal.append([named("child")])
            os._exit(0)
        finally:
            os._exit(1)
    _, state = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(state) == 0
    journal.append([named("parent again")])
    assert read_all(journal) == ["parent", "child", "parent again"]


def test_an_empty_append_keeps_nothing(journal: Journal) -> None:
    empty: list[Batch] = []
    journal.append(empty)
    assert journal.totals()["journaled"] == 0
