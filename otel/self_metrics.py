"""Watches the layer itself: what was taken in, what waits, what was delivered and what was lost, as instruments.

They are read when metrics are collected and count their own points as any other, so their number grows with time and
never with themselves.
"""

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otel.batch import Signal
from otel.errors import JournalError
from otel.journal import Journal, Standing
from otel.pipeline import Pipeline

Readings = Iterable[Observation]


def watch(meter: Meter, pipeline: Pipeline, journal: Journal) -> None:
    """Register the instruments; they end with the meter's provider."""
    _watch_pipeline(meter, pipeline)
    _watch_journal(meter, journal)
    _watch_destinations(meter, journal)


def _watch_pipeline(meter: Meter, pipeline: Pipeline) -> None:
    def count(name: str) -> Callable[[CallbackOptions], Readings]:
        return lambda _: [Observation(pipeline.counts()[name])]

    def processed(signal: Signal) -> Callable[[CallbackOptions], Readings]:
        return lambda _: [Observation(pipeline.processed(signal))]

    total = meter.create_observable_counter
    total("otel.sdk.processor.span.processed", [processed(Signal.TRACES)], "{span}")
    total("otel.sdk.processor.log.processed", [processed(Signal.LOGS)], "{log_record}")
    total("otel.sdk.processor.lost_in_memory", [count("lost_in_memory")], "{item}")
    total("otel.sdk.processor.sampled_away", [lambda _: [Observation(pipeline.sampled_away)]], "{span}")
    meter.create_observable_up_down_counter("otel.sdk.processor.queue.size", [count("buffered")], "{item}")


def _watch_journal(meter: Meter, journal: Journal) -> None:
    def totals(_: CallbackOptions) -> Readings:
        try:
            return [Observation(journal.totals()["journaled"])]
        except JournalError:
            return []

    meter.create_observable_counter("otel.sdk.journal.journaled", [totals], "{item}")


def _watch_destinations(meter: Meter, journal: Journal) -> None:
    def each(read: Callable[[Standing], int]) -> Callable[[CallbackOptions], Readings]:
        def readings(_: CallbackOptions) -> Readings:
            try:
                return [Observation(read(standing), _where(standing)) for standing in journal.standings()]
            except JournalError:
                return []

        return readings

    name, total = "otel.sdk.exporter.{}".format, meter.create_observable_counter
    total(name("delivered"), [each(lambda s: s.delivered)], "{item}")
    total(name("dropped"), [each(lambda s: s.dropped + s.dead)], "{item}")
    meter.create_observable_up_down_counter(name("queued"), [each(lambda s: s.queued)], "{item}")


def _where(standing: Standing) -> dict[str, str]:
    return {"otel.component.name": standing.destination, "otel.signal": standing.signal.value}
