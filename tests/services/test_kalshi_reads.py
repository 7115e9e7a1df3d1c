"""What the exchange shows is read exactly, or refused in words."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from coliseum.domain.market import Level, Market, Side
from coliseum.domain.order import OrderAction
from coliseum.errors import NotFound, ServiceError, SettingsError, Unavailable
from coliseum.services.http import Patience
from coliseum.services.kalshi import Credentials, KalshiExchange
from tests.services.conftest import NOW, Script, Standing

if TYPE_CHECKING:
    from coliseum.ports import Exchange

Do = Callable[[Callable[[KalshiExchange], Awaitable[Any]]], Any]
TICKER = "KXTALK-26MAY09-WORD"


@pytest.fixture
def do(script: Script, credentials: Credentials, clock: Standing, patience: Patience) -> Do:
    def run(talk: Callable[[KalshiExchange], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            async with script.client() as http:
                exchange = KalshiExchange(
                    "http://exchange.example/trade-api/v2", credentials, http, clock.now, clock, patience
                )
                return await talk(exchange)

        return asyncio.run(whole())

    return run


async def listed(exchange: KalshiExchange, before: datetime | None = None) -> list[Market]:
    return [market async for market in exchange.open_markets(closing_before=before)]


def test_it_is_the_port(clock: Standing, script: Script) -> None:
    async def run() -> None:
        async with script.client() as http:
            port: Exchange = KalshiExchange("https://exchange.example", None, http, clock.now, clock)
            assert port

    asyncio.run(run())


def test_a_market(script: Script, do: Do, market_body: dict[str, Any]) -> None:
    script.steps = [(200, {"market": market_body})]
    market = do(lambda exchange: exchange.market(TICKER))
    assert (market.series_ticker, market.subtitle) == ("KXTALK", "word")
    assert market.rules == "Yes if it is said.\nOn air."
    assert market.open_time == datetime(2026, 5, 3, 4, 1, 46, 300030, UTC)
    assert (market.ask(Side.NO), market.quoted_at) == (Decimal("0.52"), NOW)


def test_fault_8_sub_cents_and_fractions_are_kept(
    script: Script, do: Do, market_body: dict[str, Any]
) -> None:
    market_body |= {"yes_bid_dollars": "0.0551", "yes_ask_size_fp": "14782.83"}
    script.steps = [(200, {"market": market_body})]
    market = do(lambda exchange: exchange.market(TICKER))
    assert (str(market.yes_bid), str(market.yes_ask_size)) == ("0.0551", "14782.83")


@pytest.mark.parametrize(("bid", "ask"), [("0.0000", "1.0000"), (None, None), ("1.0000", "0.0000")])
def test_an_empty_side_has_no_quote(
    script: Script, do: Do, market_body: dict[str, Any], bid: str | None, ask: str | None
) -> None:
    market_body |= {"yes_bid_dollars": bid, "yes_ask_dollars": ask}
    script.steps = [(200, {"market": market_body})]
    market = do(lambda exchange: exchange.market(TICKER))
    assert (market.yes_bid, market.yes_ask, market.mid) == (None, None, None)


def test_an_unknown_market_is_not_found(script: Script, do: Do) -> None:
    script.steps = [(404, {"error": {"code": "not_found", "message": "no"}})]
    with pytest.raises(NotFound, match=TICKER):
        do(lambda exchange: exchange.market(TICKER))


@pytest.mark.parametrize("ticker", ["", "..", "a/b", "a b", "a?x=1", "x" * 300, "ä"])
def test_a_name_that_would_change_the_path_is_never_sent(script: Script, do: Do, ticker: str) -> None:
    with pytest.raises(NotFound):
        do(lambda exchange: exchange.book(ticker))
    assert script.requests == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("yes_bid_dollars", 0.48),
        ("yes_bid_dollars", "NaN"),
        ("yes_bid_dollars", "1e2"),
        ("yes_bid_dollars", "-0.10"),
        ("yes_bid_dollars", "1.5"),
        ("yes_bid_dollars", "٠.5"),
        ("volume_fp", "-1.00"),
        ("volume_fp", "9" * 40),
        ("close_time", "soon"),
        ("close_time", None),
        ("close_time", 1778328000),
        ("ticker", "../../etc"),
        ("ticker", None),
        ("event_ticker", {}),
        ("title", ["x"]),
        ("price_ranges", "all"),
        ("price_ranges", [{"start": "0.0000", "end": "1.0000", "step": "0.0000"}]),
    ],
)
def test_a_field_that_is_not_what_it_must_be_is_named(
    script: Script, do: Do, market_body: dict[str, Any], field: str, value: object
) -> None:
    script.steps = [(200, {"market": {**market_body, field: value}})]
    with pytest.raises(ServiceError, match="the exchange sent"):
        do(lambda exchange: exchange.market(TICKER))


@pytest.mark.parametrize("body", [[], "x", None, {"market": None}, {"market": []}, {}])
def test_a_body_that_is_not_what_it_must_be_is_refused(script: Script, do: Do, body: object) -> None:
    script.steps = [(200, body)]
    with pytest.raises(ServiceError):
        do(lambda exchange: exchange.market(TICKER))


def test_control_characters_do_not_reach_us(script: Script, do: Do, market_body: dict[str, Any]) -> None:
    script.steps = [(200, {"market": {**market_body, "title": "a\x1b[2Jb\x00"}})]
    assert do(lambda exchange: exchange.market(TICKER)).title == "a\ufffd[2Jb\ufffd"


def test_fault_8_the_book_is_sorted_and_no_bids_are_offers_of_yes(
    script: Script, do: Do, book_body: dict[str, Any]
) -> None:
    """A NO bid at 0.50 offers YES at 0.50; whichever way the exchange sorts, the best comes first."""
    script.steps = [(200, book_body)]
    book = do(lambda exchange: exchange.book(TICKER))
    book_body["orderbook_fp"]["yes_dollars"].reverse()
    assert do(lambda exchange: exchange.book(TICKER)) == book
    assert book.bids(Side.YES)[0] == Level(Decimal("0.48"), Decimal(100))
    assert book.offers(Side.YES) == (
        Level(Decimal("0.50"), Decimal(20)),
        Level(Decimal("0.51"), Decimal(40)),
    )
    assert book.depth(Side.YES, Decimal("0.50")) == 20


@pytest.mark.parametrize("empty", [None, []])
def test_an_absent_side_of_the_book_is_an_empty_one(script: Script, do: Do, empty: object) -> None:
    script.steps = [(200, {"orderbook_fp": {"yes_dollars": empty, "no_dollars": empty}})]
    book = do(lambda exchange: exchange.book(TICKER))
    assert (book.yes, book.no) == ((), ())


@pytest.mark.parametrize(
    "side", ["x", [["0.5"]], [[0.5, 1]], [["0.5", "1", "2"]], [["0.50", "1.00"]] * 10_001]
)
def test_a_book_that_is_none_is_refused(script: Script, do: Do, side: object) -> None:
    script.steps = [(200, {"orderbook_fp": {"yes_dollars": side, "no_dollars": []}})]
    with pytest.raises(ServiceError):
        do(lambda exchange: exchange.book(TICKER))


def test_open_markets_come_page_after_page_without_combos(
    script: Script, do: Do, market_body: dict[str, Any]
) -> None:
    second = {**market_body, "ticker": "KXTALK-26MAY09-OTHER"}
    combos = [{**market_body, "ticker": "KXMVE-1"}, {**market_body, "mve_collection_ticker": "C"}]
    script.steps = [
        (200, {"markets": [market_body, *combos], "cursor": "c1"}),
        (200, {"markets": [second], "cursor": ""}),
    ]
    assert [market.ticker for market in do(listed)] == [TICKER, "KXTALK-26MAY09-OTHER"]
    assert dict(script.requests[0].url.params) == {
        "status": "open",
        "mve_filter": "exclude",
        "limit": "1000",
    }
    assert script.requests[1].url.params["cursor"] == "c1"


def test_markets_closing_soon_are_asked_for_by_time(
    script: Script, do: Do, market_body: dict[str, Any]
) -> None:
    """A filter by closing time goes with no status, so those that are not open are left out here."""
    closed = {**market_body, "ticker": "KXTALK-1", "status": "closed"}
    script.steps = [(200, {"markets": [closed, market_body], "cursor": ""})]
    found = do(lambda exchange: listed(exchange, NOW + timedelta(hours=24)))
    assert [market.ticker for market in found] == [TICKER]
    params = script.requests[0].url.params
    assert "status" not in params
    assert int(params["max_close_ts"]) - int(params["min_close_ts"]) == 86400


def test_pages_that_run_in_circles_are_left(script: Script, do: Do, market_body: dict[str, Any]) -> None:
    script.steps = [(200, {"markets": [market_body], "cursor": "again"})]
    with pytest.raises(ServiceError, match="in circles"):
        do(listed)
    assert len(script.requests) == 2


def test_an_exchange_that_stays_away_is_unavailable(script: Script, do: Do) -> None:
    script.steps = [httpx2.ConnectError("refused")]
    with pytest.raises(Unavailable, match="the exchange did not answer GET"):
        do(lambda exchange: exchange.status())


def test_the_status(script: Script, do: Do) -> None:
    script.steps = [(200, {"exchange_active": True, "trading_active": False})]
    status = do(lambda exchange: exchange.status())
    assert (status.exchange_active, status.trading_active) == (True, False)


@pytest.mark.parametrize("body", [{"balance_dollars": "99.9950", "balance": 9999}, {"balance": 9999}])
def test_the_balance_in_dollars_or_cents(script: Script, do: Do, body: dict[str, Any]) -> None:
    script.steps = [(200, {**body, "portfolio_value": 2500})]
    balance = do(lambda exchange: exchange.balance())
    assert balance.cash == Decimal(body.get("balance_dollars", "99.99"))
    assert balance.portfolio_value == 25


def test_positions_have_a_side_and_an_event(script: Script, do: Do) -> None:
    def held(ticker: str, count: str) -> dict[str, str]:
        return {"ticker": ticker, "position_fp": count, "market_exposure_dollars": "3.0000"}

    script.steps = [
        (
            200,
            {
                "market_positions": [
                    held("KXA-1-X", "-10.00"),
                    held("KXB-99", "2.50"),
                    held("KXC-1-X", "0.00"),
                ],
                "event_positions": [{"event_ticker": "KXB-99"}],
                "cursor": "",
            },
        )
    ]
    no, yes = do(lambda exchange: exchange.positions())
    assert (no.side, no.count, no.event_ticker) == (Side.NO, Decimal(10), "KXA-1")
    assert (yes.side, yes.count, yes.event_ticker) == (Side.YES, Decimal("2.50"), "KXB-99")


def test_settlements_pay_in_cents(script: Script, do: Do) -> None:
    body = {
        "ticker": TICKER,
        "event_ticker": "KXTALK-26MAY09",
        "market_result": "yes",
        "revenue": 1000,
        "fee_cost": "0.1800",
        "settled_time": "2026-05-10T06:00:00Z",
    }
    script.steps = [(200, {"settlements": [body], "cursor": ""})]
    (settlement,) = do(lambda exchange: exchange.settlements())
    assert (settlement.revenue, settlement.fees, settlement.result) == (Decimal(10), Decimal("0.18"), "yes")


@pytest.mark.parametrize(
    ("words", "action", "side", "price"),
    [
        ({"outcome_side": "yes"}, OrderAction.BUY, Side.YES, "0.70"),
        ({"outcome_side": "no"}, OrderAction.BUY, Side.NO, "0.30"),
        ({"outcome_side": "no", "action": "sell", "side": "yes"}, OrderAction.SELL, Side.YES, "0.70"),
        ({"outcome_side": "no", "action": "buy", "side": "no"}, OrderAction.BUY, Side.NO, "0.30"),
        ({"outcome_side": "yes", "action": "sell", "side": "yes"}, OrderAction.BUY, Side.YES, "0.70"),
    ],
)
def test_a_fill_says_what_was_bought_or_sold(
    script: Script, do: Do, words: dict[str, str], action: OrderAction, side: Side, price: str
) -> None:
    """Older words are believed only where they agree with the side of the book."""
    body = {
        "fill_id": "f",
        "order_id": "o",
        "ticker": TICKER,
        "count_fp": "1.00",
        "yes_price_dollars": "0.7000",
        "is_taker": True,
        "fee_cost": "0.0200",
        "created_time": "2026-05-09T12:00:00Z",
        **words,
    }
    script.steps = [(200, {"fills": [body, {**body, "order_id": "other"}], "cursor": ""})]
    (fill,) = do(lambda exchange: exchange.fills("o"))
    assert (fill.action, fill.side, fill.price) == (action, side, Decimal(price))


def test_public_reads_without_credentials_are_unsigned(script: Script, clock: Standing) -> None:
    script.steps = [(200, {"exchange_active": True, "trading_active": True})]

    async def run() -> None:
        async with script.client() as http:
            await KalshiExchange("https://exchange.example/x", None, http, clock.now, clock).status()

    asyncio.run(run())
    assert not [name for name in script.requests[0].headers if name.lower().startswith("kalshi")]


@pytest.mark.parametrize("url", ["", "exchange.example", "ftp://x/y", "http://", "http://x/?a=b"])
def test_a_base_url_that_is_none_is_a_wrong_setting(script: Script, clock: Standing, url: str) -> None:
    async def run() -> None:
        async with script.client() as http:
            KalshiExchange(url, None, http, clock.now, clock)

    with pytest.raises(SettingsError, match="base URL"):
        asyncio.run(run())
