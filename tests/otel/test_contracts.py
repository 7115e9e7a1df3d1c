"""What every destination and every instrumentation in the tables must keep to; a new line is tested by itself."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel.batch import Batch, Signal
from otel.config import DESTINATION_NAMES, Config, OtlpTarget
from otel.destination import Destination, Outcome, Verdict
from otel.destinations import DESTINATIONS
from otel.instrumentation import INSTRUMENTATIONS
from otel.providers import Providers
from otel.testing import FaultServer
from tests.leaks import ProcessState
from tests.otel.making import log, logs, points, span, spans

BATCHES = {
    Signal.TRACES: spans(span("a")),
    Signal.LOGS: logs(log("a")),
    Signal.METRICS_CUMULATIVE: points(1),
    Signal.METRICS_DELTA: points(1, signal=Signal.METRICS_DELTA),
}


@pytest.fixture
def config(server: FaultServer, tmp_path: Path) -> Config:
    return Config(
        service="test",
        home=tmp_path,
        otlp=OtlpTarget.at(server.url),
        jaeger_endpoint=server.url,
        logfire_tokens=("pylf_v1_us_abcdefgh",),
        logfire_base_url=server.url,
    )


@pytest.fixture(params=DESTINATIONS)
def destination(request: pytest.FixtureRequest, config: Config) -> Iterator[Destination]:
    (opened,) = DESTINATIONS[request.param](config)
    yield opened
    opened.close()


def test_the_tables_names_are_those_that_can_be_configured() -> None:
    assert tuple(DESTINATIONS) == DESTINATION_NAMES


@pytest.mark.parametrize("name", DESTINATIONS)
def test_a_destination_is_named_as_in_the_table(name: str, config: Config) -> None:
    (opened,) = DESTINATIONS[name](config)
    assert opened.name == name
    opened.close()


def test_a_destination_wants_something_of_a_useful_size(destination: Destination) -> None:
    assert destination.signals
    assert destination.signals <= set(Signal)
    assert len(destination.signals & {Signal.METRICS_DELTA, Signal.METRICS_CUMULATIVE}) <= 1
    assert 64 * 1024 <= destination.max_bytes <= 64 * 1024**2


def test_opening_sends_nothing_and_starts_nothing(config: Config, server: FaultServer) -> None:
    before = ProcessState.take()
    opened = [d for open_it in DESTINATIONS.values() for d in open_it(config)]
    assert list(before.changes()) == []
    assert server.requests == []
    for each in opened:
        each.close()
        each.close()


# a collector has its fixed address on this machine, where a test can put none
@pytest.mark.parametrize("name", [name for name in DESTINATIONS if name != "collector"])
def test_every_signal_that_it_wants_is_taken_twice(name: str, config: Config) -> None:
    (opened,) = DESTINATIONS[name](config)
    for signal in sorted(opened.signals):
        assert opened.deliver(BATCHES[signal]) == Outcome.delivered()
        assert opened.deliver(BATCHES[signal]) == Outcome.delivered()
    opened.close()


def test_bytes_that_are_no_telemetry_never_raise(destination: Destination) -> None:
    for signal in sorted(destination.signals):
        outcome = destination.deliver(Batch(signal, b"\xff\xff\xff", 1))
        assert outcome.verdict in Verdict


def test_a_place_that_is_away_is_an_answer(config: Config, server: FaultServer) -> None:
    server.refuse()
    for name in ("otlp", "jaeger", "logfire"):
        (opened,) = DESTINATIONS[name](config)
        assert opened.deliver(BATCHES[Signal.TRACES]).verdict is Verdict.LATER
        opened.close()


@pytest.mark.parametrize("name", INSTRUMENTATIONS)
def test_an_instrumentation_can_be_undone_and_done_again(name: str, config: Config) -> None:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    providers = Providers(
        TracerProvider(shutdown_on_exit=False),
        MeterProvider(shutdown_on_exit=False),
        LoggerProvider(shutdown_on_exit=False),
    )
    before = ProcessState.take()
    for _ in range(2):
        undo = INSTRUMENTATIONS[name](providers, config)
        assert threading.active_count() == len(before.threads)
        undo()
        assert list(before.changes()) == []
