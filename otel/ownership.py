"""Who owns the process-wide providers: makes ours the global ones for as long as the layer runs.

OpenTelemetry's API takes a global provider once and offers no way to give it back, so a program (or a test) that
starts the layer a second time would be left with providers that were shut down. Leaving the layer therefore puts the
API's private globals back as they were; this file is the only one that touches them, and
tests/otel/test_ownership.py watches that they still exist.
"""

import opentelemetry._logs._internal as logs_api
import opentelemetry.metrics._internal as metrics_api
from opentelemetry import _logs, metrics, propagate, trace
from opentelemetry.propagators.textmap import TextMapPropagator

from otel.providers import Providers

_SLOTS = (
    (trace, "_TRACER_PROVIDER", "_TRACER_PROVIDER_SET_ONCE"),
    (metrics_api, "_METER_PROVIDER", "_METER_PROVIDER_SET_ONCE"),
    (logs_api, "_LOGGER_PROVIDER", "_LOGGER_PROVIDER_SET_ONCE"),
)


def foreign_owner() -> str:
    """The type of a provider that somebody else has made global, or "" when all three places are free."""
    owners = (getattr(module, provider) for module, provider, _ in _SLOTS)
    return next((f"{type(o).__module__}.{type(o).__qualname__}" for o in owners if o is not None), "")


class Ownership:
    """Takes the global places at `take` and gives them back at `give_back`; both once."""

    def __init__(self) -> None:
        self._propagator = propagate.get_global_textmap()

    def take(self, providers: Providers, propagator: TextMapPropagator) -> None:
        trace.set_tracer_provider(providers.tracer)
        metrics.set_meter_provider(providers.meter)
        _logs.set_logger_provider(providers.logger)
        propagate.set_global_textmap(propagator)

    def give_back(self) -> None:
        propagate.set_global_textmap(self._propagator)
        for module, provider, once in _SLOTS:
            setattr(module, provider, None)
            setattr(module, once, type(getattr(module, once))())
