"""A model of the journal with its forwarders: whatever is done in whatever order, everything is accounted for."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from otel.batch import Batch, Signal
from otel.destination import Outcome
from otel.forwarder import Forwarder
from otel.journal import Journal, Limits
from tests.otel.conftest import Clock
from tests.otel.making import named, names

NAMES = ("first", "second", "third")
OUTCOMES = {
    "ok": Outcome.delivered(),
    "later": Outcome.later("HTTP 503"),
    "paused": Outcome.paused("HTTP 401"),
    "refused": Outcome.refused("HTTP 400"),
    "partial": Outcome.delivered(rejected=1, reason="too old"),
    "too many": Outcome.delivered(rejected=10**6),
}


@dataclass
class Scripted:
    """Answers as it is told for the next delivery, and remembers what it was offered and took, in order."""

    name: str
    answer: str = "ok"
    stored_and_silent: bool = False
    signals: frozenset[Signal] = frozenset({Signal.TRACES})
    max_bytes: int = 400
    taken: list[str] = field(default_factory=list)
    seen: dict[str, bytes] = field(default_factory=dict)

    def deliver(self, batch: Batch) -> Outcome:
        outcome = Outcome.later("cut") if self.stored_and_silent else OUTCOMES[self.answer]
        if self.stored_and_silent or self.answer in ("ok", "partial", "too many"):
            self.taken += names(batch)
        return outcome

    def close(self) -> None:
        pass


class Delivery(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.destinations: dict[str, Scripted] = {}
        self.written: list[str] = []
        self.rewound: set[str] = set()
        self.forwarders: dict[str, Forwarder] = {}
        self.open()
        self.add("first")

    def open(self) -> None:
        self.journal = Journal(self.folder / "journal.db", now=self.clock, limits=Limits(look_bytes=0))
        self.forwarders = {d.name: Forwarder(self.journal, d) for d in self.destinations.values()}

    @rule(sizes=st.lists(st.integers(1, 3), min_size=1, max_size=4))
    def append(self, sizes: list[int]) -> None:
        batches = []
        for size in sizes:
            new = [f"{len(self.written) + n:05}" for n in range(size)]
            self.written += new
            batches.append(named(*new))
        self.journal.append(batches)

    @rule(name=st.sampled_from(NAMES))
    def add(self, name: str) -> None:
        """A new one, or one that starts again."""
        destination = self.destinations.setdefault(name, Scripted(name))
        self.journal.register(name, destination.signals)
        self.forwarders[name] = Forwarder(self.journal, destination)
        self.clock.now += 60  # the lease of the former one runs out

    @rule(data=st.data(), answer=st.sampled_from(sorted(OUTCOMES)), silent=st.booleans())
    def deliver(self, data: st.DataObject, answer: str, silent: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.destinations)))
        self.destinations[name].answer = answer
        self.destinations[name].stored_and_silent = silent and answer == "later"
        self.forwarders[name].step()

    @rule()
    def crash(self) -> None:
        """Everything in memory is gone, and nothing was said to anybody."""
        self.journal.close()
        self.clock.now += 60
        self.open()

    @rule(max_bytes=st.sampled_from([1, 10**9]), keep=st.sampled_from([0.0, 1e6]))
    def trim(self, max_bytes: int, keep: float) -> None:
        self.journal.trim(max_bytes, keep_seconds=keep)

    @rule(data=st.data(), ago=st.integers(0, 500))
    def replay(self, data: st.DataObject, ago: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.destinations)))
        before = self.queued(name)
        again = self.journal.replay(name, self.clock.now - ago)
        assert self.queued(name) == before + again
        if again:
            self.rewound.add(name)

    @rule(seconds=st.integers(1, 200))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    def queued(self, name: str) -> int:
        return self.journal.behind(name)

    @invariant()
    def everything_is_accounted_for(self) -> None:
        assert self.journal.check() == ()
        assert self.journal.totals()["journaled"] == len(self.written)
        for standing in self.journal.standings():
            assert standing.accounted == len(self.written)
            assert standing.lost == 0

    @invariant()
    def each_takes_in_order_and_nothing_that_was_not_written(self) -> None:
        for name, destination in self.destinations.items():
            assert set(destination.taken) <= set(self.written)
            if name not in self.rewound:
                firsts = list(dict.fromkeys(destination.taken))
                assert firsts == sorted(firsts)

    def teardown(self) -> None:
        for name, destination in self.destinations.items():
            self.drain(name, destination)
        self.everything_is_accounted_for()
        self.each_takes_in_order_and_nothing_that_was_not_written()
        self.journal.close()
        shutil.rmtree(self.folder)

    def drain(self, name: str, destination: Scripted) -> None:
        """When all is well again everything arrives, but for what the ledger says did not."""
        destination.answer, destination.stored_and_silent = "ok", False
        self.clock.now += 60
        self.forwarders[name] = Forwarder(self.journal, destination)
        while self.queued(name):
            self.forwarders[name].step()
        (found,) = (s for s in self.journal.standings() if s.destination == name)
        missing = len(set(self.written)) - len(set(destination.taken))
        assert missing <= found.dropped + found.dead
        assert found.delivered + found.dead + found.dropped - found.replayed == len(self.written)


@pytest.mark.slow
def test_everything_is_accounted_for_whatever_is_done_in_whatever_order() -> None:
    run_state_machine_as_test(
        Delivery,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
