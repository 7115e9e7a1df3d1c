"""Price-time matching of one incoming order against what rests on the other side of one YES book."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

CROWD = "crowd"
"""Owner of all generated liquidity."""


class BookSide(StrEnum):
    """A bid buys YES; an ask sells YES, which is the same exposure as buying NO at 1 - price."""

    BID = "bid"
    ASK = "ask"

    @property
    def other(self) -> "BookSide":
        return BookSide.ASK if self is BookSide.BID else BookSide.BID

    @property
    def outcome(self) -> str:
        return "yes" if self is BookSide.BID else "no"

    def cost(self, price: Decimal) -> Decimal:
        """What one contract costs whoever takes this side at a YES price."""
        return price if self is BookSide.BID else 1 - price


class SelfTrade(StrEnum):
    """What gives way when an order would trade with its owner's own."""

    TAKER_AT_CROSS = "taker_at_cross"
    MAKER = "maker"


@dataclass(frozen=True, slots=True)
class Resting:
    """Contracts waiting in the book at a YES price. A lower `priority` came first."""

    price: Decimal
    count: Decimal
    priority: tuple[int, int, int]
    owner: str = CROWD
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An order that arrives at the book with a YES limit price."""

    side: BookSide
    limit: Decimal
    count: Decimal
    owner: str
    prevention: SelfTrade = SelfTrade.TAKER_AT_CROSS

    def crosses(self, price: Decimal) -> bool:
        return price <= self.limit if self.side is BookSide.BID else price >= self.limit


@dataclass(frozen=True, slots=True)
class Trade:
    """So many contracts changed hands at the resting order's price."""

    resting: Resting
    count: Decimal


@dataclass(frozen=True, slots=True)
class Matched:
    """What the incoming order met: `displaced` are its owner's resting orders that gave way; `stopped` says
    that the incoming order itself gave way and its remainder must not rest."""

    trades: tuple[Trade, ...]
    displaced: tuple[str, ...] = ()
    stopped: bool = False

    @property
    def count(self) -> Decimal:
        return sum((trade.count for trade in self.trades), Decimal(0))


def ranked(side: BookSide, resting: Iterable[Resting]) -> list[Resting]:
    """What rests on `side`, best price first and, at one price, the earliest first."""
    sign = -1 if side is BookSide.BID else 1
    return sorted(resting, key=lambda entry: (sign * entry.price, entry.priority))


def match(order: Incoming, against: Iterable[Resting]) -> Matched:
    """Walk the other side from its best price until the order is filled, meets no crossing price, or meets
    its own owner. Nothing is changed: the caller applies the result or drops it."""
    trades: list[Trade] = []
    displaced: list[str] = []
    left = order.count
    for entry in ranked(order.side.other, against):
        if left <= 0 or not order.crosses(entry.price):
            break
        if entry.owner != order.owner:
            trades.append(Trade(entry, min(left, entry.count)))
            left -= trades[-1].count
        elif order.prevention is SelfTrade.MAKER:
            displaced.append(entry.order_id)
        else:
            return Matched(tuple(trades), tuple(displaced), stopped=True)
    return Matched(tuple(trades), tuple(displaced))
