"""Orders over real HTTP: what fills, what rests, what is refused, and what it costs."""

from decimal import Decimal

import pytest

from tests.sandbox_exchange.api import JORDAN, ORDERS, RETIRE, User

D = Decimal


def best(user: User, ticker: str = JORDAN) -> tuple[str, str]:
    market = user.get(f"/markets/{ticker}")["market"]
    return market["yes_bid_dollars"], market["yes_ask_dollars"]


def position(user: User, ticker: str = JORDAN) -> str:
    held = user.get("/portfolio/positions")["market_positions"]
    found = [each["position_fp"] for each in held if each["ticker"] == ticker]
    return found[0] if found else "0.00"


def test_a_crossing_bid_buys_at_the_recorded_offer_with_the_taker_fee(user: User) -> None:
    """10 at 0.57: 0.07 x 10 x 0.57 x 0.43 = 0.171570, so 0.1716, and 5.88 in whole cents."""
    answer = user.accepted()
    assert answer["fill_count"] == "10.00"
    assert answer["remaining_count"] == "0.00"
    assert answer["average_fill_price"] == "0.5700"
    assert answer["average_fee_paid"] == "0.0180"
    assert user.cash() == "994.1200"
    fill = user.get(f"/portfolio/fills?order_id={answer['order_id']}")["fills"][0]
    assert (fill["fee_cost"], fill["is_taker"], fill["outcome_side"]) == ("0.1800", True, "yes")


def test_an_ask_without_inventory_buys_no_at_one_minus_the_price(user: User) -> None:
    answer = user.accepted(side="ask", price="0.5400")
    assert answer["average_fill_price"] == "0.5400"
    assert position(user) == "-10.00"
    held = user.get("/portfolio/positions")["market_positions"][0]
    assert held["market_exposure_dollars"] == "4.6000"


def test_a_large_order_walks_the_book_from_the_best_price(user: User) -> None:
    offers = user.get(f"/markets/{JORDAN}/orderbook")["orderbook_fp"]["no_dollars"]
    best_size = D(offers[-1][1])
    answer = user.accepted(count=str(best_size + 5), price="0.9900")
    prices = {
        each["yes_price_dollars"]: each["count_fp"]
        for each in user.get(f"/portfolio/fills?order_id={answer['order_id']}")["fills"]
    }
    assert prices == {"0.5700": f"{best_size:.2f}", "0.5800": "5.00"}


def test_what_was_bought_is_gone_for_the_rest_of_the_market_day(user: User) -> None:
    size = user.get(f"/markets/{JORDAN}")["market"]["yes_ask_size_fp"]
    user.accepted(count=size)
    assert best(user) == ("0.5400", "0.5800")
    assert user.accepted()["fill_count"] == "0.00"
    user.move("2026-02-24T00:00:00Z")
    offer = D(best(user)[1])
    assert D("0.55") <= offer <= D("0.59")


def test_immediate_or_cancel_never_rests(user: User) -> None:
    answer = user.accepted(price="0.5000")
    assert (answer["fill_count"], answer["remaining_count"]) == ("0.00", "0.00")
    assert user.get(f"/portfolio/orders/{answer['order_id']}")["order"]["status"] == "canceled"


def test_good_till_canceled_rests_what_does_not_fill(user: User) -> None:
    size = D(user.get(f"/markets/{JORDAN}")["market"]["yes_ask_size_fp"])
    answer = user.rest(count=str(size + 3))
    assert answer["remaining_count"] == "3.00"
    assert best(user) == ("0.5700", "0.5800")
    assert user.get("/portfolio/orders?status=resting")["orders"][0]["order_id"] == answer["order_id"]


def test_fill_or_kill_is_all_or_nothing(user: User) -> None:
    size = D(user.get(f"/markets/{JORDAN}")["market"]["yes_ask_size_fp"])
    killed = user.accepted(time_in_force="fill_or_kill", count=str(size + 1))
    assert killed["fill_count"] == "0.00"
    filled = user.accepted(time_in_force="fill_or_kill", count=str(size))
    assert D(filled["fill_count"]) == size


