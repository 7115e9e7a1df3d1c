"""Lets programs write `logfire.span`, `logfire.info` and `logfire.metric_*`: they land in this layer's providers.

The logfire SDK has no public way to be handed providers, and configuring it the public way takes the program's over.
This file is the only one that touches its private attributes; when they are not as expected, logfire's calls stay
without effect and one line says so. tests/otel/test_instrumentation_logfire.py watches them.
"""

import inspect
import logging
import sys
from collections.abc import Callable
from typing import Any

from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

from otel.config import Config
from otel.providers import Providers

logger = logging.getLogger("otel.logfire")

_OURS = {
    "send_to_logfire": False,
    "console": False,
    "add_baggage_to_attributes": False,
    "inspect_arguments": False,
}


def instrument(providers: Providers, config: Config) -> Callable[[], None]:
    """Connects logfire where the program has imported it before (importing it has effects of its own, which are the
    program's to choose); one imported later is connected by `connect`."""
    return connect(providers) if "logfire" in sys.modules else _nothing


def connect(providers: Providers) -> Callable[[], None]:
    """Hand our providers to logfire and give back how to take them away again. Left alone are a program that has
    configured logfire itself, and a version that is not as expected."""
    try:
        import logfire

        configuration: Any = logfire.DEFAULT_LOGFIRE_INSTANCE.config
        if configuration._initialized:
            logger.info("logfire is configured by the program and left alone")
            return _nothing
        _configure(configuration)
        _hand_over(configuration, providers.tracer, providers.meter, providers.logger)
        configuration._initialized = True
    except Exception as error:
        logger.warning("logfire's calls have no effect: %s: %s", type(error).__name__, error)
        return _nothing
    return lambda: _take_back(configuration)


def _configure(configuration: Any) -> None:
    """As logfire's own configuration does, but nothing is sent, shown or read from the source."""
    names = inspect.signature(configuration._load_configuration).parameters
    configuration._load_configuration(
        **(dict.fromkeys(names) | {k: v for k, v in _OURS.items() if k in names})
    )


def _hand_over(configuration: Any, tracer: object, meter: object, log: object) -> None:
    configuration._tracer_provider.set_provider(tracer)
    configuration._meter_provider.set_meter_provider(meter)
    configuration._logger_provider.set_provider(log)


def _take_back(configuration: Any) -> None:
    try:
        _hand_over(configuration, NoOpTracerProvider(), NoOpMeterProvider(), NoOpLoggerProvider())
        configuration._initialized = False
    except Exception as error:
        logger.warning("logfire keeps closed providers: %s: %s", type(error).__name__, error)


def _nothing() -> None:
    pass
