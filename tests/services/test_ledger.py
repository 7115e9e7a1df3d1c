"""The ledger keeps exactly what it was told, once, all of it or nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from coliseum.domain.market import Side
from coliseum.domain.opportunity import (
    Action,
    Answer,
    Decision,
    Opportunity,
    Research,
    Source,
    Stage,
)
from coliseum.domain.order import (
    Fill,
    Intent,
    Order,
    OrderAction,
    OrderStatus,
    Refused,
    Settlement,
    Unknown,
)
from coliseum.domain.record import CostRow, Snapshot, SpanRef
from coliseum.errors import LedgerError, NotFound
from coliseum.services.ledger import SqlLedger, open_ledger, schema

if TYPE_CHECKING:
    from coliseum.ports import Ledger

Intents = Callable[..., Intent]
Orders = Callable[..., Order]
Fills = Callable[..., Fill]


@pytest.fixture
def decided(
    ledger: SqlLedger, opportunity: Opportunity, decision: Decision, make_intent: Intents, span: SpanRef
) -> SqlLedger:
    """A ledger with one decision to buy."""
    ledger.add_opportunities([opportunity], span)
    assert ledger.decide(decision, make_intent(), span)
    return ledger


@pytest.fixture
def held(decided: SqlLedger, make_order: Orders, make_fill: Fills, span: SpanRef) -> SqlLedger:
    """The same after the order filled."""
    decided.settle_order(make_order().client_order_id, make_order(), [make_fill()], span)
    return decided


def test_it_is_the_port(ledger: SqlLedger) -> None:
    port: Ledger = ledger
    assert port is ledger


def test_opportunities_come_back_as_they_went_in(
    ledger: SqlLedger, opportunity: Opportunity, span: SpanRef
) -> None:
    other = replace(opportunity, id="opp_0", title="second")
    assert ledger.add_opportunities([opportunity, other], span) == (opportunity, other)
    assert ledger.opportunity("opp_1") == opportunity
    assert ledger.opportunities() == (opportunity, other)
    assert ledger.opportunities(Stage.HELD) == ()


def test_an_opportunity_is_added_once(ledger: SqlLedger, opportunity: Opportunity, span: SpanRef) -> None:
    ledger.add_opportunities([opportunity], span)
    new = replace(opportunity, id="opp_2")
    assert ledger.add_opportunities([replace(opportunity, title="changed"), new], span) == (new,)
    assert ledger.opportunity("opp_1").title == opportunity.title


@pytest.mark.parametrize("ask", ["opportunity", "order"])
def test_what_is_not_there_is_not_found(ledger: SqlLedger, ask: str) -> None:
    with pytest.raises(NotFound, match="nothing_like_it"):
        getattr(ledger, ask)("nothing_like_it")
    with pytest.raises(NotFound):
        ledger.move("nothing_like_it", Stage.EXPIRED)


def test_an_order_without_exchange_id_is_not_found_by_the_empty_name(decided: SqlLedger) -> None:
    with pytest.raises(NotFound):
        decided.order("")


def test_research_comes_back_with_its_sources(
    ledger: SqlLedger, opportunity: Opportunity, span: SpanRef
) -> None:
    source = Source(url="https://a.example", title="A", published=opportunity.found_at, text="t")
    undated = Source(url="https://b.example", title="B", published=None)
    answers = (
        Answer(question="q1", text="a1", sources=(source, undated), cost=Decimal("0.005"), request_id="r1"),
        Answer(question="q2", text="a2", sources=(), cost=None, request_id="r2"),
    )
    research = Research(
        opportunity_id="opp_1", summary="s", answers=answers, model="m", prompt="researcher@1"
    )
    ledger.add_opportunities([opportunity], span)
    assert ledger.research("opp_1") is None
    ledger.add_research(replace(research, summary="first try"), span)
    ledger.add_research(research, span)
    assert ledger.research("opp_1") == research


def test_a_decision_comes_back_with_every_figure(decided: SqlLedger, decision: Decision) -> None:
    assert decided.decision("opp_1") == decision
    assert decided.decisions() == (decision,)
    assert decided.decision("opp_2") is None


def test_deciding_commits_intent_and_stage_too(
    decided: SqlLedger, make_intent: Intents, span: SpanRef
) -> None:
    (order,) = decided.orders(OrderStatus.INTENT)
    assert (order.intent, order.span, order.filled) == (make_intent(), span, Decimal(0))
    assert decided.opportunity("opp_1").stage is Stage.DECIDED


def test_deciding_twice_changes_nothing(
    decided: SqlLedger, decision: Decision, make_intent: Intents, span: SpanRef
) -> None:
    again = replace(decision, count=Decimal(99))
    assert not decided.decide(again, make_intent(client_order_id="another"), span)
    assert decided.decisions() == (decision,)
    assert len(decided.orders()) == 1


def test_abstaining_passes_the_opportunity(
    ledger: SqlLedger, opportunity: Opportunity, decision: Decision, span: SpanRef
) -> None:
    ledger.add_opportunities([opportunity], span)
    no = replace(decision, action=Action.ABSTAIN, count=Decimal(0), quote=None, market_mid=None, checks=())
    assert ledger.decide(no, None, span)
    assert ledger.decision("opp_1") == no
    assert ledger.opportunity("opp_1").stage is Stage.PASSED
    assert ledger.orders() == ()


def test_an_entry_is_never_committed_without_its_decision(
    decided: SqlLedger, opportunity: Opportunity, decision: Decision, make_intent: Intents, span: SpanRef
) -> None:
    """An intent that cannot be written takes decision, checks and stage back with it."""
    decided.add_opportunities([replace(opportunity, id="opp_2")], span)
    second = replace(decision, id="dec_2", opportunity_id="opp_2")
    with pytest.raises(LedgerError, match="intended before"):
        decided.decide(second, make_intent(opportunity_id="opp_2"), span)
    assert decided.decision("opp_2") is None
    assert decided.opportunity("opp_2").stage is Stage.FOUND


def test_a_decision_to_buy_needs_its_intent(
    ledger: SqlLedger, opportunity: Opportunity, decision: Decision, make_intent: Intents, span: SpanRef
) -> None:
    ledger.add_opportunities([opportunity], span)
    with pytest.raises(ValueError, match="intent"):
        ledger.decide(decision, None, span)
    with pytest.raises(ValueError, match="intent"):
        ledger.decide(replace(decision, action=Action.ABSTAIN), make_intent(), span)
    assert ledger.decisions() == ()


def test_a_decision_about_nothing_known_is_refused(
    ledger: SqlLedger, decision: Decision, make_intent: Intents, span: SpanRef
) -> None:
    """Foreign keys are on."""
    with pytest.raises(LedgerError, match=r"(?i)foreign key"):
        ledger.decide(decision, make_intent(), span)


def test_a_filled_entry_is_held(held: SqlLedger, make_fill: Fills) -> None:
    order = held.order("order-1")
    assert (order.status, order.filled, order.average_price, order.fees) == (
        OrderStatus.EXECUTED,
        Decimal(10),
        Decimal("0.50"),
        Decimal("0.18"),
    )
    assert held.order(order.intent.client_order_id) == order
    assert held.fills(order.intent.client_order_id) == held.fills() == (make_fill(),)
    assert held.opportunity("opp_1").stage is Stage.HELD
    (position,) = held.positions()
    assert (position.event_ticker, position.count, position.cost) == (
        "KXTALK-26MAY09",
        Decimal(10),
        Decimal(5),
    )


def test_fills_are_kept_once(held: SqlLedger, make_order: Orders, make_fill: Fills, span: SpanRef) -> None:
    held.settle_order("order-1", make_order(), [make_fill(), make_fill()], span)
    assert held.fills() == (make_fill(),)


@pytest.mark.parametrize(
    ("placed", "status", "stage"),
    [
        (Refused(code="insufficient_balance", message="no"), OrderStatus.REFUSED, Stage.REJECTED),
        (Unknown(reason="connection lost"), OrderStatus.UNKNOWN, Stage.DECIDED),
    ],
)
def test_no_fill_is_no_position(
    decided: SqlLedger,
    make_order: Orders,
    placed: Refused | Unknown,
    status: OrderStatus,
    stage: Stage,
    span: SpanRef,
) -> None:
    decided.settle_order(make_order().client_order_id, placed, [], span)
    (order,) = decided.orders()
    assert (order.status, bool(order.reason)) == (status, True)
    assert decided.opportunity("opp_1").stage is stage
    assert decided.positions() == ()


def test_fault_4_an_order_of_unknown_fate_is_found_again_and_held(
    decided: SqlLedger, make_order: Orders, make_fill: Fills
) -> None:
    """The span that placed it stays the order's span."""
    key = make_order().client_order_id
    placing, looking = SpanRef("c" * 32, "d" * 16), SpanRef("e" * 32, "f" * 16)
    decided.settle_order(key, Unknown(reason="timeout"), [], placing)
    decided.settle_order(key, make_order(), [make_fill()], looking)
    order = decided.order("order-1")
    assert order.span == placing
    assert decided.opportunity("opp_1").stage is Stage.HELD


