"""The generated side of a market: its price path around the recorded quote, and depth behind the best prices."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from coliseum.sandbox.exchange.life import Life
from coliseum.sandbox.exchange.matching import BookSide, Resting
from coliseum.sandbox.exchange.seeded import between
from coliseum.sandbox.records import MarketRecord

TICK = Decimal("0.01")
LOWEST = TICK
HIGHEST = 1 - TICK
_WIDEST_MOVE = 2
_LEVELS = 5


@dataclass(frozen=True, slots=True)
class Quote:
    """Best YES bid and ask of one market day before anybody trades; None is an empty side."""

    bid: Decimal | None
    ask: Decimal | None

    def price(self, side: BookSide) -> Decimal | None:
        return self.bid if side is BookSide.BID else self.ask


def quote(seed: int, record: MarketRecord, life: Life, day: date) -> Quote:
    """The recorded quote on its own day; on any other day both sides move together by up to two ticks. A
    function of seed, ticker and day alone: it knows no outcome."""
    bid, ask = _inside(record.yes_bid), _inside(record.yes_ask)
    move = TICK * (0 if day == life.quoted_on else _ticks(seed, record.ticker, day, bid, ask))
    return Quote(None if bid is None else bid + move, None if ask is None else ask + move)


def depth(seed: int, record: MarketRecord, life: Life, day: date, side: BookSide) -> tuple[Resting, ...]:
    """The crowd's orders on one side at the start of a market day, best first."""
    best = quote(seed, record, life, day).price(side)
    if best is None:
        return ()
    away = -TICK if side is BookSide.BID else TICK
    prices = [best + away * level for level in range(_LEVELS)]
    return tuple(
        Resting(price, _size(seed, record, life, day, side, level), (day.toordinal(), 0, level))
        for level, price in enumerate(prices)
        if LOWEST <= price <= HIGHEST
    )


def _inside(price: Decimal) -> Decimal | None:
    return price if LOWEST <= price <= HIGHEST else None


def _ticks(seed: int, ticker: str, day: date, bid: Decimal | None, ask: Decimal | None) -> int:
    move = between(-_WIDEST_MOVE, _WIDEST_MOVE, seed, "move", ticker, day)
    lowest = min((price for price in (bid, ask) if price is not None), default=LOWEST)
    highest = max((price for price in (bid, ask) if price is not None), default=HIGHEST)
    return max(int((LOWEST - lowest) / TICK), min(int((HIGHEST - highest) / TICK), move))


def _size(seed: int, record: MarketRecord, life: Life, day: date, side: BookSide, level: int) -> Decimal:
    recorded = record.yes_bid_size if side is BookSide.BID else record.yes_ask_size
    if level == 0 and day == life.quoted_on and recorded:
        return recorded
    return Decimal(between(20, 120, seed, "size", record.ticker, day, side, level) * (level + 1))
