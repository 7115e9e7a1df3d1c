"""Watches the standard library's logging: every record that reaches the root logger, linked to its span."""

import logging
from collections.abc import Callable

from opentelemetry.instrumentation.logging.handler import LoggingHandler

from otel.config import Config
from otel.providers import Providers

SILENT = (
    "opentelemetry",
    "otel",
    "urllib3",
    "requests",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "logfire",
    "grpc",
)
"""Loggers whose records are not exported: what is said while telemetry is carried would be carried again, and
HTTP has spans."""


def instrument(providers: Providers, config: Config) -> Callable[[], None]:
    """Adds one handler to the root logger; levels stay as the program set them."""
    handler = _Careful(LoggingHandler(logger_provider=providers.logger))
    handler.addFilter(_not_our_own)
    root = logging.getLogger()
    root.addHandler(handler)
    return lambda: root.removeHandler(handler)


class _Careful(logging.Handler):
    """Treats a record that cannot be formatted as every handler of the standard library does: reported on standard
    error, never raised into the program, which the instrumentation's own handler would do."""

    def __init__(self, inner: LoggingHandler) -> None:
        super().__init__()
        self._inner = inner

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._inner.emit(record)
        except Exception:
            self.handleError(record)


def _not_our_own(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] not in SILENT
