"""Which markets are worth a language model's attention, decided before any token is spent."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from coliseum.domain.market import Market
from coliseum.domain.money import ZERO, Contracts, Price
from coliseum.domain.risk import OPEN

COMBO_PREFIX = "KXMVE"
"""Markets made of several others: their quotes are often placeholders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What a market must show. The price band is that of the middle between bid and ask."""

    min_volume: Contracts = Decimal(100)
    max_spread: Price = Decimal("0.10")
    min_price: Price = Decimal("0.05")
    max_price: Price = Decimal("0.95")
    min_time_to_close: timedelta = timedelta(minutes=30)
    max_time_to_close: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Screened:
    """The markets kept, in their order, and how many were left out for which first reason."""

    kept: tuple[Market, ...]
    reasons: Counter[str]

    @property
    def seen(self) -> int:
        return len(self.kept) + self.reasons.total()


def screen(
    markets: Iterable[Market], criteria: Criteria, now: datetime, known: Collection[str] = ()
) -> Screened:
    """Keep what meets every criterion and is not among the `known` tickers."""
    kept: list[Market] = []
    reasons: Counter[str] = Counter()
    for market in markets:
        reason = "known" if market.ticker in known else reason_against(market, criteria, now)
        if reason:
            reasons[reason] += 1
        else:
            kept.append(market)
    return Screened(tuple(kept), reasons)


def reason_against(market: Market, criteria: Criteria, now: datetime) -> str:
    """The first criterion the market does not meet, "" when it meets all."""
    if market.ticker.startswith(COMBO_PREFIX):
        return "combo"
    if market.status != OPEN:
        return "not_open"
    return _time(market, criteria, now) or _quotes(market, criteria)


def _time(market: Market, criteria: Criteria, now: datetime) -> str:
    left = market.close_time - now
    if left < criteria.min_time_to_close:
        return "closes_too_soon"
    if criteria.max_time_to_close is not None and left > criteria.max_time_to_close:
        return "closes_too_late"
    return ""


def _quotes(market: Market, criteria: Criteria) -> str:
    mid, spread = market.mid, market.spread
    if mid is None or spread is None:
        return "one_sided_book"
    if market.volume < criteria.min_volume:
        return "volume"
    if not ZERO <= spread <= criteria.max_spread:
        return "spread"
    if not criteria.min_price <= mid <= criteria.max_price:
        return "price_band"
    return ""
