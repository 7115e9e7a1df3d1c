"""The one value that travels behind the SDK: an encoded OTLP request and the signal it carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Signal(StrEnum):
    """What a payload is. Delta and cumulative metrics cannot be the same bytes, so each is a signal of its own."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS_DELTA = "metrics_delta"
    METRICS_CUMULATIVE = "metrics_cumulative"


@dataclass(frozen=True, slots=True)
class Batch:
    """An OTLP export request, encoded as protobuf and free of secrets; `items` spans, records or data points."""

    signal: Signal
    payload: bytes
    items: int


def join(batches: Sequence[Batch]) -> Batch:
    """One batch out of several of the same signal. Export requests have repeated fields only, so their
    bytes one after the other are one valid request: joining costs no decoding."""
    (signal,) = {batch.signal for batch in batches}
    return Batch(signal, b"".join(batch.payload for batch in batches), sum(batch.items for batch in batches))
