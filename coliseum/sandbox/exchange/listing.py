"""The recorded markets as a list with lives: what exists for whoever asks at a given moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from coliseum.sandbox.exchange.life import Life, life
from coliseum.sandbox.exchange.matching import BookSide, Resting
from coliseum.sandbox.exchange.quotes import Quote, depth, quote
from coliseum.sandbox.records import MarketRecord


@dataclass(frozen=True, slots=True)
class Listed:
    """One recorded market, its life, and its place in the list."""

    seed: int
    place: int
    record: MarketRecord
    life: Life

    @property
    def ticker(self) -> str:
        return self.record.ticker

    def quote(self, day: date) -> Quote:
        return quote(self.seed, self.record, self.life, day)

    def depth(self, day: date, side: BookSide) -> tuple[Resting, ...]:
        return depth(self.seed, self.record, self.life, day, side)

    def result(self, now: datetime) -> str:
        """ "yes" or "no" from the moment it is due, before that ""."""
        due = self.life.due
        return self.record.result if due is not None and now >= due else ""


class Listing:
    """All markets of a world in the order of the record. Never changes."""

    def __init__(self, seed: int, records: Sequence[MarketRecord]) -> None:
        listed = [Listed(seed, place, record, life(record)) for place, record in enumerate(records)]
        self._by_ticker = {each.ticker: each for each in listed}

    def __iter__(self) -> Iterator[Listed]:
        return iter(self._by_ticker.values())

    def visible(self, now: datetime) -> list[Listed]:
        return [each for each in self if each.life.visible(now)]

    def find(self, ticker: str, now: datetime) -> Listed | None:
        """None for an unknown ticker and for a market that has not opened yet."""
        found = self._by_ticker.get(ticker)
        return found if found is not None and found.life.visible(now) else None
