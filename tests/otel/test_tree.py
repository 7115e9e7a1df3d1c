"""Trees are drawn whole, in order, and safe for a terminal."""

from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.store import LogRow, SpanRow
from otel.store.ingest import read_spans
from otel.tree import clean, draw, duration, severity
from tests.otel.making import span, spans


def rows(*made: dict[str, Any]) -> list[SpanRow]:
    return list(read_spans(ExportTraceServiceRequest.FromString(spans(*made).payload)))


def line(span_id: int, at: float, body: str, event: str = "") -> LogRow:
    return LogRow(f"{1:032x}", f"{span_id:016x}", int(at * 1e9), 13, "kalshi", event, body, {})


def test_children_stand_below_their_parent_in_order_of_time() -> None:
    made = rows(
        span("root", 1, seconds=3),
        span("second", 3, parent=1, start=2, seconds=0.25),
        span("first", 2, parent=1, start=1, seconds=0.5),
        span("deep", 4, parent=2, start=1.1, seconds=0.000_25),
    )
    assert list(draw(made)) == [
        "root  3.0 s",
        "├─ first  500 ms",
        "│  └─ deep  250 µs",
        "└─ second  250 ms",
    ]
    assert list(draw(made, roots_only=True)) == ["root  3.0 s"]


def test_log_records_stand_below_their_span_and_events_stand_out() -> None:
    made = rows(span("root", 1, seconds=3), span("child", 2, parent=1, start=2))
    logs = [line(1, 1.5, "before"), line(2, 2.5, "traded", "trade.executed"), line(99, 9, "lost")]
    assert list(draw(made, logs=logs)) == [
        "root  3.0 s",
        "├─ · warning  kalshi: before",
        "└─ child  1.0 s",
        "   └─ ◆ trade.executed  traded",
        "· warning  kalshi: lost",
    ]


def test_tokens_dollars_and_failures_are_shown() -> None:
    chat = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "operation.cost": 0.0123}
    job = {"coliseum.cost_usd": 0.5}
    made = rows(
        span("job", 1, attributes=job, error="ValueError: no"), span("chat", 2, parent=1, attributes=chat)
    )
    assert list(draw(made)) == ["job  1.0 s  $0.5000  ✗ ValueError: no", "└─ chat  1.0 s  10→5 tok  $0.0123"]


def test_a_span_whose_parent_is_not_there_is_marked() -> None:
    assert list(draw(rows(span("orphan", 2, parent=9)))) == ["orphan  1.0 s  (parent missing)"]


def test_a_trace_deeper_than_pythons_stack_is_drawn() -> None:
    made = rows(*(span(f"s{n}", n, parent=n - 1) for n in range(1, 3001)))
    assert len(list(draw(made))) == 3000


def test_spans_that_are_their_own_ancestors_do_not_loop() -> None:
    assert list(draw(rows(span("a", 1, parent=2), span("b", 2, parent=1), span("c", 3, parent=3)))) == []


@pytest.mark.parametrize("hostile", ["\x1b[31m", "a\nb", "\r", "\x00", "\x9b2J", "\u202e", "\u2028", "\t"])
def test_nothing_unprintable_is_drawn(hostile: str) -> None:
    made = rows(span(f"n{hostile}", 1, error=f"m{hostile}"))
    logs = [line(1, 1, f"b{hostile}"), line(1, 2, f"e{hostile}", f"v{hostile}")]
    for drawn in draw(made, logs=logs):
        assert drawn.isprintable()


def test_long_texts_are_cut() -> None:
    assert clean("x" * 20, 5) == "xxxx…"
    assert max(map(len, draw(rows(span("x" * 10_000, 1)), logs=[line(1, 1, "y" * 10_000)]))) < 150


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 µs"), (0.000_9, "900 µs"), (0.0142, "14 ms"), (1, "1.0 s"), (90.25, "90.2 s")],
)
def test_durations_are_written_for_people(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("number", "word"),
    [(-1, ""), (0, ""), (1, "trace"), (9, "info"), (13, "warning"), (24, "fatal"), (25, "")],
)
def test_severities_have_words(number: int, word: str) -> None:
    assert severity(number) == word
