"""Where telemetry can be taken: one file and one line each."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from otel.config import Config, Content
from otel.content import limited
from otel.destination import Destination
from otel.destinations.collector import open_collector
from otel.destinations.console import open_console
from otel.destinations.jaeger import open_jaeger
from otel.destinations.jsonl import open_jsonl
from otel.destinations.logfire import open_logfire
from otel.destinations.otlp import open_otlp
from otel.destinations.store import open_store
from otel.destinations.transformed import Transformed

Open = Callable[[Config], tuple[Destination, ...]]

_OPEN: dict[str, Open] = {
    "store": open_store,
    "console": open_console,
    "jsonl": open_jsonl,
    "otlp": open_otlp,
    "collector": open_collector,
    "jaeger": open_jaeger,
    "logfire": open_logfire,
}


def _by_policy(name: str, open_it: Open) -> Open:
    """The same destinations, each handed as much content as its policy allows."""

    def open_limited(config: Config) -> tuple[Destination, ...]:
        opened, transform = open_it(config), limited(config.content.get(name, Content.FULL))
        return opened if transform is None else tuple(Transformed(each, transform) for each in opened)

    return open_limited


DESTINATIONS: Mapping[str, Open] = MappingProxyType(
    {name: _by_policy(name, open_it) for name, open_it in _OPEN.items()}
)
"""What is opened by name keeps to `Config.content`; there is no other way in."""