def test_a_later_silence_does_not_undo_what_is_known(held: SqlLedger, span: SpanRef) -> None:
    held.settle_order("order-1", Unknown(reason="timeout"), [], span)
    assert held.order("order-1").status is OrderStatus.EXECUTED


def test_an_unfilled_order_is_rejected(decided: SqlLedger, make_order: Orders, span: SpanRef) -> None:
    empty = make_order(status=OrderStatus.CANCELED, filled=Decimal(0), average_price=None, fees=None)
    decided.settle_order(empty.client_order_id, empty, [], span)
    assert decided.opportunity("opp_1").stage is Stage.REJECTED


def test_a_position_is_seen_before_its_fills_are(
    decided: SqlLedger, make_order: Orders, span: SpanRef
) -> None:
    """The exchange's list of fills lags its answer; the answer's total stands in until it catches up."""
    decided.settle_order(make_order().client_order_id, make_order(), [], span)
    (position,) = decided.positions()
    assert (position.count, position.cost, position.fees) == (Decimal(10), Decimal(5), Decimal("0.18"))


def test_a_sale_reported_as_a_purchase_of_the_other_side_is_a_sale(
    held: SqlLedger, make_intent: Intents, make_order: Orders, make_fill: Fills, span: SpanRef
) -> None:
    exit_ = make_intent(
        client_order_id="exit-1", leg="exit-1", action=OrderAction.SELL, limit=Decimal("0.60")
    )
    assert held.add_exit(exit_, "thesis gone", span)
    assert not held.add_exit(exit_, "again", span)
    sold = make_order(client_order_id="exit-1", order_id="order-2", average_price=Decimal("0.40"))
    reported = make_fill(
        fill_id="fill-2", order_id="order-2", side=Side.NO, price=Decimal("0.40"), fee=Decimal("0.17")
    )
    held.settle_order("exit-1", sold, [reported], span)
    order = held.order("exit-1")
    assert (order.average_price, order.reason) == (Decimal("0.60"), "thesis gone")
    assert held.positions() == ()
    assert held.opportunity("opp_1").stage is Stage.CLOSED


