"""A market as the exchange shows it: quotes, order book, life cycle."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from coliseum.domain.money import ONE, ZERO, Contracts, Price


class Side(StrEnum):
    """Which outcome a contract pays on."""

    YES = "yes"
    NO = "no"

    @property
    def other(self) -> "Side":
        match self:
            case Side.YES:
                return Side.NO
            case Side.NO:
                return Side.YES
            case _:
                assert_never(self)


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Valid prices from `start` to `end` (both included) in steps of `step`."""

    start: Price
    end: Price
    step: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One yes/no question with its quotes at `quoted_at`. An empty book side is None, never 0 or 1."""

    ticker: str
    event_ticker: str
    series_ticker: str
    title: str
    subtitle: str
    rules: str
    status: str
    yes_bid: Price | None
    yes_ask: Price | None
    yes_bid_size: Contracts
    yes_ask_size: Contracts
    last_price: Price | None
    volume: Contracts
    volume_24h: Contracts
    open_interest: Contracts
    open_time: datetime
    close_time: datetime
    result: str
    """"yes", "no", "scalar", or "" while nothing is determined."""
    settlement_value: Price | None
    """What one YES contract pays once known."""
    price_ranges: tuple[PriceRange, ...]
    quoted_at: datetime

    def ask(self, side: Side) -> Price | None:
        """The price at which one contract of `side` can be bought now."""
        if side is Side.YES:
            return self.yes_ask
        return None if self.yes_bid is None else ONE - self.yes_bid

    def bid(self, side: Side) -> Price | None:
        """The price at which one contract of `side` can be sold now."""
        if side is Side.YES:
            return self.yes_bid
        return None if self.yes_ask is None else ONE - self.yes_ask

    @property
    def mid(self) -> Price | None:
        if self.yes_bid is None or self.yes_ask is None:
            return None
        return (self.yes_bid + self.yes_ask) / 2

    @property
    def spread(self) -> Price | None:
        if self.yes_bid is None or self.yes_ask is None:
            return None
        return self.yes_ask - self.yes_bid


@dataclass(frozen=True, slots=True)
class Level:
    """So many contracts at one price."""

    price: Price
    count: Contracts


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBook:
    """Resting bids of both sides, best (highest) price first. The exchange keeps no asks: a NO bid at q
    is an offer of YES at 1 - q."""

    ticker: str
    yes: tuple[Level, ...]
    no: tuple[Level, ...]
    quoted_at: datetime

    def offers(self, side: Side) -> tuple[Level, ...]:
        """What can be bought of `side`, cheapest first, in prices of `side`."""
        against = self.no if side is Side.YES else self.yes
        return tuple(Level(ONE - level.price, level.count) for level in against)

    def bids(self, side: Side) -> tuple[Level, ...]:
        """What `side` can be sold to, best first, in prices of `side`."""
        return self.yes if side is Side.YES else self.no

    def depth(self, side: Side, limit: Price) -> Contracts:
        """How many contracts of `side` are on offer at `limit` or cheaper."""
        return sum((o.count for o in self.offers(side) if o.price <= limit), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeStatus:
    """Whether the exchange is up and whether it takes orders."""

    exchange_active: bool
    trading_active: bool
