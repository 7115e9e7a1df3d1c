"""A destination of the user's own: an object with a name, signals and two verbs, given to `otel.start`."""

import logging
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics, trace

import otel
from otel.batch import Batch, Signal
from otel.config import Config, Patience
from otel.destination import Outcome
from otel.errors import ConfigError
from otel.store import Store
from tests.otel.scripted import Scripted

QUICK = Patience(first=0.01, longest=0.05, paused=0.05)


def config(home: Path, **more: Any) -> Config:
    return Config(service="test", home=home, patience=QUICK, **more)


def work(count: int = 20) -> set[str]:
    expected = {f"span-{number}" for number in range(count)}
    for name in expected:
        with trace.get_tracer("tests").start_as_current_span(name):
            pass
    return expected


def test_every_signal_can_be_asked_for(tmp_path: Path) -> None:
    mine = Scripted("mine", signals=frozenset(Signal))
    with otel.start(config(tmp_path, destinations=()), extra=[mine]) as telemetry:
        expected = work()
        logging.getLogger("tests").warning("a line")
        metrics.get_meter("tests").create_counter("made").add(1)
        assert telemetry.force_flush(5)
    assert expected <= set(mine.taken)
    assert {batch.signal for batch in mine.offered} == set(Signal)
    assert mine.closed


def test_one_that_raises_is_asked_again_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it raises, how often is counted, and the others do not notice."""
    mine = Scripted("mine", KeyError("bug"), RuntimeError("worse"), OSError("and worse"))
    with otel.start(config(tmp_path), extra=[mine]) as telemetry:
        expected = work()
        assert telemetry.force_flush(10)
    assert set(mine.taken) == expected
    assert caplog.text.count("delivery failed unexpectedly") == 3
    with Store.open(tmp_path / "store.db") as store:
        assert {span.name for span in store.spans()} == expected


class Broken(Scripted):
    def deliver(self, batch: Batch) -> Outcome:
        raise RuntimeError("bug")

    def close(self) -> None:
        raise RuntimeError("another bug")


@pytest.mark.parametrize("answer", [None, "delivered", 200])
def test_an_answer_that_is_none_is_no_delivery(tmp_path: Path, answer: Any) -> None:
    class Confused(Scripted):
        def deliver(self, batch: Batch) -> Outcome:
            return answer  # type: ignore[no-any-return]  # the mistake in question

    with otel.start(config(tmp_path, destinations=()), extra=[Confused("mine")]) as telemetry:
        expected = work()
        assert not telemetry.force_flush(0.3)
    mine = Scripted("mine")
    with otel.start(config(tmp_path, destinations=()), extra=[mine]) as telemetry:
        assert telemetry.force_flush(5)
    assert set(mine.taken) == expected


def test_one_that_is_broken_says_so_and_gets_everything_once_it_is_mended(tmp_path: Path) -> None:
    with otel.start(config(tmp_path), extra=[Broken("mine")]) as telemetry:
        expected = work()
        assert telemetry.force_flush(5, destination="store")
        assert not telemetry.force_flush(0.3, destination="mine")
        (found,) = (s for s in telemetry.status() if s.destination == "mine")
        assert (found.state, found.queued, found.dead) == ("later", len(expected), 0)
        assert found.reason.startswith("RuntimeError in destination, ")
        assert int(found.reason.split()[3]) > 1
    mended = Scripted("mine")
    with otel.start(config(tmp_path), extra=[mended]) as telemetry:
        assert telemetry.force_flush(5)
    assert set(mended.taken) == expected


def test_two_cannot_have_one_name(tmp_path: Path) -> None:
    """One would take what the other waits for."""
    with pytest.raises(ConfigError, match="'store'"), otel.start(config(tmp_path), extra=[Scripted("store")]):
        pass
