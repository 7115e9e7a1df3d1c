"""Paper trades fill from the real book with real fees, and never leave the house."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from coliseum.domain.market import ExchangeStatus, Level, Market, OrderBook, PriceRange, Side
from coliseum.domain.order import Intent, Order, OrderAction, OrderStatus, Refused, Unknown
from coliseum.errors import NotFound, SettingsError, Unavailable
from coliseum.services.kalshi import KalshiExchange
from coliseum.services.paper import PaperExchange, open_paper
from tests.services.conftest import NOW, Script, Standing

if TYPE_CHECKING:
    from coliseum.ports import Exchange

Intents = Callable[..., Intent]
TICKER = "KXTALK-26MAY09-WORD"
CASH = Decimal(1000)


@dataclass
class Venue:
    """Market data of one market, changed by the test."""

    it: Market
    shown: OrderBook
    away: bool = False

    async def status(self) -> ExchangeStatus:
        return ExchangeStatus(exchange_active=True, trading_active=True)

    async def open_markets(self, *, closing_before: datetime | None = None) -> AsyncIterator[Market]:
        yield self.it

    async def market(self, ticker: str) -> Market:
        if self.away:
            raise Unavailable("the exchange did not answer")
        if ticker != self.it.ticker:
            raise NotFound(f"no market {ticker}")
        return self.it

    async def book(self, ticker: str) -> OrderBook:
        return self.shown


@pytest.fixture
def venue() -> Venue:
    """YES is offered at 0.50 (20) and 0.51 (40), and bid at 0.48 (100) and 0.47 (50)."""
    market = Market(
        ticker=TICKER,
        event_ticker="KXTALK-26MAY09",
        series_ticker="KXTALK",
        title="Will it be said?",
        subtitle="word",
        rules="",
        status="active",
        yes_bid=Decimal("0.48"),
        yes_ask=Decimal("0.50"),
        yes_bid_size=Decimal(100),
        yes_ask_size=Decimal(20),
        last_price=None,
        volume=Decimal(5000),
        volume_24h=Decimal(500),
        open_interest=Decimal(900),
        open_time=NOW - timedelta(days=2),
        close_time=NOW + timedelta(hours=6),
        result="",
        settlement_value=None,
        price_ranges=(PriceRange(Decimal(0), Decimal(1), Decimal("0.01")),),
        quoted_at=NOW,
    )
    book = OrderBook(
        ticker=TICKER,
        yes=(Level(Decimal("0.48"), Decimal(100)), Level(Decimal("0.47"), Decimal(50))),
        no=(Level(Decimal("0.50"), Decimal(20)), Level(Decimal("0.49"), Decimal(40))),
        quoted_at=NOW,
    )
    return Venue(market, book)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/paper.db"


@pytest.fixture
def paper(url: str, venue: Venue, clock: Standing) -> Iterator[PaperExchange]:
    with open_paper(url, venue, start_cash=CASH, clock=clock) as opened:
        yield opened


def now(answer: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await answer

    return asyncio.run(wait())


def cash(paper: PaperExchange) -> Decimal:
    found: Decimal = now(paper.balance()).cash
    return found


def test_it_is_the_port(paper: PaperExchange) -> None:
    port: Exchange = paper
    assert port is paper


def test_fault_2_an_order_fills_from_the_book_with_fees(paper: PaperExchange, make_intent: Intents) -> None:
    """Thirty YES: twenty at 0.50 and ten at 0.51, each with its fee; position, cash and fills follow."""
    order = now(paper.place(make_intent(count=Decimal(30))))
    assert (order.status, order.filled, order.remaining) == (OrderStatus.EXECUTED, Decimal(30), Decimal(0))
    fills = now(paper.fills(order.order_id))
    assert [(fill.price, fill.count, fill.fee) for fill in fills] == [
        (Decimal("0.50"), Decimal(20), Decimal("0.35")),
        (Decimal("0.51"), Decimal(10), Decimal("0.18")),
    ]
    assert order.average_price == Decimal("15.10") / 30
    assert (order.fees, cash(paper)) == (Decimal("0.53"), CASH - Decimal("15.63"))
    (position,) = now(paper.positions())
    assert (position.event_ticker, position.side, position.count) == (
        "KXTALK-26MAY09",
        Side.YES,
        Decimal(30),
    )


def test_what_the_book_does_not_offer_at_the_limit_is_cancelled(
    paper: PaperExchange, make_intent: Intents
) -> None:
    order = now(paper.place(make_intent(count=Decimal(30), limit=Decimal("0.50"))))
    assert (order.status, order.filled, order.average_price) == (
        OrderStatus.CANCELED,
        Decimal(20),
        Decimal("0.50"),
    )


def test_fault_9_a_better_price_than_the_limit_is_taken(paper: PaperExchange, make_intent: Intents) -> None:
    order = now(paper.place(make_intent(limit=Decimal("0.60"))))
    assert order.average_price == Decimal("0.50")


def test_nothing_at_the_limit_is_no_fill(paper: PaperExchange, make_intent: Intents) -> None:
    order = now(paper.place(make_intent(limit=Decimal("0.49"))))
    assert (order.status, order.filled, order.average_price, order.fees) == (
        OrderStatus.CANCELED,
        Decimal(0),
        None,
        None,
    )
    assert cash(paper) == CASH


def test_no_is_bought_from_the_bids_of_yes(paper: PaperExchange, make_intent: Intents) -> None:
    order = now(paper.place(make_intent(side=Side.NO, limit=Decimal("0.52"))))
    assert order.average_price == Decimal("0.52")


def test_a_sale_hits_the_bids_and_pays_its_fee(paper: PaperExchange, make_intent: Intents) -> None:
    now(paper.place(make_intent(count=Decimal(20), limit=Decimal("0.50"))))
    sale = make_intent(
        client_order_id="s", leg="exit-1", action=OrderAction.SELL, count=Decimal(99), limit=Decimal("0.47")
    )
    order = now(paper.place(sale))
    assert (order.filled, order.average_price, order.fees) == (Decimal(20), Decimal("0.48"), Decimal("0.35"))
    assert now(paper.positions()) == ()
    assert cash(paper) == CASH - Decimal("10.35") + Decimal("9.25")


def test_a_sale_of_nothing_is_refused(paper: PaperExchange, make_intent: Intents) -> None:
    placed = now(paper.place(make_intent(action=OrderAction.SELL)))
    assert isinstance(placed, Refused)


def test_fault_3_the_same_key_is_the_same_order(paper: PaperExchange, make_intent: Intents) -> None:
    """Whatever the second copy says, it buys nothing."""
    first = now(paper.place(make_intent()))
    second = now(paper.place(make_intent(count=Decimal(50))))
    assert first == second == now(paper.find(first.client_order_id, TICKER))
    assert cash(paper) == CASH - Decimal("5.18")


def test_the_account_survives_a_restart(
    url: str, venue: Venue, clock: Standing, make_intent: Intents
) -> None:
    with open_paper(url, venue, start_cash=CASH, clock=clock) as before:
        order = now(before.place(make_intent()))
        standing = (now(before.balance()), now(before.positions()), now(before.fills(order.order_id)))
    with open_paper(url, venue, start_cash=Decimal(5), clock=clock) as after:
        again = (now(after.balance()), now(after.positions()), now(after.fills(order.order_id)))
        assert now(after.place(make_intent())) == order
    assert again == standing


@pytest.mark.parametrize(
    ("market", "intent", "code"),
    [
        ({}, {"count": Decimal(1960)}, "insufficient_balance"),
        ({}, {"limit": Decimal("0.505")}, "invalid_price"),
        ({}, {"limit": Decimal("1.00")}, "invalid_price"),
        ({}, {"count": Decimal(0)}, "invalid_order"),
        ({}, {"market_ticker": "KXNONE"}, "not_found"),
        ({"status": "closed"}, {}, "market_closed"),
        ({"close_time": NOW}, {}, "market_closed"),
    ],
)
def test_what_the_venue_would_refuse_is_refused(
    paper: PaperExchange,
    venue: Venue,
    make_intent: Intents,
    market: dict[str, Any],
    intent: dict[str, Any],
    code: str,
) -> None:
    venue.it = replace(venue.it, **market)
    placed = now(paper.place(make_intent(**intent)))
    assert isinstance(placed, Refused)
    assert placed.code == code
    assert cash(paper) == CASH


def test_without_market_data_nothing_is_placed(
    paper: PaperExchange, venue: Venue, make_intent: Intents
) -> None:
    venue.away = True
    assert isinstance(now(paper.place(make_intent())), Unknown)
    assert now(paper.find(make_intent().client_order_id, TICKER)) is None


@pytest.mark.parametrize(("result", "profit"), [("yes", "4.82"), ("no", "-5.18")])
def test_a_finalized_market_pays_once(
    paper: PaperExchange, venue: Venue, make_intent: Intents, result: str, profit: str
) -> None:
    now(paper.place(make_intent()))
    assert now(paper.settlements()) == ()
    venue.it = replace(venue.it, status="determined", result=result)
    assert now(paper.settlements()) == ()
    venue.it = replace(venue.it, status="finalized")
    (settlement,) = now(paper.settlements())
    assert now(paper.settlements()) == (settlement,)
    assert settlement.result == result
    assert now(paper.positions()) == ()
    assert cash(paper) == CASH + Decimal(profit)


def test_positions_are_worth_what_they_could_be_sold_for(paper: PaperExchange, make_intent: Intents) -> None:
    now(paper.place(make_intent()))
    assert now(paper.balance()).portfolio_value == Decimal("4.80")


def test_cancel_tells_what_became_of_an_order(paper: PaperExchange, make_intent: Intents) -> None:
    order = now(paper.place(make_intent()))
    assert now(paper.cancel(order.order_id)) == order
    with pytest.raises(NotFound):
        now(paper.cancel("paper-none"))


def test_fault_1_paper_can_only_read_from_the_venue(
    url: str,
    script: Script,
    clock: Standing,
    market_body: dict[str, Any],
    book_body: dict[str, Any],
    make_intent: Intents,
) -> None:
    """On the real client, a whole life of a trade sends nothing but unsigned GETs."""
    script.at = {
        f"/markets/{TICKER}": (200, {"market": market_body}),
        f"/markets/{TICKER}/orderbook": (200, book_body),
        "/exchange/status": (200, {"exchange_active": True, "trading_active": True}),
        "/markets": (200, {"markets": [market_body], "cursor": ""}),
    }

    async def run() -> None:
        async with script.client() as http:
            venue = KalshiExchange("https://exchange.example/trade-api/v2", None, http, clock.now, clock)
            with open_paper(url, venue, start_cash=CASH, clock=clock) as paper:
                await paper.status()
                assert [market.ticker async for market in paper.open_markets()] == [TICKER]
                order = await paper.place(make_intent())
                assert isinstance(order, Order)
                assert order.filled == 10
                await paper.place(
                    make_intent(client_order_id="s", action=OrderAction.SELL, limit=Decimal("0.40"))
                )
                await paper.cancel(order.order_id)
                await paper.balance()
                await paper.settlements()
            with pytest.raises(SettingsError):
                await venue.place(make_intent())

    asyncio.run(run())
    assert {each.method for each in script.requests} == {"GET"}
    assert not any(path.startswith("GET /portfolio") for path in script.paths)
    assert not any("kalshi-access-key" in each.headers for each in script.requests)
