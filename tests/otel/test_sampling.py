"""A trace is kept whole or dropped whole, by the share or by a rule, and the one that matters is never dropped."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Status, StatusCode

from otel.sampling import SETTLE_SECONDS, Keep, TailSampling
from otel.testing import recording
from tests.otel.conftest import Clock

CHAT: dict[str, Any] = {"gen_ai.operation.name": "chat", "operation.cost": 0.6}
NONE_OF_ALL = 0.0


def make(parent: Any = None, name: str = "span", seconds: float = 0.0, **attributes: Any) -> Any:
    """A span that has ended, below `parent`."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")
    now = time.time_ns()
    context = trace.set_span_in_context(parent) if parent else None
    span = tracer.start_span(name, context=context, attributes=attributes, start_time=now)
    span.end(now + int(seconds * 1e9))
    return span


def failed(parent: Any) -> Any:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")
    span = tracer.start_span("failed", context=trace.set_span_in_context(parent))
    span.set_status(Status(StatusCode.ERROR))
    span.end()
    return span


def names(spans: list[ReadableSpan]) -> list[str]:
    return [span.name for span in spans]


RULES: dict[str, tuple[Keep, Callable[[Any], list[Any]]]] = {
    "error": (Keep(errors=True), lambda root: [failed(root)]),
    "slow": (Keep(seconds=2), lambda root: [make(root, seconds=3)]),
    "cost": (Keep(cost_usd=1), lambda root: [make(root, **CHAT), make(root, **CHAT)]),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_keeps_the_whole_trace_and_what_comes_late(rule: str) -> None:
    rules, reasons = RULES[rule]
    tail, root = TailSampling(NONE_OF_ALL, rules), make(name="root")
    assert tail.sift([make(root, "before")]) == []
    *first, last = reasons(root)
    assert tail.sift(first) == []
    assert names(tail.sift([last]))[:1] == ["before"]
    assert names(tail.sift([root, make(root, "late")])) == ["root", "late"]
    assert tail.dropped == 0


@pytest.mark.parametrize("rule", RULES)
def test_without_a_reason_a_trace_is_dropped_whole_after_a_while(rule: str, clock: Clock) -> None:
    tail, root = TailSampling(NONE_OF_ALL, RULES[rule][0], now=clock), make(name="root")
    assert tail.sift([make(root), make(root, **CHAT), root]) == []
    clock.now += SETTLE_SECONDS - 1
    assert tail.settle() == []
    assert tail.dropped == 0
    clock.now += 1
    assert tail.settle() == []
    assert tail.dropped == 3
    assert tail.sift([failed(root)]) == [], "late spans follow the decision"
    assert tail.keep(root.context.trace_id) == []
    assert tail.dropped == 4


def test_a_trace_of_the_share_never_waits() -> None:
    tail = TailSampling(1.0, Keep(errors=True))
    assert names(tail.sift([make(name="a")])) == ["a"]


def test_when_too_much_waits_the_oldest_is_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otel.sampling.MOST_HELD", 4)
    tail, first, second = TailSampling(NONE_OF_ALL, Keep(errors=True)), make(name="1"), make(name="2")
    assert tail.sift([make(first, "1a"), make(second, "2a"), make(first, "1b"), make(second, "2b")]) == []
    assert tail.sift([second]) == []
    assert names(tail.settle()) == ["1a", "1b"]
    assert names(tail.sift([first])) == ["1"]


def test_at_the_end_what_has_not_ended_is_kept_and_what_has_is_dropped() -> None:
    tail, done, open_ = TailSampling(NONE_OF_ALL, Keep(errors=True)), make(name="done"), make(name="open")
    tail.sift([done, make(open_, "child")])
    assert names(tail.settle(everything=True)) == ["child"]
    assert tail.dropped == 1


def work(name: str, *, fail: bool = False, event: bool = False, logger: Any = None) -> None:
    tracer = trace.get_tracer("tests")
    with tracer.start_as_current_span(name) as span:
        tracer.start_span(f"{name} child").end()
        if fail:
            span.set_status(Status(StatusCode.ERROR))
        if event:
            logger.emit(LogRecord(body="bought", event_name="trade.executed", context=None))


def test_through_the_whole_layer_failures_and_trades_are_kept_and_logs_unaffected(tmp_path: Path) -> None:
    with recording(sample_ratio=0.0, keep_errors=True) as running:
        assert running.telemetry.providers is not None
        logger = running.telemetry.providers.logger.get_logger("tests")
        for _ in range(5):
            work("dull", logger=logger)
        work("failing", fail=True)
        work("trading", event=True, logger=logger)
        assert sorted(s.name for s in running.spans()) == [
            "failing",
            "failing child",
            "trading",
            "trading child",
        ]
        assert [r.event_name for r in running.logs()] == ["trade.executed"]


def test_what_somebody_waits_for_is_kept_and_on_disk() -> None:
    with recording(sample_ratio=0.0, keep_errors=True) as running:
        tracer = trace.get_tracer("tests")
        with tracer.start_as_current_span("order"):
            tracer.start_span("sized").end()
            assert running.telemetry.durable(5)
            assert [s.name for s in running.spans()] == ["sized"]
        assert {s.name for s in running.spans()} == {"sized", "order"}
