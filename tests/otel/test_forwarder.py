"""A forwarder does with a batch what the answer asks for, and never lets go of one without a reason."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from otel.batch import Batch, Signal
from otel.config import Patience
from otel.destination import Outcome
from otel.errors import JournalError
from otel.forwarder import IDLE_SECONDS, Forwarder
from otel.journal import Journal, Standing
from tests.otel.conftest import Clock
from tests.otel.making import log, logs, named, names
from tests.otel.scripted import Scripted


def forwarder(journal: Journal, destination: Scripted) -> Forwarder:
    """Not started: stepped by hand. Without jitter a wait is the longest it can be."""
    journal.register(destination.name, destination.signals)
    return Forwarder(journal, destination, jitter=lambda: 1.0)


def standing(journal: Journal, destination: str = "scripted") -> Standing:
    (found,) = (s for s in journal.standings() if s.destination == destination)
    return found


def drain(carrier: Forwarder) -> None:
    while carrier.step() == 0.0:
        pass


def test_what_is_delivered_is_counted_and_the_next_follows_at_once(journal: Journal) -> None:
    there = Scripted()
    carrier = forwarder(journal, there)
    journal.append([named("a"), named("b")])
    assert carrier.step() == 0.0
    assert carrier.step() == IDLE_SECONDS
    assert there.taken == ["a", "b"]
    assert (standing(journal).delivered, standing(journal).queued) == (2, 0)


def test_small_entries_are_joined_up_to_what_the_destination_takes(journal: Journal) -> None:
    there = Scripted()
    there.max_bytes = 2 * len(named("a").payload)
    carrier = forwarder(journal, there)
    journal.append([named("a"), named("b"), named("c")])
    drain(carrier)
    assert [batch.items for batch in there.offered] == [2, 1]


def test_a_destination_that_is_away_is_asked_again_with_the_same_bytes(journal: Journal) -> None:
    there = Scripted("scripted", Outcome.later("HTTP 503"))
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    assert carrier.step() == 1.0
    assert (standing(journal).state, standing(journal).reason, standing(journal).queued) == (
        "later",
        "HTTP 503",
        1,
    )
    assert carrier.step() == 0.0
    assert there.offered[0] == there.offered[1]
    assert (standing(journal).state, standing(journal).reason) == ("active", "")


def test_waits_double_to_two_minutes_and_begin_again_after_success(journal: Journal) -> None:
    there = Scripted("scripted", *[Outcome.later("away")] * 9, Outcome.delivered(), Outcome.later("away"))
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    assert [carrier.step() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 64, 128, 128]
    assert carrier.step() == 0.0
    journal.append([named("b")])
    assert carrier.step() == 1.0


def test_patience_has_no_end(journal: Journal) -> None:
    """Days of failures: the wait neither grows nor overflows."""
    there = Scripted("scripted", *[Outcome.later("away")] * 1200)
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    assert [carrier.step() for _ in range(1200)][-1] == 128.0


def test_jitter_shortens_a_wait_by_half_at_most(journal: Journal) -> None:
    there = Scripted("scripted", Outcome.later("away"))
    journal.register(there.name, there.signals)
    journal.append([named("a")])
    assert Forwarder(journal, there, jitter=lambda: 0.0).step() == 0.5


@pytest.mark.parametrize(("asked", "waited"), [(30.0, 30.0), (0.0, 1.0)])
def test_a_wait_that_was_asked_for_is_kept(journal: Journal, asked: float, waited: float) -> None:
    there = Scripted("scripted", Outcome.later("HTTP 429", retry_after=asked))
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    assert carrier.step() == waited


def test_a_paused_destination_keeps_its_queue_and_says_why(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    there = Scripted("scripted", Outcome.paused("HTTP 401"))
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    assert carrier.step() == Patience().paused
    found = standing(journal)
    assert (found.state, found.reason, found.queued, found.dead) == ("paused", "HTTP 401", 1, 0)
    assert "scripted is paused: HTTP 401" in caplog.text


def test_a_paused_destination_resumes_at_the_next_start(journal: Journal) -> None:
    there = Scripted("scripted", Outcome.paused("HTTP 401"))
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    assert carrier.step() == Patience().paused
    journal.release("scripted", carrier.owner)
    again = Scripted()
    journal.register("scripted", again.signals)
    drain(Forwarder(journal, again))
    assert again.taken == ["a"]
    assert standing(journal).state == "active"


def test_a_refused_batch_is_split_until_only_the_bad_entry_is_set_aside(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    there = Scripted(refuses=["bad"])
    carrier = forwarder(journal, there)
    everything = [f"good-{n}" for n in range(20)] + ["bad"] + [f"good-{n}" for n in range(20, 40)]
    journal.append([named(name) for name in everything])
    drain(carrier)
    assert there.taken == [name for name in everything if name != "bad"]
    assert (standing(journal).delivered, standing(journal).dead, standing(journal).queued) == (40, 1, 0)
    assert "refused 1 items for good: poison" in caplog.text


def test_finding_the_bad_entry_takes_few_requests(journal: Journal) -> None:
    there = Scripted(refuses=["bad"])
    carrier = forwarder(journal, there)
    journal.append([named(f"good-{n}") for n in range(500)] + [named("bad")])
    drain(carrier)
    assert len(there.offered) < 60


def test_a_batch_that_is_too_large_is_halved_until_it_fits(journal: Journal) -> None:
    class Narrow(Scripted):
        def deliver(self, batch: Batch) -> Outcome:
            self.offered.append(batch)
            return Outcome.delivered() if batch.items <= 2 else Outcome.refused("HTTP 413")

    there = Narrow()
    carrier = forwarder(journal, there)
    journal.append([named(f"n-{n}") for n in range(8)])
    drain(carrier)
    assert [batch.items for batch in there.offered][:3] == [8, 4, 2]
    assert (standing(journal).delivered, standing(journal).dead) == (8, 0)


def letters(journal: Journal) -> list[tuple[int, str, list[str]]]:
    with closing(sqlite3.connect(journal.path)) as connection:
        rows = connection.execute("SELECT items, reason, body FROM dead ORDER BY id").fetchall()
    return [(count, reason, names(Batch(Signal.TRACES, body, count))) for count, reason, body in rows]


def test_one_bad_item_in_an_entry_is_set_aside_alone(journal: Journal) -> None:
    there = Scripted(refuses=["bad"])
    carrier = forwarder(journal, there)
    everything = [*(f"good-{n}" for n in range(300)), "bad", *(f"good-{n}" for n in range(300, 511))]
    journal.append([named(*everything)])
    drain(carrier)
    assert there.taken == [name for name in everything if name != "bad"]
    assert (standing(journal).delivered, standing(journal).dead, standing(journal).queued) == (511, 1, 0)
    assert letters(journal) == [(1, "poison", ["bad"])]
    assert len(there.offered) <= 2 * 9 + 1


def test_every_bad_item_is_found_wherever_it_stands(journal: Journal) -> None:
    there = Scripted(refuses=["bad-1", "bad-2", "bad-3"])
    carrier = forwarder(journal, there)
    journal.append([named("bad-1", "a", "b"), named("c", "bad-2"), named("d", "e", "bad-3")])
    drain(carrier)
    assert there.taken == ["a", "b", "c", "d", "e"]
    assert [found for _, _, found in letters(journal)] == [["bad-1"], ["bad-2"], ["bad-3"]]


def test_the_place_does_not_move_before_every_part_has_its_answer(journal: Journal) -> None:
    """Whoever takes over in the middle offers the whole entry: what comes twice has the same ids."""
    there = Scripted(refuses=["bad"])
    carrier = forwarder(journal, there)
    journal.append([named("a", "b", "bad", "c")])
    for _ in range(2):
        assert carrier.step() == 0.0
    assert there.taken == ["a", "b"]
    assert (standing(journal).queued, standing(journal).delivered) == (4, 0)
    journal.release("scripted", carrier.owner)
    drain(forwarder(journal, there))
    assert there.taken == ["a", "b", "a", "b", "c"]
    assert (standing(journal).delivered, standing(journal).dead, standing(journal).queued) == (3, 1, 0)


def test_a_sender_that_lost_its_lease_in_the_middle_begins_again_with_the_whole(
    journal: Journal, clock: Clock
) -> None:
    there = Scripted(refuses=["bad"])
    carrier = forwarder(journal, there)
    journal.append([named("a", "b", "bad", "c")])
    for _ in range(2):
        carrier.step()
    clock.now += 60
    assert journal.claim("scripted", "another/process", 30)
    assert carrier.step() == IDLE_SECONDS
    journal.release("scripted", "another/process")
    drain(carrier)
    assert there.taken == ["a", "b", "a", "b", "c"]


def test_a_place_that_goes_away_in_the_middle_is_asked_for_the_rest_only(journal: Journal) -> None:
    there = Scripted("scripted", Outcome.refused("poison"), Outcome.delivered(), Outcome.later("HTTP 503"))
    carrier = forwarder(journal, there)
    journal.append([named("a", "b", "c", "d")])
    assert [carrier.step() for _ in range(4)] == [0.0, 0.0, 1.0, 0.0]
    assert [names(batch) for batch in there.offered] == [
        ["a", "b", "c", "d"],
        ["a", "b"],
        ["c", "d"],
        ["c", "d"],
    ]
    assert standing(journal).delivered == 4


def test_parts_that_were_taken_but_for_some_items_are_counted_exactly(journal: Journal) -> None:
    some = Outcome.delivered(rejected=1, reason="too old")
    there = Scripted("scripted", Outcome.refused("poison"), some, some)
    carrier = forwarder(journal, there)
    journal.append([named("a", "b", "c", "d", "e")])
    drain(carrier)
    assert (standing(journal).delivered, standing(journal).dead, standing(journal).queued) == (3, 2, 0)


def test_an_entry_that_is_no_telemetry_is_set_aside_whole(journal: Journal) -> None:
    class Refusing(Scripted):
        def deliver(self, batch: Batch) -> Outcome:
            return Outcome.refused("not an OTLP request")

    carrier = forwarder(journal, Refusing())
    journal.append([Batch(Signal.TRACES, b"\xff\xff", 5)])
    drain(carrier)
    assert (standing(journal).delivered, standing(journal).dead, standing(journal).queued) == (0, 5, 0)


def test_an_answer_that_the_journal_could_not_note_is_not_asked_for_again(journal: Journal) -> None:
    class Forgetful(Journal):
        failing = True

        def settle(self, *arguments: Any) -> None:
            if self.failing:
                raise JournalError("no room")
            super().settle(*arguments)

    other, there = Forgetful(journal.path), Scripted()
    try:
        carrier = forwarder(other, there)
        other.append([named("a")])
        assert carrier.step() == 1.0
        other.failing = False
        assert carrier.step() == 0.0
    finally:
        other.close()
    assert (there.taken, standing(journal).delivered) == (["a"], 1)


class Narrow(Scripted):
    """Takes requests up to a size, and says that larger ones are too large."""

    limit = 40_000

    def deliver(self, batch: Batch) -> Outcome:
        if len(batch.payload) > self.limit:
            self.offered.append(batch)
            return Outcome.refused("HTTP 413", too_large=True)
        return super().deliver(batch)


def test_an_entry_that_is_too_large_is_taken_in_parts(journal: Journal) -> None:
    there = Narrow()
    carrier = forwarder(journal, there)
    whole = [f"{n}-{'x' * 500}" for n in range(512)]
    journal.append([named(*whole)])
    drain(carrier)
    assert there.taken == whole
    assert (standing(journal).delivered, standing(journal).dead) == (512, 0)


def test_one_item_that_is_too_large_is_set_aside_alone(journal: Journal) -> None:
    there = Narrow()
    carrier = forwarder(journal, there)
    journal.append([named("a", "b", "x" * 50_000, "c")])
    drain(carrier)
    assert there.taken == ["a", "b", "c"]
    assert [(count, reason) for count, reason, _ in letters(journal)] == [(1, "HTTP 413")]


def test_a_size_that_was_refused_is_not_tried_again_soon(journal: Journal) -> None:
    """It is learned how much may be joined, and slowly whether that still holds."""
    there = Narrow()
    carrier = forwarder(journal, there)
    for n in range(1000):
        journal.append([named(f"{n}-{'x' * 2000}")])
    drain(carrier)
    refused = [batch for batch in there.offered if len(batch.payload) > there.limit]
    assert len(there.taken) == 1000
    assert len(refused) < len(there.offered) / 10


def test_items_that_were_not_taken_of_a_delivered_batch_are_dead(journal: Journal) -> None:
    there = Scripted("scripted", Outcome.delivered(rejected=1, reason="too old"))
    carrier = forwarder(journal, there)
    journal.append([named("a"), named("b")])
    drain(carrier)
    assert (standing(journal).delivered, standing(journal).dead) == (1, 1)


def test_an_error_in_a_destination_is_a_reason_to_ask_again(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    there = Scripted("scripted", RuntimeError("bug"))
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    assert carrier.step() == 1.0
    assert "RuntimeError" in standing(journal).reason
    assert carrier.step() == 0.0
    assert there.taken == ["a"]
    assert "delivery failed unexpectedly" in caplog.text


def test_a_journal_that_cannot_be_read_is_asked_again_with_patience(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    carrier = forwarder(journal, Scripted())
    journal.close()
    assert [carrier.step(), carrier.step()] == [1.0, 2.0]
    assert "closed" in caplog.text


def test_only_one_of_two_forwarders_sends(journal: Journal, clock: Clock) -> None:
    one, two = Scripted(), Scripted()
    first, second = forwarder(journal, one), forwarder(journal, two)
    journal.append([named("a")])
    assert first.step() == 0.0
    journal.append([named("b")])
    assert second.step() == IDLE_SECONDS
    assert two.offered == []
    clock.now += 31
    assert second.step() == 0.0
    assert two.taken == ["b"]


class Gate(Scripted):
    """Hangs in its delivery until the test lets it go."""

    def __init__(self, name: str = "gate") -> None:
        super().__init__(name)
        self.entered = threading.Event()
        self.open = threading.Event()

    def deliver(self, batch: Batch) -> Outcome:
        self.entered.set()
        self.open.wait(30)
        return super().deliver(batch)


@contextmanager
def running(*forwarders: Forwarder) -> Iterator[None]:
    for each in forwarders:
        each.start()
    try:
        yield
    finally:
        for each in forwarders:
            each.finish(time.monotonic() + 5)
            if isinstance(each.destination, Gate):
                each.destination.open.set()
            assert each.join(5)


def eventually(true: Callable[[], bool], timeout: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return true()


def test_a_dead_destination_does_not_hold_up_the_others(journal: Journal) -> None:
    """Readers keep their own place, so one that hangs costs the rest nothing."""
    gate, there = Gate(), Scripted()
    hanging, working = forwarder(journal, gate), forwarder(journal, there)
    with running(hanging, working):
        journal.append([named("a")])
        hanging.ring()
        assert gate.entered.wait(5)
        for name in ("b", "c"):
            journal.append([named(name)])
            working.ring()
        assert eventually(lambda: there.taken == ["a", "b", "c"])
        assert gate.taken == []


def test_ringing_is_heard_at_once(journal: Journal) -> None:
    there = Scripted()
    carrier = forwarder(journal, there)
    with running(carrier):
        time.sleep(0.05)  # it has found nothing and waits
        began = time.monotonic()
        journal.append([named("a")])
        carrier.ring()
        assert eventually(lambda: there.taken == ["a"])
        assert time.monotonic() - began < IDLE_SECONDS / 2


def test_finishing_delivers_what_waits_and_lets_the_next_one_in(journal: Journal) -> None:
    there = Scripted()
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    carrier.start()
    carrier.finish(time.monotonic() + 5)
    assert carrier.join(5)
    assert there.taken == ["a"]
    assert journal.claim("scripted", "somebody/else", 30)


def test_finishing_cuts_a_long_wait_short(journal: Journal) -> None:
    there = Scripted("scripted", *[Outcome.later("away", retry_after=3600)] * 9)
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    carrier.start()
    assert eventually(lambda: len(there.offered) == 1)
    began = time.monotonic()
    carrier.finish(time.monotonic() + 5)
    assert carrier.join(5)
    assert time.monotonic() - began < 1
    assert standing(journal).queued == 1


def test_one_that_hangs_is_left_behind_with_its_batch_safe_and_its_place_free(journal: Journal) -> None:
    gate = Gate()
    carrier = forwarder(journal, gate)
    journal.append([named("a")])
    carrier.start()
    assert gate.entered.wait(5)
    carrier.finish(time.monotonic() + 0.01)
    assert not carrier.join(0.05)
    assert standing(journal, "gate").queued == 1
    assert journal.claim("gate", "somebody/else", 30)
    gate.open.set()
    assert carrier.join(5)


def test_a_delivery_that_takes_too_long_is_not_waited_for_to_the_end(journal: Journal) -> None:
    gate = Gate()
    carrier = forwarder(journal, gate)
    journal.append([named("a")])
    carrier.start()
    assert gate.entered.wait(5)
    began = time.monotonic()
    carrier.finish(began + 30)
    assert not carrier.join(30, hung_after=0.1)
    assert time.monotonic() - began < 10
    gate.open.set()
    assert carrier.join(5)


def test_work_that_another_process_appended_is_found_without_a_ring(journal: Journal) -> None:
    there = Scripted()
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    drain(carrier)
    other = Journal(journal.path)
    try:
        other.append([named("b")])
    finally:
        other.close()
    assert carrier.step() == 0.0
    assert there.taken == ["a", "b"]


def test_every_signal_is_carried(journal: Journal) -> None:
    there = Scripted(signals=frozenset({Signal.TRACES, Signal.LOGS}))
    carrier = forwarder(journal, there)
    journal.append([logs(log("x")), named("a")])
    drain(carrier)
    assert sorted(there.taken) == ["a", "logs"]


def test_a_failing_ledger_does_not_hide_the_reason(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    class Unmarkable(Journal):
        def mark(self, destination: str, state: str, reason: str) -> None:
            raise JournalError("no room")

    other = Unmarkable(journal.path)
    try:
        there = Scripted("scripted", Outcome.later("HTTP 503"))
        carrier = forwarder(other, there)
        other.append([named("a")])
        with caplog.at_level(logging.WARNING):
            assert carrier.step() == 1.0
    finally:
        other.close()
    assert "HTTP 503" in caplog.text