def test_fault_10_realised_profit_has_fees_deducted(
    held: SqlLedger, make_intent: Intents, make_order: Orders, make_fill: Fills, span: SpanRef
) -> None:
    """Bought ten at 0.50 and sold four at 0.60 with 0.18 and 0.07 of fees: 0.40 - 0.072 - 0.07."""
    start = make_fill().created
    later = start + timedelta(minutes=5)
    exit_ = make_intent(client_order_id="exit-1", leg="exit-1", action=OrderAction.SELL)
    held.add_exit(exit_, "take profit", span)
    four = make_fill(
        fill_id="fill-2",
        order_id="order-2",
        action=OrderAction.SELL,
        count=Decimal(4),
        price=Decimal("0.60"),
        fee=Decimal("0.07"),
        created=later,
    )
    sold = make_order(client_order_id="exit-1", order_id="order-2", filled=Decimal(4))
    held.settle_order("exit-1", sold, [four], span)
    assert held.realized_since(start) == Decimal("0.258")
    assert held.realized_since(later + timedelta(seconds=1)) == 0
    assert held.opportunity("opp_1").stage is Stage.HELD


def settlement(result: str) -> Settlement:
    return Settlement(
        market_ticker="KXTALK-26MAY09-WORD",
        event_ticker="KXTALK-26MAY09",
        result=result,
        revenue=Decimal(10) if result == "yes" else Decimal(0),
        fees=Decimal("0.18"),
        settled=held_until(),
    )


def held_until() -> datetime:
    return datetime(2026, 5, 10, 6, tzinfo=UTC)


@pytest.mark.parametrize(("result", "profit"), [("yes", "4.82"), ("no", "-5.18")])
def test_a_settlement_ends_a_position_once(held: SqlLedger, result: str, profit: str, span: SpanRef) -> None:
    assert held.settle(settlement(result), span)
    assert not held.settle(settlement("yes"), span)
    assert held.settlements() == (settlement(result),)
    assert held.positions() == ()
    assert held.opportunity("opp_1").stage is Stage.SETTLED
    assert held.realized_since(held_until()) == Decimal(profit)


