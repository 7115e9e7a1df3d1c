"""Jaeger's own OTLP port. Jaeger keeps traces only, so nothing else is offered to it."""

from otel.batch import Signal
from otel.config import Config, OtlpTarget
from otel.destination import Destination
from otel.destinations.otlp import OtlpHttp


def open_jaeger(config: Config) -> tuple[Destination, ...]:
    target = OtlpTarget.at(config.jaeger_endpoint)
    return (OtlpHttp("jaeger", target, signals=frozenset({Signal.TRACES}), delta=False),)
