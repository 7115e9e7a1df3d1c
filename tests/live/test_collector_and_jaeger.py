"""The files people start with, run by the real programs: a trading day goes through both and arrives whole."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel.store import SpanRow, Store
from tests.demo.playing import MAY, Played, play
from tests.live.backends import KIND, Collector, Jaeger, running_collector, running_jaeger

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(1500),  # the first run builds both programs
    pytest.mark.skipif(
        shutil.which("go") is None, reason="needs Go 1.25 or newer to build the collector and Jaeger"
    ),
]
ARRIVAL_SECONDS = 60.0


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    with running_jaeger(tmp_path_factory.mktemp("live") / "jaeger") as jaeger:
        yield jaeger


@pytest.fixture(scope="module")
def collector(jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with running_collector(tmp_path_factory.mktemp("live") / "collector", jaeger) as collector:
        yield collector


def stored(played: Played) -> dict[str, dict[str, SpanRow]]:
    """Spans of the local store by trace and span id."""
    traces: dict[str, dict[str, SpanRow]] = {}
    with Store.open(played.state / "store.db") as store:
        for span in store.spans():
            traces.setdefault(span.trace_id, {})[span.span_id] = span
    return traces


def arrived(jaeger: Jaeger, trace_id: str, count: int) -> list[dict[str, Any]]:
    """The spans of a trace in Jaeger once there are `count` of them, or what there is when time is up."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while True:
        found = jaeger.trace(trace_id)
        spans: list[dict[str, Any]] = found["spans"] if found else []
        if len(spans) >= count or time.monotonic() > deadline:
            return spans
        time.sleep(0.2)


def same(ours: SpanRow, theirs: dict[str, Any]) -> None:
    """Name, kind, parent, links, events and times are what we stored (Jaeger keeps microseconds)."""
    tags = {tag["key"]: tag["value"] for tag in theirs["tags"]}
    references = {(r["refType"], r["traceID"], r["spanID"]) for r in theirs["references"]}
    assert theirs["operationName"] == ours.name
    assert KIND[tags.get("span.kind", "internal")] == ours.kind
    if ours.parent_span_id:
        assert ("CHILD_OF", ours.trace_id, ours.parent_span_id) in references
    for link in ours.links:
        assert any((link["trace_id"], link["span_id"]) == reference[1:] for reference in references)
    assert len(theirs["logs"]) == len(ours.events)
    assert abs(theirs["startTime"] - ours.start_ns // 1000) <= 1
    assert (tags.get("error") is True) == ours.failed


def everything_arrived(jaeger: Jaeger, played: Played) -> int:
    traces = stored(played)
    for trace_id, spans in traces.items():
        found = {span["spanID"]: span for span in arrived(jaeger, trace_id, len(spans))}
        assert found.keys() == spans.keys()
        for span_id, ours in spans.items():
            same(ours, found[span_id])
    return sum(map(len, traces.values()))


def test_a_trading_day_arrives_whole_through_the_collector(
    jaeger: Jaeger, collector: Collector, tmp_path: Path
) -> None:
    played = play(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.http})
    assert everything_arrived(jaeger, played) > 200


def test_jaeger_gets_the_same_without_a_collector(jaeger: Jaeger, tmp_path: Path) -> None:
    env = {"TELEMETRY_JAEGER_ENDPOINT": f"http://127.0.0.1:{jaeger.otlp_http}"}
    played = play(tmp_path, env, moments=MAY[:1])
    assert everything_arrived(jaeger, played) > 100


def test_what_both_had_accepted_survives_their_being_killed(
    jaeger: Jaeger, collector: Collector, tmp_path: Path
) -> None:
    """Jaeger dies before the day, the collector right after it; both come back and nothing is missing."""
    jaeger.program.kill()
    played = play(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.http}, moments=MAY[:1])
    assert "✓ otlp: all" in played.said
    collector.program.kill()
    jaeger.program.start()
    collector.program.start()
    assert everything_arrived(jaeger, played) > 100
