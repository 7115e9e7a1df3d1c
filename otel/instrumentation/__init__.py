"""What is watched: one file and one line each; `instrument(providers, config)` gives back how to undo it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from otel.config import Config
from otel.instrumentation import http, logfire, logging, pydantic_ai, system
from otel.providers import Providers

Instrument = Callable[[Providers, Config], Callable[[], None]]

INSTRUMENTATIONS: Mapping[str, Instrument] = MappingProxyType(
    {
        "logging": logging.instrument,
        "http": http.instrument,
        "pydantic_ai": pydantic_ai.instrument,
        "logfire": logfire.instrument,
        "system": system.instrument,
    }
)
