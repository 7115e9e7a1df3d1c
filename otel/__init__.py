"""A durable, vendor-neutral OpenTelemetry layer: one journal on disk, any number of destinations reading from it."""

from otel.batch import Batch, Signal
from otel.config import Config
from otel.destination import Destination, Outcome
from otel.errors import OtelError
from otel.store import Store
from otel.telemetry import Telemetry, start
from otel.termination import exit_on_sigterm

__all__ = [
    "Batch",
    "Config",
    "Destination",
    "OtelError",
    "Outcome",
    "Signal",
    "Store",
    "Telemetry",
    "exit_on_sigterm",
    "start",
]
