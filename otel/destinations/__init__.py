"""Where telemetry can be taken: one file and one line each."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from otel.config import Config
from otel.destination import Destination
from otel.destinations.collector import open_collector
from otel.destinations.console import open_console
from otel.destinations.jaeger import open_jaeger
from otel.destinations.jsonl import open_jsonl
from otel.destinations.logfire import open_logfire
from otel.destinations.otlp import open_otlp
from otel.destinations.store import open_store

Open = Callable[[Config], tuple[Destination, ...]]

DESTINATIONS: Mapping[str, Open] = MappingProxyType(
    {
        "store": open_store,
        "console": open_console,
        "jsonl": open_jsonl,
        "otlp": open_otlp,
        "collector": open_collector,
        "jaeger": open_jaeger,
        "logfire": open_logfire,
    }
)