def test_a_resting_bid_locks_its_price_and_cancelling_releases_it(user: User) -> None:
    answer = user.rest(price="0.5000", count="20")
    assert user.cash() == "990.0000"
    assert user.get("/portfolio/summary/total_resting_order_value")["total_resting_order_value"] == 1000
    done = user.send("DELETE", f"{ORDERS}/{answer['order_id']}")
    assert (done.status_code, done.json()["reduced_by"]) == (200, "20.00")
    assert user.cash() == "1000.0000"
    assert user.send("DELETE", f"{ORDERS}/{answer['order_id']}").status_code == 404


def test_a_resting_ask_locks_the_other_side_unless_it_is_covered(user: User) -> None:
    user.accepted()
    before = D(user.cash())
    user.rest(side="ask", price="0.8000", count="10")
    assert D(user.cash()) == before
    user.rest(side="ask", price="0.8000", count="10")
    assert D(user.cash()) == before - 2


def test_cancel_all_answers_204_without_a_body(user: User) -> None:
    user.rest(price="0.5000")
    user.rest(ticker=RETIRE, price="0.1000")
    done = user.send("DELETE", ORDERS)
    assert (done.status_code, done.content) == (204, b"")
    assert user.get("/portfolio/orders?status=resting")["orders"] == []
    assert user.cash() == "1000.0000"


def test_yes_and_no_of_one_market_net_at_once(user: User) -> None:
    """A pair pays its dollar when it is made; the spread and two fees are lost."""
    user.accepted()
    user.accepted(side="ask", price="0.5400")
    assert position(user) == "0.00"
    held = user.get("/portfolio/positions")["market_positions"][0]
    assert held["realized_pnl_dollars"] == "-0.3000"
    assert held["market_exposure_dollars"] == "0.0000"
    assert D(user.cash()) == 1000 - D("0.30") - D(held["fees_paid_dollars"])


def test_reduce_only_never_opens_a_position(user: User) -> None:
    wrong = user.refused(400, "invalid_order", reduce_only=True)
    assert "reduce only" in wrong["details"]
    user.accepted()
    answer = user.accepted(side="ask", price="0.5400", count="25", reduce_only=True)
    assert answer["fill_count"] == "10.00"
    assert position(user) == "0.00"


def test_post_only_that_would_cross_is_refused(user: User) -> None:
    refused = user.refused(400, "invalid_order", post_only=True, time_in_force="good_till_canceled")
    assert refused["details"] == "post only cross"
    assert user.rest(post_only=True, price="0.5600")["remaining_count"] == "10.00"


def test_a_used_client_order_id_is_refused_with_the_exchange_as_service(user: User) -> None:
    user.accepted(client_order_id="once")
    refused = user.refused(409, "order_already_exists", client_order_id="once", price="0.1000")
    assert refused["service"] == "exchange"
    assert len(user.get("/portfolio/orders")["orders"]) == 1


def test_a_refused_order_does_not_use_up_its_client_order_id(user: User) -> None:
    user.refused(400, "invalid_price", client_order_id="again", price="0.5750")
    user.accepted(client_order_id="again")


@pytest.mark.parametrize("price", ["0.5750", "0.0000", "1.0000", "0.005", "1.50"])
def test_a_price_off_the_tick_or_out_of_range_is_an_invalid_price(user: User, price: str) -> None:
    assert user.refused(400, "invalid_price", price=price)["service"] == "exchange"


def test_more_than_the_cash_is_refused_and_changes_nothing(user: User) -> None:
    refused = user.refused(
        400, "insufficient_balance", count="2000", price="0.5600", time_in_force="good_till_canceled"
    )
    assert refused["service"] == "exchange"
    assert user.cash() == "1000.0000"
    assert user.get("/portfolio/orders")["orders"] == []


def test_an_unknown_market_or_order_is_not_found(user: User) -> None:
    user.refused(404, "not_found", ticker="KXNOTHING-26FEB24-X")
    assert user.send("GET", "/portfolio/orders/nobody").status_code == 404
    assert user.send("DELETE", f"{ORDERS}/nobody").json()["error"]["code"] == "not_found"


