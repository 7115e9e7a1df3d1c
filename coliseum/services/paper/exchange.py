"""The paper exchange behind ports.Exchange: fills from the venue's book as it stands, money from a file."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, Engine

from coliseum.domain.fees import FeeSchedule, worst_cost
from coliseum.domain.market import ExchangeStatus, Market, OrderBook, Side
from coliseum.domain.money import ONE, ZERO, Contracts, Dollars
from coliseum.domain.order import (
    Balance,
    Fill,
    Intent,
    Order,
    OrderAction,
    OrderStatus,
    Placed,
    Position,
    Refused,
    Settlement,
    Unknown,
)
from coliseum.domain.portfolio import Account
from coliseum.domain.risk import OPEN
from coliseum.domain.ticks import on_tick
from coliseum.errors import NotFound, ServiceError
from coliseum.ports import Clock
from coliseum.services.ledger.database import open_engine, reading, told, writing
from coliseum.services.paper import account as records
from coliseum.services.paper.matching import match

FINAL = "finalized"
"""The status in which a market has paid. Before that its result may still be disputed."""


class MarketData(Protocol):
    """The part of an exchange that everybody may read. It cannot take an order, so neither can a mistake."""

    async def status(self) -> ExchangeStatus: ...
    def open_markets(self, *, closing_before: datetime | None = None) -> AsyncIterator[Market]: ...
    async def market(self, ticker: str) -> Market: ...
    async def book(self, ticker: str) -> OrderBook: ...


@contextmanager
def open_paper(
    url: str, venue: MarketData, *, start_cash: Dollars, clock: Clock, fees: FeeSchedule | None = None
) -> Iterator["PaperExchange"]:
    """The paper account kept at `url`, made with `start_cash` when there is none yet; afterwards that figure
    no longer counts. Raises SettingsError or LedgerError as open_ledger does."""
    with open_engine(url) as engine:
        with told("opened"), writing(engine) as connection:
            records.start(connection, start_cash)
        yield PaperExchange(engine, venue, clock, fees or FeeSchedule())


class PaperExchange:
    """Orders are filled at once from what the venue's book shows, or not at all. The venue never hears of
    them, so the same offer can be taken twice; sizes far below the depth keep that harmless."""

    def __init__(self, engine: Engine, venue: MarketData, clock: Clock, fees: FeeSchedule) -> None:
        self._engine = engine
        self._venue = venue
        self._clock = clock
        self._fees = fees

    async def status(self) -> ExchangeStatus:
        return await self._venue.status()

    def open_markets(self, *, closing_before: datetime | None = None) -> AsyncIterator[Market]:
        """Every open market of the venue."""
        return self._venue.open_markets(closing_before=closing_before)

    async def market(self, ticker: str) -> Market:
        """Raises NotFound for an unknown ticker."""
        return await self._venue.market(ticker)

    async def book(self, ticker: str) -> OrderBook:
        return await self._venue.book(ticker)

    async def balance(self) -> Balance:
        """Cash after all that happened, and the positions at what they could be sold for now."""
        with reading(self._engine) as connection:
            standing = records.account(connection)
            cash = records.start_cash(connection) + standing.cash
        worth = [await self._worth(position) for position in standing.positions]
        return Balance(cash=cash, portfolio_value=sum(worth, ZERO))

    async def positions(self) -> tuple[Position, ...]:
        with reading(self._engine) as connection:
            return records.account(connection).positions

    async def place(self, intent: Intent) -> Placed:
        """See ports.Exchange. A sale never sells more than is held."""
        existing = await self.find(intent.client_order_id, intent.market_ticker)
        if existing is not None:
            return existing
        try:
            market = await self._venue.market(intent.market_ticker)
            book = await self._venue.book(intent.market_ticker)
        except NotFound as missing:
            return Refused(code="not_found", message=str(missing))
        except ServiceError as silence:
            return Unknown(reason=str(silence))
        if reason := _against(intent, market, self._clock.now()):
            return reason
        with writing(self._engine) as connection:
            return self._settled_at_once(connection, intent, market, book)

    async def find(self, client_order_id: str, market_ticker: str) -> Order | None:
        with reading(self._engine) as connection:
            return records.order(connection, client_order_id)

    async def cancel(self, order_id: str) -> Order:
        """Nothing ever rests here, so this only tells what became of the order. Raises NotFound."""
        with reading(self._engine) as connection:
            found = records.order(connection, order_id)
        if found is None:
            raise NotFound(f"the paper exchange knows no order {order_id[:64]!r}")
        return found

    async def fills(self, order_id: str) -> tuple[Fill, ...]:
        with reading(self._engine) as connection:
            return records.fills_of(connection, order_id)

    async def settlements(self) -> tuple[Settlement, ...]:
        """All so far; held markets that the venue has finalized are paid out on the way."""
        for position in await self.positions():
            market = await self._venue.market(position.market_ticker)
            if market.status == FINAL and market.result:
                payout = _payout(position, market, self._clock.now())
                with writing(self._engine) as connection:
                    records.add_settlement(connection, payout)
        with reading(self._engine) as connection:
            return records.settled(connection)

    def _settled_at_once(
        self, connection: Connection, intent: Intent, market: Market, book: OrderBook
    ) -> Placed:
        # Somebody else may have placed it while the book was read; from here on nobody can.
        if (existing := records.order(connection, intent.client_order_id)) is not None:
            return existing
        standing = records.account(connection)
        most = _most(intent, standing)
        cash = records.start_cash(connection) + standing.cash
        if most <= ZERO:
            return Refused(code="invalid_order", message="there is nothing of this to sell")
        if intent.action is OrderAction.BUY and worst_cost(intent.limit, most, self._fees) > cash:
            return Refused(code="insufficient_balance", message=f"${cash:.2f} in cash do not pay for it")
        order_id = f"paper-{intent.client_order_id}"
        filled = match(intent, most, book, self._fees, order_id, self._clock.now())
        order = _order(intent, order_id, filled)
        records.add_order(connection, order, market.event_ticker, filled)
        return order

    async def _worth(self, position: Position) -> Dollars:
        market = await self._venue.market(position.market_ticker)
        if market.result:
            return _payout(position, market, self._clock.now()).revenue
        return position.count * (market.bid(position.side) or ZERO)


def _against(intent: Intent, market: Market, now: datetime) -> Refused | None:
    if market.status != OPEN or now >= market.close_time:
        return Refused(code="market_closed", message=f"{market.ticker} does not trade")
    if not on_tick(intent.side, intent.limit, market.price_ranges):
        return Refused(code="invalid_price", message=f"{intent.limit} is no price of {market.ticker}")
    if intent.count <= ZERO:
        return Refused(code="invalid_order", message="an order needs a count")
    return None


def _most(intent: Intent, standing: Account) -> Contracts:
    if intent.action is OrderAction.BUY:
        return intent.count
    held = (
        position.count
        for position in standing.positions
        if (position.market_ticker, position.side) == (intent.market_ticker, intent.side)
    )
    return min(intent.count, sum(held, ZERO))


def _order(intent: Intent, order_id: str, filled: tuple[Fill, ...]) -> Order:
    count = sum((fill.count for fill in filled), ZERO)
    paid = sum((fill.count * fill.price for fill in filled), ZERO)
    return Order(
        order_id=order_id,
        client_order_id=intent.client_order_id,
        market_ticker=intent.market_ticker,
        status=OrderStatus.EXECUTED if count >= intent.count else OrderStatus.CANCELED,
        filled=count,
        remaining=ZERO,
        average_price=paid / count if count else None,
        fees=sum((fill.fee for fill in filled), ZERO) if count else None,
    )


def _payout(position: Position, market: Market, now: datetime) -> Settlement:
    return Settlement(
        market_ticker=position.market_ticker,
        event_ticker=position.event_ticker,
        result=market.result,
        revenue=position.count * _each(position.side, market),
        fees=position.fees,
        settled=now,
    )


def _each(side: Side, market: Market) -> Dollars:
    """What one contract of `side` pays."""
    if market.result in (str(Side.YES), str(Side.NO)):
        return ONE if market.result == str(side) else ZERO
    yes = market.settlement_value or ZERO
    return yes if side is Side.YES else ONE - yes
