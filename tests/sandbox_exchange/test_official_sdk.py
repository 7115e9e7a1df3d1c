"""The official SDK reads every page and trades, with its own signatures, models and errors."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from coliseum.sandbox.world import World
from tests.sandbox_exchange.api import BASE, JORDAN, RETIRE, User

sdk = pytest.importorskip(
    "kalshi_python_sync", reason="the official SDK needs Python 3.13: run this file there"
)

EVENT = "KXNBAMENTION-26FEB24NYKCLE"
WISH = {
    "ticker": JORDAN,
    "side": "bid",
    "count": "10.00",
    "price": "0.5700",
    "time_in_force": "immediate_or_cancel",
    "self_trade_prevention_type": "taker_at_cross",
}


@contextmanager
def connected(user: User, key_id: str) -> Iterator[Any]:
    configuration = sdk.Configuration(host=f"{str(user.http.base_url).rstrip('/')}{BASE}")
    configuration.retries = 0
    configuration.api_key_id = key_id
    configuration.private_key_pem = user.keys.pem().decode()
    client = sdk.KalshiClient(configuration)
    yield client
    client.rest_client.pool_manager.clear()


@pytest.fixture
def client(user: User) -> Iterator[Any]:
    with connected(user, user.keys.key_id) as client:
        yield client


def error(failure: Any) -> Any:
    return json.loads(failure.value.body)["error"]


def test_it_reads_the_exchange(client: Any) -> None:
    assert client.get_exchange_status().trading_active
    assert len(client.get_exchange_schedule().schedule.standard_hours) == 1


def test_it_pages_through_the_markets(client: Any, user: User) -> None:
    user.move("2026-10-07T00:00:00Z")
    found, cursor = [], None
    while cursor != "":
        answer = client.get_markets(limit=20, cursor=cursor)
        found += [market.ticker for market in answer.markets]
        cursor = answer.cursor
    assert len(found) == len(set(found)) == 95
    settled = client.get_markets(status="settled", mve_filter="exclude", limit=1000).markets
    assert {market.result for market in settled} == {"yes", "no"}


def test_it_reads_one_market_its_book_and_its_trades(client: Any) -> None:
    market = client.get_market(JORDAN).market
    assert (market.yes_bid_dollars, market.yes_ask_dollars) == ("0.5400", "0.5700")
    book = client.get_market_orderbook(JORDAN, depth=5).orderbook_fp
    assert book.yes_dollars[-1][0] == "0.5400"
    assert len(client.get_market_orderbooks(tickers=[JORDAN, RETIRE]).orderbooks) == 2
    client.create_order_v2(**WISH)
    assert client.get_trades(ticker=JORDAN).trades[0].count_fp == "10.00"


def test_it_reads_events_and_series(client: Any) -> None:
    assert client.get_events(with_nested_markets=True).events[0].markets
    assert client.get_event(EVENT).event.event_ticker == EVENT
    assert client.get_series_list().series[0].ticker == "KXNBAMENTION"
    assert client.get_series("KXNBAMENTION").series.fee_type == "quadratic"


def test_it_places_an_order_and_reads_what_came_of_it(client: Any) -> None:
    placed = client.create_order_v2(**WISH, client_order_id="mine")
    assert (placed.fill_count, placed.average_fill_price) == ("10.00", "0.5700")
    order = client.get_order(placed.order_id).order
    assert (order.status, order.client_order_id) == ("executed", "mine")
    assert client.get_orders(status="executed").orders[0].order_id == placed.order_id
    assert client.get_fills(order_id=placed.order_id).fills[0].fee_cost == "0.1800"
    assert client.get_positions().market_positions[0].position_fp == "10.00"
    assert client.get_balance().balance == 99412


def test_it_cancels_one_order_and_all(client: Any) -> None:
    resting = {**WISH, "price": "0.4000", "time_in_force": "good_till_canceled"}
    first = client.create_order_v2(**resting, expiration_time=1771900000)
    client.create_order_v2(**resting)
    assert client.get_portfolio_resting_order_total_value().total_resting_order_value == 800
    assert client.cancel_order_v2(first.order_id).reduced_by == "10.00"
    client.cancel_all_orders()
    assert {each.status.value for each in client.get_orders().orders} == {"canceled"}


def test_it_reads_settlements(client: Any, user: User) -> None:
    client.create_order_v2(**WISH)
    user.move("2026-02-25T06:00:00Z")
    settlement = client.get_settlements().settlements[0]
    assert (settlement.market_result, settlement.revenue) == ("yes", 1000)
    assert client.get_positions(settlement_status="settled").market_positions[0].position_fp == "0.00"


def test_its_errors_are_typed_by_status(client: Any) -> None:
    client.create_order_v2(**WISH, client_order_id="once")
    with pytest.raises(sdk.exceptions.ConflictException) as twice:
        client.create_order_v2(**WISH, client_order_id="once")
    assert error(twice)["code"] == "order_already_exists"
    with pytest.raises(sdk.exceptions.BadRequestException) as off_tick:
        client.create_order_v2(**{**WISH, "price": "0.5750"})
    assert error(off_tick)["code"] == "invalid_price"
    with pytest.raises(sdk.exceptions.NotFoundException):
        client.get_market("KXNO")
    with pytest.raises(sdk.exceptions.BadRequestException):
        client.get_markets(limit=-1)


def test_it_sees_faults(client: Any, user: User, world: World) -> None:
    user.arm(kind="503")
    with pytest.raises(sdk.exceptions.ServiceException):
        client.get_balance()
    user.arm(kind="429")
    with pytest.raises(sdk.exceptions.ApiException) as busy:
        client.get_balance()
    assert error(busy) == "too many requests"
    assert [each.status for each in world.requests.since(0)] == [503, 429]


def test_an_unknown_key_is_unauthorized(user: User) -> None:
    with (
        connected(user, "somebody") as client,
        pytest.raises(sdk.exceptions.UnauthorizedException) as refused,
    ):
        client.get_balance()
    assert error(refused)["code"] == "authentication_error"
