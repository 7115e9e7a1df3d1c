"""A collector at its default port on this machine."""

from otel.config import LOCAL_COLLECTOR, Config, OtlpTarget
from otel.destination import Destination
from otel.destinations.otlp import OtlpHttp, all_signals


def open_collector(config: Config) -> tuple[Destination, ...]:
    target = OtlpTarget.at(LOCAL_COLLECTOR)
    return (OtlpHttp("collector", target, signals=all_signals(target, delta=False), delta=False),)
