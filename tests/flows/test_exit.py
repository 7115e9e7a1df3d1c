"""Leaving positions: when, how often, and that nothing stands in the way."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from coliseum.domain.fees import FeeSchedule
from coliseum.domain.market import Side
from coliseum.domain.opportunity import Stage
from coliseum.domain.order import Intent, OrderAction, OrderStatus, Placed, Position, Refused, Unknown
from coliseum.errors import Unavailable
from coliseum.flows import guard
from coliseum.flows.exits import reason_to_leave
from coliseum.flows.trade import reconcile
from coliseum.settings import Guarding
from tests.agents.models import says
from tests.flows.conftest import scan_and_analyse
from tests.flows.desks import Bench, Broken, Crash, estimate, filled_order, run

BOUGHT = Position(
    market_ticker="KXT-1-A",
    event_ticker="KXT-1",
    side=Side.YES,
    count=Decimal(100),
    cost=Decimal(40),
    fees=Decimal(0),
    realized_pnl=Decimal(0),
)


def reason(bid: str, p: str | None, position: Position = BOUGHT) -> str:
    believed = None if p is None else Decimal(p)
    return reason_to_leave(position, Decimal(bid), believed, Guarding(), FeeSchedule())


def test_a_target_or_a_stop_sells_only_what_is_worth_more_sold_than_held() -> None:
    assert reason("0.65", "0.50").startswith("profit target")
    assert reason("0.65", "0.80") == ""
    assert reason("0.25", "0.10").startswith("stop loss")
    assert reason("0.25", "0.40") == ""
    assert reason("0.45", "0.10") == "", "neither target nor stop"


def test_the_fee_of_selling_counts_against_the_target() -> None:
    """0.60 is 50 % above 0.40; what is left of it after the fee is not."""
    assert reason("0.60", "0.10") == ""
    assert reason("0.62", "0.10").startswith("profit target")


def test_a_no_position_is_judged_by_the_chance_of_no() -> None:
    no = replace(BOUGHT, side=Side.NO)
    assert reason("0.65", "0.50", no).startswith("profit target")
    assert reason("0.65", "0.20", no) == ""


def test_without_a_ledger_the_cost_alone_decides() -> None:
    assert reason("0.25", None).startswith("stop loss")
    assert reason("0.45", None) == ""


@pytest.mark.parametrize(("bid", "cost"), [("0", "40"), ("1", "40"), ("0.5", "0")])
def test_figures_that_cannot_be_sell_nothing(bid: str, cost: str) -> None:
    assert reason(bid, None, replace(BOUGHT, cost=Decimal(cost))) == ""


def sold(at: Bench) -> list[Intent]:
    return [intent for intent in at.exchange.sent if intent.action is OrderAction.SELL]


def test_a_position_at_its_target_is_sold_whole_at_the_bid(holding: Bench) -> None:
    holding.exchange.quote("KXT-1-A", "0.80", "0.82")
    count = holding.exchange.held[0].count
    assert run(guard.positions(holding.desk())).left == ("KXT-1-A",)
    exit_ = sold(holding)[0]
    assert (exit_.side, exit_.count, exit_.limit, exit_.leg) == (Side.YES, count, Decimal("0.80"), "exit-1")
    assert holding.ledger.opportunities()[0].stage is Stage.CLOSED
    assert "profit target" in holding.ledger.order(exit_.client_order_id).reason


def test_a_position_that_is_worth_holding_is_held(holding: Bench) -> None:
    assert run(guard.positions(holding.desk())).left == ()
    assert sold(holding) == []


def test_an_exit_goes_out_with_a_broken_ledger(holding: Bench, caplog: pytest.LogCaptureFixture) -> None:
    holding.exchange.quote("KXT-1-A", "0.20", "0.22")
    with caplog.at_level(logging.ERROR):
        assert run(guard.positions(holding.desk(ledger=Broken()))).left == ("KXT-1-A",)
    assert len(sold(holding)) == 1
    assert "is not in the ledger" in caplog.text
    assert holding.exchange.held == []


def test_an_exit_waits_for_no_telemetry(holding: Bench) -> None:
    async def never(seconds: float) -> bool:
        raise AssertionError("an exit asked whether its trace is on disk")

    holding.durable = never
    holding.exchange.quote("KXT-1-A", "0.80", "0.82")
    assert run(guard.positions(holding.desk())).left == ("KXT-1-A",)


def test_an_exit_that_found_no_buyer_is_followed_by_one_with_the_next_number(holding: Bench) -> None:
    def nobody(intent: Intent) -> Placed:
        order = filled_order(intent)
        return replace(order, status=OrderStatus.CANCELED, filled=Decimal(0), average_price=None, fees=None)

    holding.exchange.on_place = nobody
    holding.exchange.quote("KXT-1-A", "0.80", "0.82")
    assert run(guard.positions(holding.desk())).left == ()
    assert run(guard.positions(holding.desk())).left == ()
    assert [intent.leg for intent in sold(holding)] == ["exit-1", "exit-2"]
    assert len({intent.client_order_id for intent in sold(holding)}) == 2


def test_no_second_exit_while_the_fate_of_the_first_is_open(holding: Bench) -> None:
    holding.exchange.on_place = lambda intent: Unknown(reason="the line went dead")
    holding.exchange.quote("KXT-1-A", "0.80", "0.82")
    run(guard.positions(holding.desk()))
    run(guard.positions(holding.desk()))
    assert len(sold(holding)) == 1


def test_what_this_desk_did_not_buy_it_does_not_sell(at: Bench) -> None:
    at.exchange.held.append(BOUGHT)
    at.exchange.quote("KXT-1-A", "0.80", "0.82")
    assert run(guard.positions(at.desk())).left == ()


def test_one_market_without_a_quote_keeps_no_other_from_being_sold(holding: Bench) -> None:
    holding.exchange.held.insert(0, replace(BOUGHT, market_ticker="GONE"))
    holding.exchange.quote("KXT-1-A", "0.20", "0.22")
    assert run(guard.positions(holding.desk(ledger=Broken()))).left == ("KXT-1-A",)


def test_an_empty_bid_sells_nothing(holding: Bench) -> None:
    holding.exchange.markets["KXT-1-A"] = replace(holding.exchange.markets["KXT-1-A"], yes_bid=None)
    assert run(guard.positions(holding.desk(ledger=Broken()))).left == ()


def test_the_exit_key_is_derived_and_differs_from_the_entry(holding: Bench) -> None:
    holding.exchange.quote("KXT-1-A", "0.80", "0.82")
    run(guard.positions(holding.desk()))
    assert len({intent.client_order_id for intent in holding.exchange.sent}) == 2


def test_new_facts_that_turn_the_belief_sell(holding: Bench) -> None:
    holding.guardian = says(estimate(0.15) | {"changed": True})
    assert run(guard.news(holding.desk())).left == ("KXT-1-A",)
    assert holding.ledger.order(sold(holding)[0].client_order_id).reason == "news: now 0.15"


def test_a_changed_estimate_without_new_facts_sells_nothing(holding: Bench) -> None:
    holding.guardian = says(estimate(0.15) | {"changed": False})
    assert run(guard.news(holding.desk())).left == ()


def test_new_facts_that_leave_it_worth_holding_sell_nothing(holding: Bench) -> None:
    holding.guardian = says(estimate(0.55) | {"changed": True})
    assert run(guard.news(holding.desk())).left == ()


def test_news_that_cannot_be_had_sells_nothing_and_fails_nothing(holding: Bench) -> None:
    holding.search.found = None
    assert run(guard.news(holding.desk())).left == ()


def test_an_exchange_that_is_away_fails_the_round(holding: Bench) -> None:
    holding.exchange.away = True
    with pytest.raises(Unavailable):
        run(guard.positions(holding.desk()))


def lost(arrived: bool, at: Bench) -> Callable[[Intent], Placed]:
    """The connection breaks before or after the order reached the exchange."""

    def place(intent: Intent) -> Placed:
        if arrived:
            at.exchange.fill(intent)
        return Unknown(reason="the line went dead")

    return place


def test_an_unknown_order_is_looked_up_under_its_key_and_never_sent_again(at: Bench) -> None:
    at.exchange.on_place = lost(True, at)
    decision = run(scan_and_analyse(at.desk()))
    assert at.ledger.orders()[0].status is OrderStatus.UNKNOWN
    assert run(reconcile(at.desk())) == 1
    assert at.exchange.looked_up == [at.exchange.sent[0].client_order_id]
    assert len(at.exchange.sent) == 1
    assert at.ledger.orders()[0].status is OrderStatus.EXECUTED
    assert at.ledger.opportunity(decision.opportunity_id).stage is Stage.HELD


def test_an_order_that_never_arrived_ends_its_opportunity(at: Bench) -> None:
    at.exchange.on_place = lost(False, at)
    decision = run(scan_and_analyse(at.desk()))
    assert run(reconcile(at.desk())) == 1
    assert at.ledger.orders()[0].status is OrderStatus.REFUSED
    assert at.ledger.opportunity(decision.opportunity_id).stage is Stage.REJECTED
    assert len(at.exchange.sent) == 1


def test_a_crash_between_commit_and_sending_leaves_an_intent_that_is_looked_up(at: Bench) -> None:
    def crash(intent: Intent) -> Placed:
        raise Crash

    at.exchange.on_place = crash
    with pytest.raises(Crash):
        run(scan_and_analyse(at.desk()))
    assert at.ledger.orders()[0].status is OrderStatus.INTENT
    run(reconcile(at.desk()))
    assert at.ledger.orders()[0].reason.startswith("never_sent")


def test_a_young_order_may_still_be_on_its_way_and_is_left_alone(at: Bench) -> None:
    at.exchange.on_place = lost(False, at)
    run(scan_and_analyse(at.desk()))
    assert run(reconcile(at.desk(), timedelta(minutes=5))) == 0
    at.pass_time(minutes=5)
    assert run(reconcile(at.desk(), timedelta(minutes=5))) == 1


def test_an_order_that_cannot_be_looked_up_stays_unknown(at: Bench) -> None:
    at.exchange.on_place = lost(True, at)
    run(scan_and_analyse(at.desk()))
    at.exchange.away = True
    assert run(reconcile(at.desk())) == 0
    assert at.ledger.orders()[0].status is OrderStatus.UNKNOWN


def test_the_guardian_reconciles_before_it_judges(at: Bench) -> None:
    at.exchange.on_place = lost(True, at)
    run(scan_and_analyse(at.desk()))
    at.exchange.on_place = lambda intent: None
    at.pass_time(minutes=6)
    at.exchange.quote("KXT-1-A", "0.80", "0.82")
    assert run(guard.positions(at.desk())).left == ("KXT-1-A",)


def test_a_refused_exit_is_written_down_and_tried_again_next_time(holding: Bench) -> None:
    holding.exchange.on_place = lambda intent: Refused(code="market_closed", message="closed")
    holding.exchange.quote("KXT-1-A", "0.80", "0.82")
    assert run(guard.positions(holding.desk())).left == ()
    assert holding.ledger.opportunities()[0].stage is Stage.HELD
    holding.exchange.on_place = lambda intent: None
    assert run(guard.positions(holding.desk())).left == ("KXT-1-A",)


def test_entry_and_exit_carry_the_id_of_their_opportunity(holding: Bench) -> None:
    holding.exchange.quote("KXT-1-A", "0.80", "0.82")
    run(guard.positions(holding.desk()))
    assert len({intent.opportunity_id for intent in holding.exchange.sent}) == 1
