"""One user's cash and holdings, and how much of the cash is locked behind resting orders."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from coliseum.sandbox.exchange.amounts import up_to_cent
from coliseum.sandbox.exchange.fees import Charge, charge, taker_fee
from coliseum.sandbox.exchange.holding import Holding
from coliseum.sandbox.exchange.matching import BookSide
from coliseum.sandbox.exchange.order import Order

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Contracts about to change hands in one market at a YES price."""

    ticker: str
    side: BookSide
    count: Decimal
    price: Decimal
    is_taker: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """Always a whole number of cents of cash. Frozen, so that an order can be tried before it is accepted."""

    cash: Decimal
    holdings: Mapping[str, Holding] = field(default_factory=dict)

    def holding(self, ticker: str, at: datetime) -> Holding:
        return self.holdings.get(ticker) or Holding(updated=at)

    def after(self, trade: Exchanged) -> tuple["Account", Charge]:
        """The account once the trade is done, and what it was charged."""
        held = self.holding(trade.ticker, trade.at)
        fee = taker_fee(trade.count, trade.price) if trade.is_taker else ZERO
        charged = charge(held.revenue(trade.side, trade.count, trade.price), fee)
        after = held.after(trade.side, trade.count, trade.price, charged.fee, trade.at)
        return self._with(trade.ticker, after, charged.change), charged

    def settled(self, ticker: str, payout: Decimal, at: datetime) -> "Account":
        """The account once the market paid `payout` for the whole holding."""
        return self._with(ticker, self.holding(ticker, at).settled(payout, at), payout)

    def available(self, resting: Iterable[Order]) -> Decimal:
        """Cash that is not locked behind these resting orders. Below zero means: cannot be paid for."""
        by_ticker: dict[str, list[Order]] = {}
        for order in resting:
            by_ticker.setdefault(order.ticket.ticker, []).append(order)
        return self.cash - sum((self._locked(*each) for each in by_ticker.items()), ZERO)

    def _with(self, ticker: str, holding: Holding, change: Decimal) -> "Account":
        return replace(self, cash=self.cash + change, holdings={**self.holdings, ticker: holding})

    def _locked(self, ticker: str, orders: list[Order]) -> Decimal:
        held = self.holdings.get(ticker)
        return sum((locked(side, held, orders) for side in BookSide), ZERO)


def locked(side: BookSide, held: Holding | None, orders: Iterable[Order]) -> Decimal:
    """Collateral of one market's resting orders on `side`: count x price of what each order would open, up
    to the cent. Contracts already held cover the earliest orders first and lock no cash."""
    cover = held.covers(side) if held else ZERO
    total = ZERO
    for order in sorted(orders, key=lambda each: each.priority):
        if order.ticket.side is side:
            opens = max(ZERO, order.remaining - cover)
            cover = max(ZERO, cover - order.remaining)
            total += up_to_cent(opens * side.cost(order.ticket.price))
    return total
