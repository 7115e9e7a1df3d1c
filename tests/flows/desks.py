"""A desk for tests: a real ledger in a file, agents that say what a test wants, an exchange that does."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models.function import AgentInfo

from coliseum.agents.crew import Crew
from coliseum.agents.guardian import guardian
from coliseum.agents.recommender import recommender
from coliseum.agents.researcher import researcher
from coliseum.agents.scout import scout
from coliseum.domain.fees import FeeSchedule
from coliseum.domain.market import ExchangeStatus, Level, Market, OrderBook
from coliseum.domain.order import (
    Balance,
    Fill,
    Intent,
    Order,
    OrderAction,
    OrderStatus,
    Placed,
    Position,
    Settlement,
)
from coliseum.domain.risk import Limits
from coliseum.errors import LedgerError, NotFound, Unavailable
from coliseum.flows.desk import Desk
from coliseum.services.ledger import SqlLedger, open_ledger
from coliseum.settings import Settings
from coliseum.signals import Signals
from tests.agents.material import NOW, Searching, answer, market
from tests.agents.models import Reply, Scripted, says

T = TypeVar("T")
SETTINGS = Settings.from_env({"HOME": "/h", "COLISEUM_VENUE": "sandbox"})
FINDINGS: dict[str, Any] = {"summary": "It rained often.", "key_points": []}


class Crash(BaseException):
    """The process ends here."""


def researches(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Asks two questions, then reports; whoever else is researching at the same time."""
    answered = any(part.part_kind == "tool-return" for message in messages for part in message.parts)
    if answered:
        return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, json.dumps(FINDINGS))])
    asked = ({"question": "How often?"}, {"question": "What is new?"})
    return ModelResponse(parts=[ToolCallPart("search", json.dumps(each)) for each in asked])


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def estimate(p: float) -> dict[str, Any]:
    return {"probability": p, "low": round(p - 0.05, 3), "high": round(p + 0.05, 3), "reasons": ["it rains"]}


def picks(*tickers: str) -> Reply:
    return {"picks": [{"market_ticker": t, "rationale": "a record", "priority": "high"} for t in tickers]}


@dataclass
class Standing:
    """A clock that stands where it is put."""

    when: datetime = NOW

    def now(self) -> datetime:
        return self.when


@dataclass
class Exchange:
    """One account; fills everything at the limit unless told otherwise, and notes what it was asked."""

    clock: Standing
    markets: dict[str, Market] = field(default_factory=lambda: {"KXT-1-A": market()})
    cash: Decimal = Decimal(1000)
    held: list[Position] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    sent: list[Intent] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    ended: list[Settlement] = field(default_factory=list)
    on_place: Callable[[Intent], Placed | None] = lambda intent: None
    away: bool = False
    fills_away: bool = False

    async def status(self) -> ExchangeStatus:
        await self._reached()
        return ExchangeStatus(exchange_active=True, trading_active=True)

    async def open_markets(self, *, closing_before: datetime | None = None) -> AsyncIterator[Market]:
        await self._reached()
        for each in self.markets.values():
            yield replace(each, quoted_at=self.clock.now())

    async def market(self, ticker: str) -> Market:
        await self._reached()
        if ticker not in self.markets:
            raise NotFound(f"no market {ticker}")
        return replace(self.markets[ticker], quoted_at=self.clock.now())

    async def book(self, ticker: str) -> OrderBook:
        shown = self.markets[ticker]
        yes = () if shown.yes_bid is None else (Level(shown.yes_bid, Decimal(500)),)
        no = () if shown.yes_ask is None else (Level(1 - shown.yes_ask, Decimal(500)),)
        return OrderBook(ticker=ticker, yes=yes, no=no, quoted_at=self.clock.now())

    async def balance(self) -> Balance:
        await self._reached()
        return Balance(cash=self.cash, portfolio_value=sum((p.cost for p in self.held), Decimal(0)))

    async def positions(self) -> tuple[Position, ...]:
        await self._reached()
        return tuple(self.held)

    async def place(self, intent: Intent) -> Placed:
        await self._reached()
        self.sent.append(intent)
        told = self.on_place(intent)
        if told is not None:
            return told
        return self.fill(intent)

    def fill(self, intent: Intent) -> Order:
        """What the exchange does with an order that arrived."""
        order = filled_order(intent)
        self.orders[intent.client_order_id] = order
        self._hold(intent)
        return order

    async def find(self, client_order_id: str, market_ticker: str) -> Order | None:
        await self._reached()
        self.looked_up.append(client_order_id)
        return self.orders.get(client_order_id)

    async def cancel(self, order_id: str) -> Order:
        raise NotFound("nothing rests here")

    async def fills(self, order_id: str) -> tuple[Fill, ...]:
        if self.fills_away:
            raise Unavailable("the exchange did not answer")
        intent = next(each for each in self.sent if f"order-{each.client_order_id}" == order_id)
        return (fill_of(intent, self.clock.now()),)

    async def settlements(self) -> tuple[Settlement, ...]:
        await self._reached()
        return tuple(self.ended)

    def end(self, ticker: str, result: str) -> None:
        """The market is over, and the account is paid."""
        self.markets[ticker] = replace(self.markets[ticker], status="finalized", result=result)
        self.held = [position for position in self.held if position.market_ticker != ticker]
        self.ended.append(
            Settlement(
                market_ticker=ticker,
                event_ticker=self.markets[ticker].event_ticker,
                result=result,
                revenue=Decimal(10),
                fees=Decimal(0),
                settled=self.clock.now(),
            )
        )

    def quote(self, ticker: str, bid: str, ask: str) -> None:
        self.markets[ticker] = replace(self.markets[ticker], yes_bid=Decimal(bid), yes_ask=Decimal(ask))

    def _hold(self, intent: Intent) -> None:
        if intent.action is OrderAction.SELL:
            self.held = [each for each in self.held if each.market_ticker != intent.market_ticker]
            return
        self.held.append(
            Position(
                market_ticker=intent.market_ticker,
                event_ticker=intent.market_ticker.rpartition("-")[0],
                side=intent.side,
                count=intent.count,
                cost=intent.count * intent.limit,
                fees=Decimal(0),
                realized_pnl=Decimal(0),
            )
        )

    async def _reached(self) -> None:
        await asyncio.sleep(0)  # others run meanwhile, as they would over a network
        if self.away:
            raise Unavailable("the exchange did not answer")


