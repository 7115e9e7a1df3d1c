"""The one file that touches OpenTelemetry's private globals finds them where it expects them."""

import pytest
from opentelemetry import _logs, metrics, propagate, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracerProvider

from otel.ownership import _SLOTS, Ownership, foreign_owner
from otel.propagation import TrustedPropagator
from otel.providers import Providers


@pytest.mark.parametrize(("module", "provider", "once"), _SLOTS)
def test_the_private_names_exist(module: object, provider: str, once: str) -> None:
    """When OpenTelemetry renames one, this says so before a program finds out."""
    assert getattr(module, provider) is None
    fresh = type(getattr(module, once))()
    assert fresh.do_once(lambda: None)
    assert not fresh.do_once(lambda: None)


def providers() -> Providers:
    return Providers(
        TracerProvider(shutdown_on_exit=False),
        MeterProvider(shutdown_on_exit=False),
        LoggerProvider(shutdown_on_exit=False),
    )


def test_what_is_taken_is_global_and_is_given_back() -> None:
    before = propagate.get_global_textmap()
    for _ in range(2):
        ours, propagator, ownership = providers(), TrustedPropagator(), Ownership()
        ownership.take(ours, propagator)
        assert trace.get_tracer_provider() is ours.tracer
        assert metrics.get_meter_provider() is ours.meter
        assert _logs.get_logger_provider() is ours.logger
        assert propagate.get_global_textmap() is propagator
        assert foreign_owner() == "opentelemetry.sdk.trace.TracerProvider"
        ownership.give_back()
        assert foreign_owner() == ""
        assert propagate.get_global_textmap() is before


@pytest.mark.parametrize("slot", _SLOTS, ids=lambda value: str(value))
def test_an_owner_of_any_of_the_three_places_is_seen(
    slot: tuple[object, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, provider, _ = slot
    monkeypatch.setattr(module, provider, NoOpTracerProvider())
    assert foreign_owner() == "opentelemetry.trace.NoOpTracerProvider"
