"""Gives a destination less or other than the journal holds, at the cost of its own forwarder alone."""

from google.protobuf.message import DecodeError

from otel.batch import Batch, Signal
from otel.content import Transform
from otel.destination import Destination, Outcome


class Transformed:
    """`inner`, handed what `transform` makes of each batch. The transform runs in the forwarder's thread, gives the
    same for the same batch, and keeps the number of items."""

    def __init__(self, inner: Destination, transform: Transform) -> None:
        self.inner = inner
        self._transform = transform

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def signals(self) -> frozenset[Signal]:
        return self.inner.signals

    @property
    def max_bytes(self) -> int:
        return self.inner.max_bytes

    def deliver(self, batch: Batch) -> Outcome:
        try:
            other = self._transform(batch)
        except DecodeError:
            return Outcome.refused("not an OTLP request")
        return self.inner.deliver(other)

    def close(self) -> None:
        self.inner.close()
