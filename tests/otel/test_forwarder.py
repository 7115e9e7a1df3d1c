"""A forwarder does with a batch what the answer asks for, and never lets go of one without a reason."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from otel.batch import Batch, Signal
from otel.destination import Outcome
from otel.errors import JournalError
from otel.forwarder import IDLE_SECONDS, PAUSED_WAIT, Forwarder
from otel.journal import Journal, Standing
from tests.otel.conftest import Clock
from tests.otel.making import log, logs, named
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
    assert carrier.step() == PAUSED_WAIT
    found = standing(journal)
    assert (found.state, found.reason, found.queued, found.dead) == ("paused", "HTTP 401", 1, 0)
    assert "scripted is paused: HTTP 401" in caplog.text


def test_a_paused_destination_resumes_at_the_next_start(journal: Journal) -> None:
    there = Scripted("scripted", Outcome.paused("HTTP 401"))
    carrier = forwarder(journal, there)
    journal.append([named("a")])
    assert carrier.step() == PAUSED_WAIT
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
