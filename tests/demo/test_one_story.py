"""A play leaves one connected story: what the world saw, what telemetry kept and what the ledger says agree."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

import pytest

from coliseum.sandbox.prices import prices
from coliseum.services.ledger import open_ledger
from otel.store import LogRow, SpanRow, Store
from tests.demo.playing import Played, play

pytestmark = pytest.mark.slow

ROOTS = {
    "scout.scan",
    "analyst.research",
    "guardian.positions",
    "guardian.news",
    "portfolio.snapshot",
    "portfolio.score",
}
CLIENT = 3
"""The span kind of an outgoing request."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("played"))


@pytest.fixture(scope="module")
def store(played: Played) -> Iterator[Store]:
    with Store.open(played.state / "store.db") as store:
        yield store


@pytest.fixture(scope="module")
def spans(store: Store) -> tuple[SpanRow, ...]:
    return store.spans()


@pytest.fixture(scope="module")
def logs(store: Store) -> tuple[LogRow, ...]:
    return store.logs()


def http(spans: tuple[SpanRow, ...]) -> list[SpanRow]:
    return [span for span in spans if span.kind == CLIENT and "http.request.method" in span.attributes]


def test_no_span_is_an_orphan_and_every_root_is_a_job(spans: tuple[SpanRow, ...]) -> None:
    known = {(span.trace_id, span.span_id) for span in spans}
    roots = {span.name for span in spans if not span.parent_span_id}
    assert [s.name for s in spans if s.parent_span_id and (s.trace_id, s.parent_span_id) not in known] == []
    assert roots == ROOTS


def test_the_world_saw_the_very_spans_that_were_kept(played: Played, spans: tuple[SpanRow, ...]) -> None:
    """Each request to exchange, search and model carries the id of its own client span, and no other request came."""
    seen = [
        r["traceparent"].split("-")[1:3]
        for r in played.requests
        if r["service"] in ("exchange", "search", "model")
    ]
    kept = [[span.trace_id, span.span_id] for span in http(spans)]
    assert len(kept) > 100
    assert sorted(seen) == sorted(kept)


def test_every_request_hangs_under_what_made_it(spans: tuple[SpanRow, ...]) -> None:
    by_id = {span.span_id: span for span in spans}
    parents = defaultdict(set)
    for span in http(spans):
        service = span.attributes["url.full"].split("/")[3]
        parents[service].add(by_id[span.parent_span_id].name.split(" ")[0])
    assert parents["anthropic"] == parents["fireworks"] == {"chat"}
    # the guardian asks by itself, the researcher through its tool
    assert parents["exa"] <= {"execute_tool", "guardian.news"}
    assert parents["trade-api"] <= ROOTS | {"order.place", "order.reconcile", "trade.settle"}


def test_every_agent_run_tool_and_model_call_is_in_a_job(spans: tuple[SpanRow, ...]) -> None:
    by_id = {span.span_id: span for span in spans}

    def chain(span: SpanRow) -> Iterator[str]:
        while span.parent_span_id:
            span = by_id[span.parent_span_id]
            yield span.name.split(" ")[0]

    kinds = {"invoke_agent": ROOTS, "execute_tool": {"invoke_agent"}, "chat": {"invoke_agent"}}
    for span in spans:
        wanted = kinds.get(span.name.split(" ")[0])
        assert wanted is None or wanted & set(chain(span)), span.name
    agents = {span.attributes["gen_ai.agent.name"] for span in spans if span.name.startswith("invoke_agent")}
    assert agents == {"scout", "researcher", "recommender", "guardian"}


def test_every_log_line_is_linked_to_a_span_that_was_kept(
    spans: tuple[SpanRow, ...], logs: tuple[LogRow, ...]
) -> None:
    known = {(span.trace_id, span.span_id) for span in spans}
    assert {log.event_name for log in logs} >= {"trade.executed", ""}
    assert [log.body for log in logs if (log.trace_id, log.span_id) not in known] == []


def test_tokens_of_each_job_equal_what_the_model_endpoint_reported(
    played: Played, spans: tuple[SpanRow, ...]
) -> None:
    """The world, the job's own span and the sum over its model calls agree, each call counted once."""
    chats: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for span in spans:
        if span.attributes.get("gen_ai.operation.name") == "chat":
            chats[span.trace_id][0] += span.attributes["gen_ai.usage.input_tokens"]
            chats[span.trace_id][1] += span.attributes["gen_ai.usage.output_tokens"]
    jobs = {
        span.trace_id: [
            span.attributes[f"gen_ai.aggregated_usage.{way}_tokens"] for way in ("input", "output")
        ]
        for span in spans
        if not span.parent_span_id and span.attributes.get("gen_ai.aggregated_usage.input_tokens")
    }
    reported = {
        trace: [sum(m[f"{way}_tokens"] for m in counted["models"].values()) for way in ("input", "output")]
        for trace, counted in played.totals["traces"].items()
        if counted["model_calls"]
    }
    assert len(jobs) > 10
    assert jobs == dict(chats) == reported


