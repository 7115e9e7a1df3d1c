"""Public pages and signed reads: filters, pages, shapes, and what they refuse."""

import json
from typing import Any

import pytest

from coliseum.sandbox.records import markets
from tests.sandbox_exchange.api import BASE, JORDAN, RETIRE, User

NYKCLE = "KXNBAMENTION-26FEB24NYKCLE"
MAY = "2026-05-10T12:00:00Z"


def tickers(user: User, query: str) -> list[str]:
    return [each["ticker"] for each in user.get(f"/markets?{query}")["markets"]]


def walk(user: User, path: str, name: str, limit: int) -> list[Any]:
    """All items, page after page."""
    found, cursor = [], ""
    while True:
        answer = user.get(f"{path}?limit={limit}&cursor={cursor}")
        assert len(answer[name]) <= limit
        found += answer[name]
        cursor = answer["cursor"]
        if not cursor:
            return found


def test_status_and_schedule(user: User) -> None:
    assert user.get("/exchange/status") == {"exchange_active": True, "trading_active": True}
    assert len(user.get("/exchange/schedule")["schedule"]["standard_hours"]) == 1


def test_every_page_is_followed_to_the_end_without_gap_or_repeat(user: User) -> None:
    user.move("2026-10-07T00:00:00Z")
    found = [each["ticker"] for each in walk(user, "/markets", "markets", 10)]
    assert found == [each.ticker for each in markets()]
    assert len(walk(user, "/events", "events", 2)) == 6


def test_a_cursor_stays_good_when_new_markets_open_between_two_pages(user: User) -> None:
    first = user.get("/markets?limit=10")
    user.move(MAY)
    rest = user.get(f"/markets?limit=1000&cursor={first['cursor']}")
    seen = [each["ticker"] for each in first["markets"] + rest["markets"]]
    assert len(seen) == len(set(seen))
    assert [each for each in seen if each.startswith(NYKCLE)] == [
        each.ticker for each in markets() if each.event_ticker == NYKCLE
    ]


def test_orders_come_newest_first_and_a_new_one_does_not_shift_the_pages(user: User) -> None:
    keys = [user.accepted(count="1", client_order_id=f"k{number}")["order_id"] for number in range(5)]
    first = user.get("/portfolio/orders?limit=2")
    user.accepted(count="1", client_order_id="later")
    second = user.get(f"/portfolio/orders?limit=2&cursor={first['cursor']}")
    third = user.get(f"/portfolio/orders?limit=2&cursor={second['cursor']}")
    pages = first["orders"] + second["orders"] + third["orders"]
    assert [each["order_id"] for each in pages] == keys[::-1]
    assert third["cursor"] == ""


@pytest.mark.parametrize("cursor", ["nonsense", "W10=", "WzEsMl0=", "A" * 5000, "%00", "WyIxIiwgIiJd"])
def test_a_cursor_that_is_none_is_refused(user: User, cursor: str) -> None:
    assert user.http.get(f"{BASE}/markets?cursor={cursor}").status_code == 400


def test_a_cursor_of_other_filters_is_refused(user: User) -> None:
    cursor = user.get("/markets?limit=2&status=open")["cursor"]
    assert user.http.get(f"{BASE}/markets?limit=2&cursor={cursor}").status_code == 400
    assert user.http.get(f"{BASE}/markets?limit=9&status=open&cursor={cursor}").status_code == 200


