"""Who owns the process-wide providers: makes ours the global ones for as long as the layer runs.

OpenTelemetry's API takes a global provider once and offers no way to give it back, so a program (or a test) that
starts the layer a second time would be left with providers that were shut down. Leaving the layer therefore puts the
API's private globals back as they were; this file is the only one that touches them, and
tests/otel/test_ownership.py watches that they still exist.
"""

import threading
from types import ModuleType
from typing import Generic, TypeVar

import opentelemetry._logs._internal as logs_api
import opentelemetry.metrics._internal as metrics_api
from opentelemetry import _logs, metrics, propagate, trace
from opentelemetry.propagators.textmap import TextMapPropagator

from otel.providers import Providers

_SLOTS: tuple[tuple[ModuleType, str, str], ...] = (
    (trace, "_TRACER_PROVIDER", "_TRACER_PROVIDER_SET_ONCE"),
    (metrics_api, "_METER_PROVIDER", "_METER_PROVIDER_SET_ONCE"),
    (logs_api, "_LOGGER_PROVIDER", "_LOGGER_PROVIDER_SET_ONCE"),
)


Holder = TypeVar("Holder")


def foreign_owner() -> str:
    """The type of a provider that somebody else has made global, or "" when all three places are free."""
    owners = (getattr(module, provider) for module, provider, _ in _SLOTS)
    return next((type_name(o) for o in owners if o is not None), "")


def foreign_tracer() -> object | None:
    """Somebody else's global tracer provider, if there is one."""
    return trace.get_tracer_provider() if getattr(*_SLOTS[0][:2]) is not None else None


def type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


class Place(Generic[Holder]):
    """Room for the one that runs in this process. Whoever wants to run holds `entering` while it looks and opens."""

    def __init__(self) -> None:
        self.entering = threading.RLock()
        self.holder: Holder | None = None

    def leave(self) -> None:
        self.holder = None


class Ownership:
    """Takes the global places that are free at `take` and gives them back at `give_back`; both once."""

    def __init__(self) -> None:
        self._propagator = propagate.get_global_textmap()
        self._taken: list[tuple[ModuleType, str, str]] = []

    def take(self, providers: Providers, propagator: TextMapPropagator) -> None:
        self._taken = [slot for slot in _SLOTS if getattr(slot[0], slot[1]) is None]
        free = {module for module, _, _ in self._taken}
        if trace in free:
            trace.set_tracer_provider(providers.tracer)
        if metrics_api in free:
            metrics.set_meter_provider(providers.meter)
        if logs_api in free:
            _logs.set_logger_provider(providers.logger)
        propagate.set_global_textmap(propagator)

    def give_back(self) -> None:
        propagate.set_global_textmap(self._propagator)
        for module, provider, once in self._taken:
            setattr(module, provider, None)
            setattr(module, once, type(getattr(module, once))())
