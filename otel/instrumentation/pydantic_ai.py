"""Watches pydantic-ai: agent runs, model calls and tools, by the library's own hooks."""

import importlib.util
from collections.abc import Callable

from otel.config import Config
from otel.providers import Providers


def instrument(providers: Providers, config: Config) -> Callable[[], None]:
    """Every agent of the process, whenever it is built. Nothing happens where the library is not installed.

    Request parameters are left out: they are the largest attribute and repeat the tools' schemas on every call."""
    if importlib.util.find_spec("pydantic_ai") is None:
        return lambda: None
    from pydantic_ai import Agent, InstrumentationSettings  # takes most of a second to import

    Agent.instrument_all(
        InstrumentationSettings(
            tracer_provider=providers.tracer,
            meter_provider=providers.meter,
            include_binary_content=False,
            include_model_request_parameters=False,
            version=5,
        )
    )
    return lambda: Agent.instrument_all(False)