def test_late_news_of_an_order_moves_nothing_that_is_over(
    held: SqlLedger, make_order: Orders, make_fill: Fills, span: SpanRef
) -> None:
    held.settle(settlement("yes"), span)
    held.settle_order("order-1", make_order(), [make_fill()], span)
    assert held.opportunity("opp_1").stage is Stage.SETTLED


def test_costs_and_snapshots_come_back(ledger: SqlLedger, span: SpanRef) -> None:
    cost = CostRow(
        job="analyst",
        opportunity_id="",
        kind="model",
        name="researcher",
        model="sandbox-large",
        input_tokens=1200,
        output_tokens=300,
        requests=2,
        dollars=Decimal("0.00813"),
        at=held_until(),
        span=span,
    )
    unknown = replace(cost, kind="search", dollars=None)
    ledger.add_cost(cost)
    ledger.add_cost(unknown)
    assert ledger.costs() == (cost, unknown)
    snapshot = Snapshot(
        at=held_until(),
        cash=Decimal("994.82"),
        positions_value=Decimal(5),
        open_positions=1,
        realized_pnl=Decimal("-0.18"),
    )
    ledger.add_snapshot(snapshot, span)
    assert ledger.snapshots() == (snapshot,)


def test_hostile_text_is_kept_as_far_as_any_database_can(
    ledger: SqlLedger, opportunity: Opportunity, span: SpanRef
) -> None:
    hostile = "'; DROP TABLE orders; -- \x00 \ud800 <script>"
    ledger.add_opportunities([replace(opportunity, title=hostile)], span)
    assert ledger.opportunity("opp_1").title == "'; DROP TABLE orders; -- \ufffd ? <script>"


def test_everything_survives_closing(
    ledger_url: str, opportunity: Opportunity, decision: Decision, make_intent: Intents, span: SpanRef
) -> None:
    with open_ledger(ledger_url, venue="sandbox", mode="paper") as first:
        first.add_opportunities([opportunity], span)
        first.decide(decision, make_intent(), span)
    with open_ledger(ledger_url, venue="sandbox", mode="paper") as second:
        assert second.decision("opp_1") == decision
        assert second.orders()[0].intent == make_intent()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.decimals(min_value=0, max_value=1, allow_nan=False, places=28))
def test_decimals_are_exact(ledger: SqlLedger, number: Decimal) -> None:
    """Every digit comes back, trailing zeros too."""
    snapshot = Snapshot(
        at=held_until(), cash=number, positions_value=number, open_positions=0, realized_pnl=-number
    )
    ledger.add_snapshot(snapshot, SpanRef())
    assert format(ledger.snapshots()[-1].cash, "f") == format(number, "f")


def test_no_time_without_zone_and_no_amount_that_is_none(
    ledger: SqlLedger, opportunity: Opportunity, span: SpanRef
) -> None:
    with pytest.raises(LedgerError):
        ledger.add_opportunities([replace(opportunity, found_at=datetime(2026, 5, 9))], span)  # noqa: DTZ001
    with pytest.raises(LedgerError):
        ledger.add_opportunities([replace(opportunity, yes_bid=Decimal("NaN"))], span)
    assert ledger.opportunities() == ()


def test_fault_13_of_two_that_decide_at_once_one_has_decided(
    ledger_url: str, opportunity: Opportunity, decision: Decision, make_intent: Intents, span: SpanRef
) -> None:
    """Two workers with connections of their own: one row, one intent, and both know which of them it was."""
    barrier, answers = Barrier(2), list[bool]()

    def work() -> None:
        with open_ledger(ledger_url, venue="sandbox", mode="paper") as mine:
            barrier.wait()
            answers.append(mine.decide(decision, make_intent(), span))

    with open_ledger(ledger_url, venue="sandbox", mode="paper") as ledger:
        ledger.add_opportunities([opportunity], span)
        workers = [Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert sorted(answers) == [False, True]
        assert (len(ledger.decisions()), len(ledger.orders())) == (1, 1)


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_can_be_made_and_filled_on_postgres(table: Table) -> None:
    """Nothing in the schema is SQLite's alone."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))
    key = next(iter(table.primary_key))
    statement = postgresql.insert(table).on_conflict_do_nothing().returning(key)
    assert f"ON CONFLICT DO NOTHING RETURNING {table.name}.{key.name}" in str(
        statement.compile(dialect=dialect)
    )
