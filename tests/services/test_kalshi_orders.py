"""An order is sent under one key, is never lost, and never doubled."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx2
import pytest

from coliseum.domain.market import Side
from coliseum.domain.order import Intent, Order, OrderAction, OrderStatus, Refused, Unknown
from coliseum.errors import NotFound, SettingsError
from coliseum.services.http import Patience
from coliseum.services.kalshi import Credentials, KalshiExchange
from coliseum.services.kalshi.client import order_body
from tests.services.conftest import Script, Standing

T = TypeVar("T")
Intents = Callable[..., Intent]
Do = Callable[[Callable[[KalshiExchange], Awaitable[Any]]], Any]
KEY = "5f2b1f5e-0000-5000-8000-000000000001"
PLACE = "/portfolio/events/orders"
NOW = datetime(2026, 5, 9, 12, tzinfo=UTC)


@pytest.fixture
def do(script: Script, credentials: Credentials, clock: Standing, patience: Patience) -> Do:
    """Run one conversation with the scripted exchange; wall time goes on by a second with each signature."""
    ticks: Iterator[int] = iter(range(1000))

    def wall() -> datetime:
        return NOW + timedelta(seconds=next(ticks))

    def run(talk: Callable[[KalshiExchange], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            async with script.client() as http:
                exchange = KalshiExchange(
                    "http://exchange.example/trade-api/v2", credentials, http, wall, clock, patience
                )
                return await talk(exchange)

        return asyncio.run(whole())

    return run


def created(**changes: Any) -> tuple[int, dict[str, Any]]:
    body = {
        "order_id": "order-1",
        "client_order_id": KEY,
        "fill_count": "10.00",
        "remaining_count": "0.00",
        "average_fill_price": "0.5000",
        "average_fee_paid": "0.0180",
        "ts_ms": 1778328000000,
    }
    return 201, {**body, **changes}


def listed(**changes: Any) -> tuple[int, dict[str, Any]]:
    order = {
        "order_id": "order-1",
        "client_order_id": KEY,
        "ticker": "KXTALK-26MAY09-WORD",
        "outcome_side": "yes",
        "book_side": "bid",
        "status": "executed",
        "fill_count_fp": "10.00",
        "remaining_count_fp": "0.00",
        "taker_fees_dollars": "0.1800",
        "maker_fees_dollars": "0.0000",
    }
    return 200, {"orders": [{**order, **changes}], "cursor": ""}


def filled(**changes: Any) -> tuple[int, dict[str, Any]]:
    fill = {
        "fill_id": "fill-1",
        "order_id": "order-1",
        "ticker": "KXTALK-26MAY09-WORD",
        "outcome_side": "yes",
        "book_side": "bid",
        "count_fp": "10.00",
        "yes_price_dollars": "0.5000",
        "no_price_dollars": "0.5000",
        "is_taker": True,
        "fee_cost": "0.1800",
        "created_time": "2026-05-09T12:00:00.12345Z",
    }
    return 200, {"fills": [{**fill, **changes}], "cursor": ""}


NONE_LISTED = (200, {"orders": [], "cursor": ""})
TAKEN = (
    409,
    {"error": {"code": "order_already_exists", "message": "order already exists", "service": "exchange"}},
)


@pytest.mark.parametrize(
    ("action", "side", "limit", "book_side", "price"),
    [
        (OrderAction.BUY, Side.YES, "0.51", "bid", "0.5100"),
        (OrderAction.BUY, Side.NO, "0.30", "ask", "0.7000"),
        (OrderAction.SELL, Side.YES, "0.51", "ask", "0.5100"),
        (OrderAction.SELL, Side.NO, "0.30", "bid", "0.7000"),
        (OrderAction.BUY, Side.NO, "0.055", "ask", "0.9450"),
    ],
)
def test_fault_6_every_price_on_the_wire_is_a_price_of_yes(
    make_intent: Intents, action: OrderAction, side: Side, limit: str, book_side: str, price: str
) -> None:
    body = order_body(make_intent(action=action, side=side, limit=Decimal(limit)))
    assert (body["side"], body["price"], body["count"]) == (book_side, price, "10.00")
    assert body["time_in_force"] == "immediate_or_cancel"
    assert body.get("reduce_only", False) is (action is OrderAction.SELL)


@pytest.mark.parametrize(
    "change", [{"limit": Decimal("0.50001")}, {"count": Decimal("1.001")}, {"count": Decimal(0)}]
)
def test_fault_8_nothing_is_rounded_on_its_way_out(make_intent: Intents, change: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        order_body(make_intent(**change))


def test_a_fill_is_reported_in_prices_of_the_ordered_side(
    script: Script, do: Do, make_intent: Intents
) -> None:
    """Ten NO bought where YES trades at 0.70 cost 0.30 each."""
    script.steps = [created(average_fill_price="0.7000")]
    placed = do(lambda exchange: exchange.place(make_intent(side=Side.NO, limit=Decimal("0.31"))))
    assert isinstance(placed, Order)
    assert (placed.status, placed.average_price, placed.fees) == (
        OrderStatus.EXECUTED,
        Decimal("0.30"),
        Decimal("0.18"),
    )


def test_an_order_cancelled_unfilled_is_no_fill(script: Script, do: Do, make_intent: Intents) -> None:
    script.steps = [
        created(fill_count="0.00", remaining_count="0.00", average_fill_price=None, average_fee_paid=None)
    ]
    placed = do(lambda exchange: exchange.place(make_intent()))
    assert (placed.status, placed.filled, placed.average_price, placed.fees) == (
        OrderStatus.CANCELED,
        Decimal(0),
        None,
        None,
    )


def test_fault_3_and_7_a_retry_is_signed_anew_and_keeps_the_key(
    script: Script, do: Do, make_intent: Intents
) -> None:
    script.steps = [httpx2.ReadError("dropped"), (503, {}), created()]
    placed = do(lambda exchange: exchange.place(make_intent()))
    assert isinstance(placed, Order)
    keys = {json.loads(each.content)["client_order_id"] for each in script.requests}
    times = [each.headers["KALSHI-ACCESS-TIMESTAMP"] for each in script.requests]
    signatures = [each.headers["KALSHI-ACCESS-SIGNATURE"] for each in script.requests]
    assert keys == {KEY}
    assert len(set(times)) == len(set(signatures)) == len(script.requests) == 3


def test_fault_4_already_there_is_looked_up_and_answered(
    script: Script, do: Do, make_intent: Intents
) -> None:
    """The connection breaks after the exchange has taken the order; the resend is told that it exists."""
    script.at = {"/portfolio/orders": listed(), "/portfolio/fills": filled()}
    script.steps = [httpx2.ReadError("dropped"), TAKEN]
    placed = do(lambda exchange: exchange.place(make_intent()))
    assert isinstance(placed, Order)
    assert (placed.order_id, placed.filled, placed.average_price, placed.fees) == (
        "order-1",
        Decimal(10),
        Decimal("0.50"),
        Decimal("0.18"),
    )


def test_fault_4_what_was_found_is_told_in_prices_of_the_ordered_side(
    script: Script, do: Do, make_intent: Intents
) -> None:
    """The exchange lists the sale of a YES as an ask, whose outcome is NO."""
    script.at = {
        "/portfolio/orders": listed(outcome_side="no", book_side="ask"),
        "/portfolio/fills": filled(outcome_side="no", yes_price_dollars="0.6000"),
    }
    script.steps = [TAKEN]
    placed = do(lambda exchange: exchange.place(make_intent(action=OrderAction.SELL, limit=Decimal("0.59"))))
    assert placed.average_price == Decimal("0.60")


def test_fault_4_a_list_that_lags_is_asked_again(script: Script, do: Do, make_intent: Intents) -> None:
    answers = iter([NONE_LISTED, listed(fill_count_fp="0.00", status="canceled")])
    script.at = {"/portfolio/orders": lambda request: next(answers)}
    script.steps = [TAKEN]
    placed = do(lambda exchange: exchange.place(make_intent()))
    assert placed.status is OrderStatus.CANCELED


@pytest.mark.parametrize(
    "trouble",
    [httpx2.ReadError("dropped"), httpx2.ReadTimeout(""), (503, {}), (429, {}), (500, {}), (502, {})],
)
def test_fault_4_silence_is_not_a_no(script: Script, do: Do, make_intent: Intents, trouble: object) -> None:
    """When neither the answer nor the list shows the order, nobody knows, and that is what is said."""
    script.at = {"/portfolio/orders": NONE_LISTED}
    script.steps = [trouble]
    placed = do(lambda exchange: exchange.place(make_intent()))
    assert isinstance(placed, Unknown)
    assert placed.reason


@pytest.mark.parametrize("status", [500, 504])
def test_a_failure_inside_the_exchange_may_have_placed_the_order(
    script: Script, do: Do, make_intent: Intents, status: int
) -> None:
    script.at = {"/portfolio/orders": listed(), "/portfolio/fills": filled()}
    script.steps = [(status, {})]
    placed = do(lambda exchange: exchange.place(make_intent()))
    assert isinstance(placed, Order)


def test_a_look_up_that_fails_too_leaves_it_unknown(script: Script, do: Do, make_intent: Intents) -> None:
    script.steps = [httpx2.ConnectError("no route")]
    placed = do(lambda exchange: exchange.place(make_intent()))
    assert isinstance(placed, Unknown)
    assert "looking it up failed" in placed.reason


def test_an_acceptance_that_cannot_be_read_is_looked_up(script: Script, do: Do, make_intent: Intents) -> None:
    script.at = {"/portfolio/orders": listed(), "/portfolio/fills": filled()}
    script.steps = [httpx2.Response(201, text="<html>")]
    assert isinstance(do(lambda exchange: exchange.place(make_intent())), Order)


def test_a_rejected_resend_says_nothing_about_the_first_copy(
    script: Script, do: Do, make_intent: Intents
) -> None:
    """The money that is missing for the second copy may be what the first one has spent."""
    script.at = {"/portfolio/orders": listed(), "/portfolio/fills": filled()}
    script.steps = [
        httpx2.ReadError("dropped"),
        (400, {"error": {"code": "insufficient_balance", "message": ""}}),
    ]
    assert isinstance(do(lambda exchange: exchange.place(make_intent())), Order)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (
            400,
            {"error": {"code": "invalid_price", "message": "off tick", "service": "exchange"}},
            "invalid_price",
        ),
        (400, {"code": "bad_request", "message": "unreadable"}, "bad_request"),
        (401, {"error": {"code": "authentication_error", "message": "no"}}, "authentication_error"),
        (409, {"error": {"code": "trading_is_paused", "message": "halted"}}, "trading_is_paused"),
        (403, {"error": "forbidden"}, "403"),
    ],
)
def test_a_rejection_in_any_shape_is_a_value(
    script: Script, do: Do, make_intent: Intents, status: int, body: dict[str, Any], code: str
) -> None:
    script.steps = [(status, body)]
    placed = do(lambda exchange: exchange.place(make_intent()))
    assert isinstance(placed, Refused)
    assert placed.code == code
    assert len(script.requests) == 1


def test_find_looks_by_key_through_every_page(script: Script, do: Do) -> None:
    other = listed(client_order_id="another")[1]["orders"]
    pages = iter([(200, {"orders": other, "cursor": "next"}), listed()])
    script.at = {"/portfolio/orders": lambda request: next(pages), "/portfolio/fills": filled()}
    found = do(lambda exchange: exchange.find(KEY, "KXTALK-26MAY09-WORD"))
    assert found.order_id == "order-1"
    assert script.requests[1].url.params["cursor"] == "next"
    assert script.requests[1].url.params["ticker"] == "KXTALK-26MAY09-WORD"


def test_find_of_nothing_is_nothing(script: Script, do: Do) -> None:
    script.at = {"/portfolio/orders": NONE_LISTED}
    script.steps = [(404, {})]
    assert do(lambda exchange: exchange.find(KEY, "KXTALK-26MAY09-WORD")) is None


def test_cancel_tells_what_became_of_the_order(script: Script, do: Do) -> None:
    order = listed(status="canceled", fill_count_fp="0.00")[1]["orders"][0]
    script.at = {
        f"{PLACE}/order-1": (200, {"order_id": "order-1", "reduced_by": "10.00", "ts_ms": 1}),
        "/portfolio/orders/order-1": (200, {"order": order}),
    }
    assert do(lambda exchange: exchange.cancel("order-1")).status is OrderStatus.CANCELED
    assert script.paths == [f"DELETE {PLACE}/order-1", "GET /portfolio/orders/order-1"]


@pytest.mark.parametrize("order_id", ["gone", "../balance", ""])
def test_cancelling_what_does_not_exist_is_not_found(script: Script, do: Do, order_id: str) -> None:
    script.steps = [(404, {"error": {"code": "not_found", "message": ""}})]
    with pytest.raises(NotFound):
        do(lambda exchange: exchange.cancel(order_id))


def test_without_credentials_nothing_private_is_asked(
    script: Script, clock: Standing, patience: Patience, make_intent: Intents
) -> None:
    async def run() -> None:
        async with script.client() as http:
            exchange = KalshiExchange("http://exchange.example/x", None, http, clock.now, clock, patience)
            for asking in (exchange.balance(), exchange.positions(), exchange.settlements()):
                with pytest.raises(SettingsError, match="KALSHI_API_KEY_ID"):
                    await asking
            with pytest.raises(SettingsError):
                await exchange.place(make_intent())

    asyncio.run(run())
    assert script.requests == []
