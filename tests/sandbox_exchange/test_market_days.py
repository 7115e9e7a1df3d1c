"""What the passing of market days does to orders that rest and positions that are held."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from coliseum.sandbox.clock import MarketClock
from coliseum.sandbox.exchange.exchange import Exchange
from coliseum.sandbox.exchange.matching import BookSide, SelfTrade
from coliseum.sandbox.exchange.order import Order, OrderStatus, Ticket, TimeInForce
from coliseum.sandbox.records import markets
from tests.sandbox_exchange.api import JORDAN, RETIRE, TRANSFER, User

D = Decimal
MORNING = datetime(2026, 2, 24, 9, tzinfo=UTC)


@pytest.fixture
def clock() -> MarketClock:
    return MarketClock(datetime(2026, 2, 23, 12, tzinfo=UTC))


@pytest.fixture
def exchange(clock: MarketClock) -> Exchange:
    return Exchange(seed=7, clock=clock, records=markets(), cash=D("100000.00"))


def rest(exchange: Exchange, side: str, price: str, count: str) -> Order:
    placed = exchange.place(
        Ticket(
            ticker=JORDAN,
            side=BookSide(side),
            count=D(count),
            price=D(price),
            time_in_force=TimeInForce.GOOD_TILL_CANCELED,
            prevention=SelfTrade.TAKER_AT_CROSS,
        )
    )
    assert isinstance(placed, Order)
    return placed


def buy_everything(exchange: Exchange) -> None:
    """Leaves no offer in the book for the rest of the day."""
    rest(exchange, "bid", "0.99", "50000")
    exchange.cancel_all()


def now(exchange: Exchange, orders: Iterable[Order]) -> list[Order]:
    return [exchange.state.orders[each.id] for each in orders]


def test_a_new_day_meets_the_best_price_and_then_the_earliest_order(
    exchange: Exchange, clock: MarketClock
) -> None:
    """The crowd of the 24th offers at 0.59 or less, but not enough for everybody."""
    buy_everything(exchange)
    orders = [
        rest(exchange, "bid", price, count)
        for price, count in (("0.60", "5000"), ("0.60", "5000"), ("0.61", "10"))
    ]
    clock.move(MORNING)
    exchange.advance()
    early, late, high = now(exchange, orders)
    assert high.filled == 10
    assert 0 < early.filled < 5000
    assert late.filled == 0


def test_who_rested_is_a_maker_paying_his_own_price_and_no_fee(
    exchange: Exchange, clock: MarketClock
) -> None:
    buy_everything(exchange)
    order = rest(exchange, "bid", "0.61", "10")
    clock.move(MORNING)
    exchange.advance()
    fill = exchange.state.fills[-1]
    assert (fill.order_id, fill.price, fill.fee, fill.is_taker) == (order.id, D("0.61"), D(0), False)
    assert exchange.state.orders[order.id].maker_cost == D("6.10")


def test_asking_again_on_the_same_day_changes_nothing(exchange: Exchange, clock: MarketClock) -> None:
    buy_everything(exchange)
    rest(exchange, "bid", "0.60", "5000")
    clock.move(MORNING)
    exchange.advance()
    before = (len(exchange.state.fills), exchange.state.account)
    exchange.advance()
    assert (len(exchange.state.fills), exchange.state.account) == before


def test_an_order_of_the_same_day_is_not_met_twice(exchange: Exchange) -> None:
    buy_everything(exchange)
    order = rest(exchange, "bid", "0.61", "10")
    exchange.advance()
    assert exchange.state.orders[order.id].status is OrderStatus.RESTING


def test_where_rounding_leaves_a_cent_too_little_the_latest_order_gives_way(exchange: Exchange) -> None:
    orders = [rest(exchange, "bid", "0.30", "10"), rest(exchange, "bid", "0.40", "10")]
    state = exchange.state
    state.account = replace(state.account, cash=D("6.99"))
    exchange.advance()
    assert [each.is_resting for each in now(exchange, orders)] == [True, False]
    assert state.available == D("3.99")


def test_winners_get_a_dollar_and_losers_nothing_when_the_result_is_due(user: User) -> None:
    user.accepted(count="10")
    user.accepted(ticker=RETIRE, price="0.1800", count="10")
    before = D(user.cash())
    user.move("2026-02-25T05:59:59Z")
    assert user.get("/portfolio/settlements")["settlements"] == []
    assert D(user.cash()) == before
    user.move("2026-02-25T06:00:00Z")
    assert D(user.cash()) == before + 10
    paid = {each["ticker"]: each for each in user.get("/portfolio/settlements")["settlements"]}
    assert (paid[JORDAN]["market_result"], paid[JORDAN]["revenue"], paid[JORDAN]["value"]) == (
        "yes",
        1000,
        100,
    )
    assert (paid[RETIRE]["market_result"], paid[RETIRE]["revenue"], paid[RETIRE]["value"]) == ("no", 0, 0)
    assert paid[JORDAN]["yes_total_cost_dollars"] == "5.7000"
    assert paid[JORDAN]["settled_time"] == "2026-02-25T06:00:00Z"


def test_a_no_position_wins_when_the_outcome_is_no(user: User) -> None:
    user.accepted(ticker=RETIRE, side="ask", price="0.1600", count="10")
    before = D(user.cash())
    user.move("2026-03-01T00:00:00Z")
    assert D(user.cash()) == before + 10
    settled = user.get("/portfolio/settlements")["settlements"][0]
    assert (settled["no_count_fp"], settled["no_total_cost_dollars"]) == ("10.00", "8.4000")


def test_a_settled_position_moves_from_unsettled_to_settled(user: User) -> None:
    user.accepted(count="10")
    user.move("2026-02-25T06:00:00Z")
    assert user.get("/portfolio/positions")["market_positions"] == []
    settled = user.get("/portfolio/positions?settlement_status=settled")["market_positions"]
    assert (settled[0]["position_fp"], settled[0]["realized_pnl_dollars"]) == ("0.00", "4.3000")
    assert user.get("/portfolio/positions?settlement_status=all")["market_positions"] == settled


def test_settlement_happens_once(user: User) -> None:
    user.accepted(count="10")
    user.move("2026-02-25T06:00:00Z")
    cash = user.cash()
    user.move("2026-03-05T06:00:00Z")
    assert user.cash() == cash
    assert len(user.get("/portfolio/settlements")["settlements"]) == 1


def test_a_finalized_market_shows_its_result_and_an_empty_book(user: User) -> None:
    user.move("2026-02-25T06:00:00Z")
    market = user.get(f"/markets/{JORDAN}")["market"]
    assert (market["status"], market["result"]) == ("finalized", "yes")
    assert market["settlement_value_dollars"] == "1.0000"
    assert market["settlement_ts"] == "2026-02-25T06:00:00Z"
    assert (market["yes_bid_dollars"], market["yes_ask_dollars"]) == ("0.0000", "1.0000")
    book = user.get(f"/markets/{JORDAN}/orderbook")["orderbook_fp"]
    assert book == {"yes_dollars": [], "no_dollars": []}


def test_a_market_of_unknown_outcome_never_settles(user: User) -> None:
    user.move("2026-03-20T12:00:00Z")
    assert user.accepted(ticker=TRANSFER, price="0.8200", count="5")["fill_count"] == "5.00"
    user.move("2030-01-01T00:00:00Z")
    market = user.get(f"/markets/{TRANSFER}")["market"]
    assert (market["status"], market["result"]) == ("active", "")
    assert user.get("/portfolio/settlements")["settlements"] == []
    assert user.get("/portfolio/positions")["market_positions"][0]["position_fp"] == "5.00"
