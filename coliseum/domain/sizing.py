"""How many contracts to buy, and which limit said so."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_FLOOR

from coliseum.domain import edge
from coliseum.domain.fees import FeeSchedule, per_contract, worst_cost
from coliseum.domain.market import Level, PriceRange, Side
from coliseum.domain.money import ONE, ZERO, Contracts, Dollars, Price, Probability
from coliseum.domain.opportunity import Quote
from coliseum.domain.portfolio import Exposure
from coliseum.domain.risk import Limits
from coliseum.domain.ticks import ticks_down

LOT = ONE
"""Orders are whole contracts. The exchange trades hundredths, but its rounding eats what they would earn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`count` contracts; `binding` names the limit that allowed no more. `quote` is what the order costs and
    brings at its depth-weighted price with its rounded fee; None when nothing is bought."""

    count: Contracts
    binding: str
    quote: Quote | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A side to buy, the belief behind it, and the account that would pay."""

    side: Side
    belief_probability: Probability
    offers: tuple[Level, ...]
    """What is on offer of `side`, in prices of `side`."""
    limit: Price
    exposure: Exposure
    bankroll: Dollars
    cash: Dollars


Fits = Callable[[Contracts], bool]


def limit_price(
    quoted: Quote,
    belief_probability: Probability,
    ranges: tuple[PriceRange, ...],
    limits: Limits,
    fees: FeeSchedule,
) -> Price | None:
    """The highest price worth paying: at most `max_slippage` above the quoted one, and never so high that
    the last contract bought would have less than the least edge. None when even the quoted price is not."""
    highest = min(quoted.price + limits.max_slippage, ONE)
    for price in ticks_down(quoted.side, highest, quoted.price, ranges):
        if edge.quote(quoted.side, price, belief_probability, fees).net_edge >= limits.min_edge:
            return price
    return None


def size(wish: Wish, limits: Limits, fees: FeeSchedule) -> Size:
    """The largest order that every limit allows; zero with the name of the limit that allows none.

    Dollar limits hold even when everything fills at the limit price, with fees. Kelly reckons with the
    depth-weighted price of the order itself, net of fees.
    """
    depth = sum((level.count for level in wish.offers if level.price <= wish.limit), ZERO)
    if depth < LOT:
        return Size(count=ZERO, binding="depth", quote=None)
    caps = {"depth": lambda count: count <= depth, **_caps(wish, limits, fees)}
    allowed = {name: _largest(fits, depth) for name, fits in caps.items()}
    binding = min(allowed, key=lambda name: allowed[name])
    return _worth_its_fee(wish, allowed[binding], binding, fees)


def _caps(wish: Wish, limits: Limits, fees: FeeSchedule) -> dict[str, Fits]:
    held, bankroll = wish.exposure, wish.bankroll

    def within(allowed: Dollars) -> Fits:
        return lambda count: worst_cost(wish.limit, count, fees) <= allowed

    return {
        "kelly": lambda count: _within_kelly(wish, count, limits, fees),
        "per_trade": within(limits.max_single_trade_usd),
        "market": within(limits.max_position_pct * bankroll - held.market),
        "event": within(limits.max_event_pct * bankroll - held.event),
        "series": within(limits.max_series_pct * bankroll - held.series),
        "total": within(limits.max_exposure_pct * bankroll - held.total),
        "cash": within(wish.cash),
    }


def _within_kelly(wish: Wish, count: Contracts, limits: Limits, fees: FeeSchedule) -> bool:
    taken = edge.take(wish.offers, count, wish.limit)
    cost = sum((each.count * (each.price + per_contract(each.price, fees)) for each in taken), ZERO)
    each_cost = cost / count
    net_edge = edge.chance(wish.side, wish.belief_probability) - each_cost
    if net_edge <= ZERO or each_cost >= ONE:
        return False
    return cost <= limits.kelly_fraction * net_edge / (ONE - each_cost) * wish.bankroll


def _largest(fits: Fits, most: Contracts) -> Contracts:
    """The greatest number of lots up to `most` that fits, given that with a number every smaller one fits."""
    low, high = 0, int((most / LOT).to_integral_value(ROUND_FLOOR))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle * LOT) else (low, middle - 1)
    return low * LOT


def _worth_its_fee(wish: Wish, count: Contracts, binding: str, fees: FeeSchedule) -> Size:
    taken = edge.take(wish.offers, count, wish.limit)
    quoted = edge.order_quote(wish.side, taken, wish.belief_probability, fees)
    if quoted is None:
        return Size(count=ZERO, binding=binding, quote=None)
    if quoted.net_edge <= ZERO:
        return Size(count=ZERO, binding="fees", quote=None)
    return Size(count=count, binding=binding, quote=quoted)
