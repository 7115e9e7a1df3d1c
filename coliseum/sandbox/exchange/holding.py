"""What the user holds of one market: YES and NO net at once, since a pair always pays one dollar."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from coliseum.sandbox.exchange.matching import BookSide

ZERO = Decimal(0)
_EXACT = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """`net` counts YES above zero and NO below; `cost` is what the open contracts cost without fees."""

    updated: datetime
    net: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    traded: Decimal = ZERO
    """Dollars that changed hands in all fills."""
    shares: Decimal = ZERO
    """Contracts that changed hands in all fills."""

    def covers(self, side: BookSide) -> Decimal:
        """How many contracts bought on `side` would close instead of open."""
        return max(ZERO, -self.net if side is BookSide.BID else self.net)

    def paired(self, side: BookSide, count: Decimal) -> Decimal:
        return min(count, self.covers(side))

    def revenue(self, side: BookSide, count: Decimal, price: Decimal) -> Decimal:
        """The signed cash of a trade before fees: the price paid, and one dollar back for every pair."""
        return self.paired(side, count) - count * side.cost(price)

    def after(self, side: BookSide, count: Decimal, price: Decimal, fee: Decimal, at: datetime) -> "Holding":
        """The holding once `count` contracts were bought on `side` at a YES price."""
        closed = self.paired(side, count)
        released = self._released(closed)
        each = side.cost(price)
        return Holding(
            updated=at,
            net=self.net + (count if side is BookSide.BID else -count),
            cost=self.cost - released + (count - closed) * each,
            realized=self.realized + closed * (1 - each) - released,
            fees=self.fees + fee,
            traded=self.traded + count * each,
            shares=self.shares + count,
        )

    def settled(self, payout: Decimal, at: datetime) -> "Holding":
        """The holding once the market paid `payout` dollars for all of it."""
        return replace(self, updated=at, net=ZERO, cost=ZERO, realized=self.realized + payout - self.cost)

    def _released(self, closed: Decimal) -> Decimal:
        # because an average price may not end, the last contract takes whatever cost is left
        held = abs(self.net)
        return self.cost if closed == held else (self.cost * closed / held).quantize(_EXACT)