def filled_order(intent: Intent) -> Order:
    return Order(
        order_id=f"order-{intent.client_order_id}",
        client_order_id=intent.client_order_id,
        market_ticker=intent.market_ticker,
        status=OrderStatus.EXECUTED,
        filled=intent.count,
        remaining=Decimal(0),
        average_price=intent.limit,
        fees=Decimal("0.10"),
    )


def fill_of(intent: Intent, when: datetime) -> Fill:
    return Fill(
        fill_id=f"fill-{intent.client_order_id}",
        order_id=f"order-{intent.client_order_id}",
        market_ticker=intent.market_ticker,
        action=intent.action,
        side=intent.side,
        count=intent.count,
        price=intent.limit,
        fee=Decimal("0.10"),
        is_taker=True,
        created=when,
    )


class Broken:
    """A ledger whose disk is gone."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def fails(*arguments: object, **named: object) -> Any:
            raise LedgerError("the ledger cannot be read or written: disk I/O error")

        return fails


@dataclass
class Bench:
    """A desk and everything behind it that a test may turn."""

    exchange: Exchange
    clock: Standing
    ledger: SqlLedger
    search: Searching
    scout: Scripted
    researcher: Scripted
    recommender: Scripted
    guardian: Scripted
    path: Path
    durable: Callable[[float], Awaitable[bool]]
    signals: Signals = field(default_factory=lambda: Signals.of("sandbox", "paper", "0"))
    halted: str = ""
    limits: Limits = field(default_factory=Limits)

    def desk(self, **changes: object) -> Desk:
        desk = Desk(
            venue="sandbox",
            mode="paper",
            exchange=self.exchange,
            search=self.search,
            ledger=self.ledger,
            clock=self.clock,
            signals=self.signals,
            crew=self._crew(),
            limits=self.limits,
            scouting=SETTINGS.scout,
            guarding=SETTINGS.guardian,
            fees=FeeSchedule(),
            durable=self.durable,
            halted=lambda: self.halted,
        )
        return replace(desk, **changes)  # type: ignore[arg-type]  # a test names fields that exist

    def _crew(self) -> Crew:
        name = "claude-sonnet-5-5"
        return Crew(
            scout(self.scout.model(name), name),
            researcher(self.researcher.model(name), name),
            recommender(self.recommender.model(name), name),
            guardian(self.guardian.model(name), name),
        )

    @contextmanager
    def other_ledger(self) -> Iterator[SqlLedger]:
        """The same file as somebody else sees it: what is not committed is not there."""
        with open_ledger(f"sqlite:///{self.path}", venue="sandbox", mode="paper") as other:
            yield other

    def pass_time(self, **span: int) -> None:
        self.clock.when += timedelta(**span)


@contextmanager
def bench(path: Path) -> Iterator[Bench]:
    """A desk that finds KXT-1-A at 0.41/0.43 and believes 0.60."""
    clock = Standing()

    async def durable(seconds: float) -> bool:
        return True

    with open_ledger(f"sqlite:///{path}", venue="sandbox", mode="paper", now=clock.now) as ledger:
        yield Bench(
            exchange=Exchange(clock),
            clock=clock,
            ledger=ledger,
            search=Searching(answer()),
            scout=says(picks("KXT-1-A")),
            researcher=says(researches),
            recommender=says(estimate(0.60)),
            guardian=says(estimate(0.60) | {"changed": False}),
            path=path,
            durable=durable,
        )