def test_a_market_that_has_not_opened_yet_is_not_found(user: User) -> None:
    user.refused(404, "not_found", ticker="KXNBAMENTION-26MAR15GSWNYK-MVP")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ticker": None}, "missing_parameters"),
        ({"side": None}, "invalid_order"),
        ({"count": None}, "invalid_order"),
        ({"price": None}, "invalid_order"),
        ({"side": "yes"}, "invalid_order"),
        ({"time_in_force": "forever"}, "invalid_order"),
        ({"self_trade_prevention_type": "none"}, "invalid_order"),
        ({"count": "0.00"}, "invalid_order"),
        ({"count": "-1"}, "invalid_order"),
        ({"count": "1.005"}, "invalid_order"),
        ({"count": "1e3"}, "invalid_order"),
        ({"price": "0.5"}, "invalid_order"),
        ({"price": "NaN"}, "invalid_order"),
        ({"count": 10}, "bad_request"),
        ({"price": 0.57}, "bad_request"),
        ({"post_only": "yes"}, "bad_request"),
        ({"expiration_time": "soon"}, "bad_request"),
        ({"expiration_time": 1771900000}, "invalid_order"),
        ({"expiration_time": 10**30}, "invalid_order"),
        ({"post_only": True}, "invalid_order"),
        ({"reduce_only": True, "time_in_force": "fill_or_kill"}, "invalid_order"),
        ({"subaccount": 3}, "invalid_order"),
        ({"order_group_id": "g"}, "invalid_order"),
        ({"client_order_id": "x" * 500}, "invalid_order"),
    ],
)
def test_a_malformed_order_is_refused(user: User, changes: dict[str, object], code: str) -> None:
    user.refused(400, code, **changes)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"\xff\xfe\x00", b"[" * 100_000, b'{"ticker":"\\ud800"}', b'{"price":NaN}'],
)
def test_an_unparseable_body_has_the_flat_error_shape(user: User, body: bytes) -> None:
    response = user.post_raw(ORDERS, body)
    assert response.status_code == 400
    assert set(response.json()) == {"code", "message", "details"}
    assert response.json()["code"] == "bad_request"


def test_a_body_over_a_megabyte_is_not_read(user: User) -> None:
    assert user.post_raw(ORDERS, b"x" * 1_200_000).status_code == 413


def test_an_order_expires_with_the_market_clock(user: User) -> None:
    answer = user.rest(price="0.5000", expiration_time=1771851600)  # 13:00 that day
    user.move("2026-02-23T12:59:59Z")
    assert user.get(f"/portfolio/orders/{answer['order_id']}")["order"]["status"] == "resting"
    user.move("2026-02-23T13:00:00Z")
    assert user.get(f"/portfolio/orders/{answer['order_id']}")["order"]["status"] == "canceled"
    assert user.cash() == "1000.0000"


def test_a_taker_that_meets_its_own_order_is_cancelled(user: User) -> None:
    user.rest(side="ask", price="0.5600", count="5")
    answer = user.rest(price="0.5800", count="20")
    assert (answer["fill_count"], answer["remaining_count"]) == ("0.00", "0.00")
    assert len(user.get("/portfolio/orders?status=resting")["orders"]) == 1


def test_with_maker_prevention_its_own_resting_order_is_cancelled(user: User) -> None:
    first = user.rest(side="ask", price="0.5600", count="5")
    answer = user.rest(price="0.5700", count="20", self_trade_prevention_type="maker")
    assert answer["fill_count"] == "20.00"
    assert user.get(f"/portfolio/orders/{first['order_id']}")["order"]["status"] == "canceled"


def test_trading_ends_with_the_day_of_the_event(user: User) -> None:
    resting = user.rest(price="0.3000")
    user.move("2026-02-25T00:00:00Z")
    refused = user.refused(400, "invalid_order")
    assert "not open" in refused["details"]
    assert user.get(f"/portfolio/orders/{resting['order_id']}")["order"]["status"] == "canceled"
    assert user.cash() == "1000.0000"
