"""The YES book of one market: the crowd's generated depth less what was traded away, and the user's orders."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from coliseum.sandbox.exchange.life import Status
from coliseum.sandbox.exchange.listing import Listed
from coliseum.sandbox.exchange.matching import BookSide, Resting, ranked
from coliseum.sandbox.exchange.state import State


@dataclass(frozen=True, slots=True)
class Level:
    """All contracts resting at one YES price."""

    price: Decimal
    count: Decimal


def crowd(listed: Listed, state: State, side: BookSide, day: date) -> list[Resting]:
    """What is left of the generated depth on a market day."""
    return [
        replace(entry, count=left)
        for entry in listed.depth(day, side)
        if (left := entry.count - state.taken(listed.ticker, day, side, entry.price)) > 0
    ]


def resting(listed: Listed, state: State, side: BookSide, now: datetime) -> list[Resting]:
    """Everything on one side that an order arriving now could meet; nothing unless the market trades."""
    if listed.life.status(now) is not Status.ACTIVE:
        return []
    own = [each.resting() for each in state.resting(listed.ticker) if each.ticket.side is side]
    return crowd(listed, state, side, now.date()) + own


def levels(listed: Listed, state: State, side: BookSide, now: datetime) -> list[Level]:
    """One side price by price, best first."""
    return _by_price(ranked(side, resting(listed, state, side, now)))


def _by_price(entries: Iterable[Resting]) -> list[Level]:
    totals: dict[Decimal, Decimal] = {}
    for entry in entries:
        totals[entry.price] = totals.get(entry.price, Decimal(0)) + entry.count
    return [Level(price, count) for price, count in totals.items()]