@pytest.mark.parametrize(
    "query",
    ["limit=-1", "limit=0", "limit=1001", "limit=x", "status=active", "mve_filter=some", "min_close_ts=soon",
     "status=open&max_close_ts=5", "min_close_ts=1&min_created_ts=1", "max_close_ts=99999999999999"],
)  # fmt: skip
def test_a_bad_query_is_refused_with_400(user: User, query: str) -> None:
    response = user.http.get(f"{BASE}/markets?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


def test_markets_are_filtered(user: User) -> None:
    user.move(MAY)
    assert len(tickers(user, f"event_ticker={NYKCLE}")) == 17
    assert len(tickers(user, "series_ticker=KXNCAABMENTION")) == 32
    assert set(tickers(user, f"tickers={JORDAN},{RETIRE},KXNO")) == {JORDAN, RETIRE}
    assert len(tickers(user, "status=open")) == 32
    assert len(tickers(user, "status=settled")) == 61
    assert tickers(user, "status=closed") == tickers(user, "status=unopened") == []
    assert tickers(user, "mve_filter=only") == []
    assert len(tickers(user, "mve_filter=exclude")) == 93


def test_markets_are_filtered_by_when_they_close(user: User) -> None:
    user.move("2026-05-09T12:00:00Z")
    lakers = tickers(user, "min_close_ts=1778284800&max_close_ts=1778371200")  # 9 May to 10 May
    assert len(lakers) == 25
    assert all(each.startswith("KXNBAMENTION-26MAY09OKCLAL") for each in lakers)


def test_the_recorded_quote_is_shown_on_its_day_and_what_is_generated_is_named(user: User) -> None:
    market = user.get(f"/markets/{JORDAN}")["market"]
    assert (market["yes_bid_dollars"], market["yes_ask_dollars"]) == ("0.5400", "0.5700")
    assert (market["no_bid_dollars"], market["no_ask_dollars"]) == ("0.4300", "0.4600")
    assert (market["volume_fp"], market["last_price_dollars"]) == ("280.00", "0.5700")
    assert {"depth", "price_path", "title", "rules_primary"} <= set(market["sandbox_generated"])


def test_the_order_book_rises_to_the_best_bid_and_agrees_with_the_quote(user: User) -> None:
    answer = user.get(f"/markets/{JORDAN}/orderbook")
    yes, no = answer["orderbook_fp"]["yes_dollars"], answer["orderbook_fp"]["no_dollars"]
    assert yes == sorted(yes)
    assert no == sorted(no)
    assert (yes[-1][0], no[-1][0]) == ("0.5400", "0.4300")
    assert answer["sandbox_generated"] == ["depth", "price_path"]
    best_only = user.get(f"/markets/{JORDAN}/orderbook?depth=1")["orderbook_fp"]
    assert best_only == {"yes_dollars": yes[-1:], "no_dollars": no[-1:]}
    many = user.get(f"/markets/orderbooks?tickers={JORDAN}&tickers={RETIRE}")["orderbooks"]
    assert {each["ticker"] for each in many} == {JORDAN, RETIRE}


def test_a_resting_order_is_part_of_the_book_and_of_the_quote(user: User) -> None:
    user.rest(price="0.5500", count="3.50")
    market = user.get(f"/markets/{JORDAN}")["market"]
    assert (market["yes_bid_dollars"], market["yes_bid_size_fp"]) == ("0.5500", "3.50")
    assert user.get(f"/markets/{JORDAN}/orderbook?depth=1")["orderbook_fp"]["yes_dollars"] == [
        ["0.5500", "3.50"]
    ]


def test_events_and_series(user: User) -> None:
    event = user.get(f"/events/{NYKCLE}")
    assert (event["event"]["series_ticker"], len(event["markets"])) == ("KXNBAMENTION", 17)
    assert "markets" not in event["event"]
    nested = user.get(f"/events/{NYKCLE}?with_nested_markets=true")["event"]["markets"]
    assert len(nested) == 17
    assert [each["ticker"] for each in user.get("/series")["series"]] == ["KXNBAMENTION"]
    assert user.get("/series/KXNBAMENTION")["series"]["fee_type"] == "quadratic"
    for path in ("/events/KXNO", "/series/KXNFLGAME", "/markets/KXNO", "/markets/KXNO/orderbook"):
        assert user.http.get(BASE + path).status_code == 404


def test_titles_and_rules_are_made_of_phrase_matchup_and_date(user: User) -> None:
    market = user.get(f"/markets/{JORDAN}")["market"]
    assert all(part in market["title"] for part in ("Jordan", "Knicks @ Cavaliers", "24 February 2026"))
    assert "Jordan" in market["rules_primary"]


def test_trades_show_what_was_traded_without_saying_by_whom(user: User) -> None:
    user.accepted(count="4")
    trade = user.get(f"/markets/trades?ticker={JORDAN}")["trades"][0]
    assert (trade["count_fp"], trade["yes_price_dollars"]) == ("4.00", "0.5700")
    assert (trade["taker_outcome_side"], trade["taker_book_side"]) == ("yes", "bid")
    assert "order_id" not in trade
    assert user.get(f"/markets/trades?ticker={RETIRE}")["trades"] == []


def test_own_trades_move_volume_and_last_price(user: User) -> None:
    user.accepted(count="4", side="ask", price="0.5400")
    market = user.get(f"/markets/{JORDAN}")["market"]
    assert (market["volume_fp"], market["last_price_dollars"]) == ("284.00", "0.5400")


def test_balance_in_cents_and_dollars_and_the_value_of_positions(user: User) -> None:
    user.accepted()
    balance = user.get("/portfolio/balance")
    assert (balance["balance"], balance["balance_dollars"]) == (99412, "994.1200")
    assert balance["portfolio_value"] == 540
    assert balance["updated_ts"] == 1771848000


def test_positions_of_an_event_are_summed(user: User) -> None:
    user.accepted()
    user.accepted(ticker=RETIRE, price="0.1800")
    answer = user.get("/portfolio/positions")
    assert [each["ticker"] for each in answer["market_positions"]] == [JORDAN, RETIRE]
    event = answer["event_positions"][0]
    assert (event["total_cost_dollars"], event["total_cost_shares_fp"]) == ("7.5000", "20.00")
    assert user.get("/portfolio/positions?count_filter=position&ticker=KXNO")["market_positions"] == []


def test_fills_and_orders_are_filtered(user: User) -> None:
    user.accepted()
    other = user.accepted(ticker=RETIRE, price="0.1800")
    assert len(user.get("/portfolio/fills")["fills"]) == 2
    assert user.get(f"/portfolio/fills?ticker={RETIRE}")["fills"][0]["order_id"] == other["order_id"]
    assert user.get("/portfolio/fills?max_ts=1700000000")["fills"] == []
    assert len(user.get("/portfolio/orders?status=executed")["orders"]) == 2
    assert user.get("/portfolio/orders?event_ticker=KXNO")["orders"] == []
    assert len(user.get(f"/portfolio/orders?ticker={RETIRE}&event_ticker={NYKCLE}")["orders"]) == 1


@pytest.mark.parametrize("path", ["/nothing", "/markets/", "/portfolio/orders/x/y", "/events/orders"])
def test_an_unknown_path_is_404_in_the_shape_of_the_service(user: User, path: str) -> None:
    response = user.http.get(BASE + path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_an_unknown_method_is_405(user: User) -> None:
    assert user.http.put(f"{BASE}/markets").status_code == 405
    assert user.http.post(f"{BASE}/portfolio/balance").status_code == 405


def test_every_price_and_count_is_a_string(user: User) -> None:
    user.accepted()
    for path in ("/markets", "/portfolio/orders", "/portfolio/fills", "/portfolio/positions"):
        assert not _floats(user.get(path))


def _floats(value: object) -> list[float]:
    found: list[float] = []
    json.loads(json.dumps(value), parse_float=lambda text: found.append(float(text)))
    return found
