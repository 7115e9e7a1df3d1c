"""What the desk says about itself, and that saying it changes nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from coliseum.domain.order import Unknown
from coliseum.domain.record import SpanRef
from coliseum.errors import Unavailable
from coliseum.flows import guard
from coliseum.flows.scan import scan
from coliseum.flows.snapshot import snapshot
from coliseum.flows.trade import reconcile
from coliseum.signals import Signals
from coliseum.tracing import here, linkable, traceparent
from tests.agents.material import answer
from tests.agents.models import says
from tests.flows.conftest import scan_and_analyse
from tests.flows.desks import Bench, bench, estimate, run


@dataclass
class Heard:
    """Everything that was said, and who said it."""

    spans: InMemorySpanExporter
    logs: InMemoryLogRecordExporter
    metrics: InMemoryMetricReader
    signals: Signals

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def points(self, name: str) -> list[tuple[dict[str, object], float]]:
        data = self.metrics.get_metrics_data()
        assert data is not None
        every = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
        points = [point for metric in every if metric.name == name for point in metric.data.data_points]
        return [(dict(p.attributes or {}), float(getattr(p, "value", getattr(p, "sum", 0)))) for p in points]


@pytest.fixture
def heard() -> Iterator[Heard]:
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
    tracers, loggers = TracerProvider(), LoggerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    meters = MeterProvider([metrics])
    signals = Signals.of("sandbox", "paper", "0", tracers=tracers, meters=meters, loggers=loggers)
    yield Heard(spans, logs, metrics, signals)
    tracers.shutdown()
    meters.shutdown()
    loggers.shutdown()


@pytest.fixture
def told(at: Bench, heard: Heard) -> Bench:
    at.signals = heard.signals
    return at


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_one_trace_tells_an_opportunity_from_research_to_order(told: Bench, heard: Heard) -> None:
    run(scan_and_analyse(told.desk()))
    root = heard.one("analyst.research")
    assert root.parent is None
    children = ("analyst.recommend", "decision.size", "risk.check", "order.place")
    for name in children:
        parent = heard.one(name).parent
        assert parent is not None
        assert root.context is not None
        assert parent.span_id == root.context.span_id


def test_an_analysis_is_a_trace_of_its_own_linked_to_the_scan_that_found_it(
    told: Bench, heard: Heard
) -> None:
    run(scan_and_analyse(told.desk()))
    found, analysed = heard.one("scout.scan"), heard.one("analyst.research")
    assert found.context is not None
    assert analysed.context is not None
    assert analysed.context.trace_id != found.context.trace_id
    assert [link.context.span_id for link in analysed.links] == [found.context.span_id]


def test_a_job_started_under_another_span_links_to_it_instead_of_being_its_child(heard: Heard) -> None:
    with heard.signals.step("order.cancel"):
        outer = here()
        with heard.signals.job("portfolio.snapshot"):
            pass
    job = heard.one("portfolio.snapshot")
    assert job.parent is None
    assert [trace.format_span_id(link.context.span_id) for link in job.links] == [outer.span_id]


def test_every_span_says_on_which_venue_and_in_which_mode(told: Bench, heard: Heard) -> None:
    run(scan_and_analyse(told.desk()))
    for span in heard.spans.get_finished_spans():
        assert attributes(span)["coliseum.venue"] == "sandbox"
        assert attributes(span)["coliseum.mode"] == "paper"


def test_the_job_span_carries_what_the_ledger_booked(told: Bench, heard: Heard) -> None:
    decision = run(scan_and_analyse(told.desk()))
    root = attributes(heard.one("analyst.research"))
    booked = [row for row in told.ledger.costs() if row.opportunity_id == decision.opportunity_id]
    assert root["gen_ai.aggregated_usage.input_tokens"] == sum(row.input_tokens for row in booked)
    assert root["gen_ai.aggregated_usage.output_tokens"] == sum(row.output_tokens for row in booked)
    assert root["coliseum.cost_usd"] == pytest.approx(float(sum(row.dollars or 0 for row in booked)))
    assert root["coliseum.search_cost_usd"] == pytest.approx(0.01)


def test_an_unknown_price_leaves_the_sum_out_and_says_so(told: Bench, heard: Heard) -> None:
    told.search.found = answer(cost=None)
    run(scan_and_analyse(told.desk()))
    root = attributes(heard.one("analyst.research"))
    assert root["coliseum.cost_unknown"] is True
    assert "coliseum.cost_usd" not in root
    assert "coliseum.search_cost_usd" not in root
    assert "coliseum.model_cost_usd" in root


def test_a_trade_is_an_event_of_its_span_and_a_log_record_of_its_trace(told: Bench, heard: Heard) -> None:
    run(scan_and_analyse(told.desk()))
    placed = heard.one("order.place")
    event = next(event for event in placed.events if event.name == "trade.executed")
    record = heard.logs.get_finished_logs()[0].log_record
    sent = told.exchange.sent[0]
    for told_in in (event.attributes, record.attributes):
        assert told_in is not None
        assert told_in["market_ticker"] == "KXT-1-A"
        assert told_in["side"] == "yes"
        assert told_in["quantity"] == f"{sent.count:f}"
        assert told_in["price"] == f"{sent.limit:f}"
    assert placed.context is not None
    assert (record.event_name, record.span_id) == ("trade.executed", placed.context.span_id)


def test_every_risk_rule_leaves_its_verdict(told: Bench, heard: Heard) -> None:
    decision = run(scan_and_analyse(told.desk()))
    events = heard.one("risk.check").events
    rules = [(event.attributes or {})["coliseum.rule"] for event in events]
    assert rules == [check.rule for check in decision.checks]
    assert attributes(heard.one("risk.check"))["coliseum.passed"] is True


def test_an_order_row_leads_to_its_span_and_a_span_to_its_row(told: Bench, heard: Heard) -> None:
    run(scan_and_analyse(told.desk()))
    row, span = told.ledger.orders()[0], heard.one("order.place")
    assert span.context is not None
    assert row.span.span_id == trace.format_span_id(span.context.span_id)
    assert row.span.trace_id == trace.format_trace_id(span.context.trace_id)
    assert attributes(span)["coliseum.client_order_id"] == row.intent.client_order_id
    assert attributes(span)["coliseum.order_id"] == row.order_id


def test_a_reconciled_order_links_back_to_where_it_was_placed(told: Bench, heard: Heard) -> None:
    told.exchange.on_place = lambda intent: Unknown(reason="the line went dead")
    run(scan_and_analyse(told.desk()))
    run(reconcile(told.desk()))
    placed, looked = heard.one("order.place"), heard.one("order.reconcile")
    assert placed.context is not None
    assert [link.context.span_id for link in looked.links] == [placed.context.span_id]
    assert placed.status.status_code is StatusCode.ERROR


def test_a_failed_job_says_so_on_its_span_and_still_carries_its_cost(told: Bench, heard: Heard) -> None:
    told.exchange.away = True
    with pytest.raises(Unavailable):
        run(scan(told.desk(), "full"))
    span = heard.one("scout.scan")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "Unavailable")
    assert attributes(span)["error.type"] == "Unavailable"
    assert [event.name for event in span.events] == ["exception"]
    assert attributes(span)["coliseum.cost_usd"] == 0


def test_a_settlement_brings_the_score_to_the_trade(told: Bench, heard: Heard) -> None:
    run(scan_and_analyse(told.desk()))
    told.exchange.end("KXT-1-A", "yes")
    run(guard.positions(told.desk()))
    span = heard.one("trade.settle")
    placed = heard.one("order.place")
    assert placed.context is not None
    assert attributes(span)["coliseum.brier"] == "0.16"
    assert attributes(span)["coliseum.market_brier"] == "0.33640000"
    assert [link.context.span_id for link in span.links] == [placed.context.span_id]


def test_metrics_count_orders_decisions_dollars_and_exposure(told: Bench, heard: Heard) -> None:
    run(scan_and_analyse(told.desk()))
    run(snapshot(told.desk()))
    (about, count), *_ = heard.points("coliseum.orders")
    assert (about["coliseum.status"], count) == ("executed", 1)
    assert [value for _, value in heard.points("coliseum.decisions")] == [1]
    dollars = sum(row.dollars or 0 for row in told.ledger.costs())
    assert sum(value for _, value in heard.points("coliseum.cost")) == pytest.approx(float(dollars))
    assert [value for _, value in heard.points("coliseum.exposure")] == [float(told.exchange.held[0].cost)]
    assert len(heard.points("coliseum.order.latency")) == 1


def test_a_late_trace_is_counted(told: Bench, heard: Heard) -> None:
    async def never(seconds: float) -> bool:
        return False

    told.durable = never
    run(scan_and_analyse(told.desk()))
    assert [value for _, value in heard.points("coliseum.telemetry.undurable")] == [1]
    assert attributes(heard.one("analyst.research"))["coliseum.telemetry.durable"] is False


def test_every_attribute_is_of_a_kind_that_otlp_carries_and_no_money_is_a_float_but_costs(
    told: Bench, heard: Heard
) -> None:
    run(scan_and_analyse(told.desk()))
    for span in heard.spans.get_finished_spans():
        floats = {name for name, value in attributes(span).items() if isinstance(value, float)}
        assert floats <= {"coliseum.cost_usd", "coliseum.model_cost_usd", "coliseum.search_cost_usd"}
        json.loads(span.to_json())


def test_with_telemetry_off_the_desk_decides_and_trades_the_same(tmp_path: Path, heard: Heard) -> None:
    """Down to the last id: two desks that differ only in whether anybody listens."""
    results = []
    for name, signals in (("on", heard.signals), ("off", Signals.of("sandbox", "paper", "0"))):
        with bench(tmp_path / f"{name}.db") as desk:
            desk.signals = signals
            decision = run(scan_and_analyse(desk.desk()))
            desk.guardian = says(estimate(0.1) | {"changed": True})
            left = run(guard.news(desk.desk()))
            results.append((decision, desk.exchange.sent, left, [r.dollars for r in desk.ledger.costs()]))
            spans = {row.span.trace_id != "" for row in desk.ledger.orders()}
            assert spans == {name == "on"}
    assert results[0] == results[1]


def test_without_a_span_there_is_nothing_to_refer_to() -> None:
    assert here() == SpanRef()
    assert traceparent() == linkable(SpanRef()) == ""


def test_a_reference_and_its_text_name_the_same_span(heard: Heard) -> None:
    with heard.signals.job("portfolio.snapshot"):
        assert linkable(here())[:-2] == traceparent()[:-2] != ""  # all but the flags


@pytest.mark.parametrize("text", ["", "nonsense", "00-0-0-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_trace_context_that_is_none_is_linked_to_by_nobody(heard: Heard, text: str) -> None:
    with heard.signals.job("portfolio.snapshot", links=[text]):
        pass
    assert heard.one("portfolio.snapshot").links == ()
