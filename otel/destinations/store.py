"""Delivers into the local store, which answers questions about what happened here."""

from otel.batch import Batch, Signal
from otel.config import Config
from otel.destination import Destination, Outcome
from otel.errors import StoreError
from otel.store.ingest import Ingest


class StoreDestination:
    """Opens the store's file at the first delivery, in the forwarder's thread."""

    name = "store"
    signals = frozenset({Signal.TRACES, Signal.LOGS, Signal.METRICS_CUMULATIVE})
    max_bytes = 8 * 1024**2

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    def deliver(self, batch: Batch) -> Outcome:
        try:
            return Outcome.delivered(rejected=self._ingest.add(batch))
        except StoreError as error:
            return Outcome.later(str(error))

    def close(self) -> None:
        self._ingest.close()


def open_store(config: Config) -> tuple[Destination, ...]:
    return (StoreDestination(Ingest(config.home / "store.db")),)