def test_dollars_of_each_job_equal_tokens_times_prices_plus_search(
    played: Played, spans: tuple[SpanRow, ...]
) -> None:
    for span in (s for s in spans if not s.parent_span_id):
        counted = played.totals["traces"].get(span.trace_id, {"models": {}, "search_dollars": "0"})
        model = sum((priced(name, used) for name, used in counted["models"].items()), Decimal(0))
        search = Decimal(counted["search_dollars"])
        if "coliseum.cost_usd" in span.attributes:
            assert Decimal(str(span.attributes["coliseum.model_cost_usd"])) == pytest.approx(
                model, abs=Decimal("1e-12")
            )
            assert Decimal(str(span.attributes["coliseum.search_cost_usd"])) == pytest.approx(
                search, abs=Decimal("1e-12")
            )
        else:
            assert model + search == 0, span.name


def priced(model: str, used: dict[str, int]) -> Decimal:
    price = prices()[model]
    tokens = used["input_tokens"] * price.input_per_million + used["output_tokens"] * price.output_per_million
    return Decimal(tokens) / 1_000_000


def test_the_ledger_booked_the_same_dollars_as_the_world(played: Played) -> None:
    with open_ledger(played.settings.database, venue="sandbox", mode="live") as ledger:
        costs = ledger.costs()
    search = sum((row.dollars or Decimal(0) for row in costs if row.kind == "search"), Decimal(0))
    model = sum((row.dollars or Decimal(0) for row in costs if row.kind == "model"), Decimal(0))
    assert search == Decimal(played.totals["search_dollars"])
    assert model == sum(priced(name, used) for name, used in played.totals["models"].items())
    assert None not in {row.dollars for row in costs}


def test_every_order_resolves_to_its_trace_and_back(played: Played, spans: tuple[SpanRow, ...]) -> None:
    placed = {
        (span.trace_id, span.span_id): span.attributes["coliseum.client_order_id"]
        for span in spans
        if span.name == "order.place"
    }
    with open_ledger(played.settings.database, venue="sandbox", mode="live") as ledger:
        orders = {
            (row.span.trace_id, row.span.span_id): row.intent.client_order_id for row in ledger.orders()
        }
    assert len(orders) >= 3
    assert orders == placed


def test_an_opportunitys_analysis_links_to_the_scan_that_found_it(spans: tuple[SpanRow, ...]) -> None:
    scans = {(span.trace_id, span.span_id) for span in spans if span.name == "scout.scan"}
    for span in (s for s in spans if s.name == "analyst.research"):
        assert {(link["trace_id"], link["span_id"]) for link in span.links} & scans


def test_every_trade_is_an_event_with_its_facts(logs: tuple[LogRow, ...], played: Played) -> None:
    """`trade.executed` is said once a filled order, with ticker, side, quantity and price."""
    executed = [log.attributes for log in logs if log.event_name == "trade.executed"]
    filled = [line.order for line in played.lines if line.order and line.order.filled]
    assert {e["coliseum.client_order_id"] for e in executed} >= {
        order.intent.client_order_id for order in filled
    }
    assert all({"market_ticker", "side", "quantity", "price"} <= set(facts) for facts in executed)


def test_resource_names_service_version_and_environment(spans: tuple[SpanRow, ...]) -> None:
    from coliseum import __version__

    assert {
        (s.resource["service.name"], s.resource["service.version"], s.resource["deployment.environment.name"])
        for s in spans
    } == {("coliseum", __version__, "sandbox")}


def test_system_metrics_and_business_metrics_are_kept(store: Store) -> None:
    names = {point.name for point in store.points()}
    assert {"process.cpu.time", "process.memory.usage", "system.cpu.utilization"} <= names
    assert {"coliseum.orders", "coliseum.decisions", "coliseum.cost", "coliseum.order.latency"} <= names
    assert {"gen_ai.client.token.usage", "http.client.request.duration"} <= names


def test_no_key_is_in_anything_that_was_kept(
    played: Played, spans: tuple[SpanRow, ...], logs: tuple[LogRow, ...]
) -> None:
    """The world's keys travelled in every request and stand in no span, log line or file of the telemetry."""
    settings = played.settings
    pem = settings.kalshi.private_key_path
    assert pem is not None
    secrets = [*settings.secrets(), *(line for line in pem.read_text().splitlines() if "-----" not in line)]
    kept = repr(spans) + repr(logs)
    assert len(secrets) > 10
    assert [secret for secret in secrets if len(secret) >= 16 and secret in kept] == []
