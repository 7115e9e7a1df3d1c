"""The layer's own figures can be watched as metrics, and watching them makes no more of them."""

from pathlib import Path

from opentelemetry import trace

from otel.destination import Outcome
from otel.testing import recording
from tests.otel.scripted import Scripted


def test_what_went_through_and_what_waits_is_told(tmp_path: Path) -> None:
    away = Scripted("away", *[Outcome.later("HTTP 503")] * 20)
    with recording(home=tmp_path, extra=[away]) as running:
        for _ in range(3):
            trace.get_tracer("tests").start_span("job").end()
        assert [s.name for s in running.spans()] == ["job"] * 3
        figures = {
            (p.name, p.attributes.get("otel.component.name"), p.attributes.get("otel.signal")): p.value[
                "value"
            ]
            for p in running.points()
        }
    assert figures["otel.sdk.processor.span.processed", None, None] == 3
    assert figures["otel.sdk.processor.lost_in_memory", None, None] == 0
    assert figures["otel.sdk.journal.journaled", None, None] >= 3
    assert figures["otel.sdk.exporter.delivered", "store", "traces"] == 3
    assert figures["otel.sdk.exporter.queued", "away", "traces"] == 3
    assert figures["otel.sdk.exporter.delivered", "away", "traces"] == 0
    assert ("otel.sdk.processor.queue.size", None, None) in figures


def test_reading_the_figures_makes_no_more_of_them() -> None:
    with recording() as running:
        running.points()
        first = len(running.points())
        second = len(running.points()) - first
        assert len(running.points()) - first - second == second
