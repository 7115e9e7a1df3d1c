"""What a belief is worth against a price, fees included.

With cost c = price + fee and probability p of the side: net edge p - c, return (p - c) / c, and the Kelly
fraction (p - c) / (1 - c), which follows from staking c to win 1 - c.
"""

from collections.abc import Iterable
from decimal import Decimal

from coliseum.domain import fees as fee_rules
from coliseum.domain.fees import FeeSchedule
from coliseum.domain.market import Level, Side
from coliseum.domain.money import ONE, ZERO, Contracts, Dollars, Price, Probability
from coliseum.domain.opportunity import Quote


def chance(side: Side, belief_probability: Probability) -> Probability:
    """The probability that a contract of `side` pays, given that of YES."""
    return belief_probability if side is Side.YES else ONE - belief_probability


def quote(side: Side, price: Price, belief_probability: Probability, fees: FeeSchedule) -> Quote:
    """What one contract of `side` bought at `price` costs and brings, with the unrounded fee.

    `belief_probability` is that of YES, whichever side is asked for. Raises ValueError for a price or a
    probability that cannot be one.
    """
    return _quote(side, price, fee_rules.per_contract(price, fees), belief_probability)


def order_quote(
    side: Side, taken: Iterable[Level], belief_probability: Probability, fees: FeeSchedule
) -> Quote | None:
    """The same for a whole order that takes `taken`: depth-weighted price, and the rounded fee of the order
    shared among its contracts, which for small orders is much more than the formula. None for no contracts."""
    levels = tuple(taken)
    count = sum((level.count for level in levels), ZERO)
    if count <= ZERO:
        return None
    paid = sum((level.price * level.count for level in levels), ZERO)
    charged = sum(fee_rules.order_fees(((each.price, each.count) for each in levels), fees), ZERO)
    return _quote(side, paid / count, charged / count, belief_probability)


def best(
    yes_ask: Price | None, no_ask: Price | None, belief_probability: Probability, fees: FeeSchedule
) -> Quote | None:
    """The better of both sides at prices that can be had now, even when it has no edge; None when neither
    side is on offer. At most one side can have an edge, because both costs together exceed the dollar."""
    offers = ((Side.YES, yes_ask), (Side.NO, no_ask))
    quotes = [
        quote(side, ask, belief_probability, fees)
        for side, ask in offers
        if ask is not None and ZERO < ask < ONE
    ]
    return max(quotes, key=lambda each: each.net_edge, default=None)


def exit_value(bid: Price, fees: FeeSchedule) -> Dollars:
    """What selling one contract to `bid` leaves after the fee."""
    return bid - fee_rules.per_contract(bid, fees)


def worth_selling(side: Side, bid: Price, belief_probability: Probability, fees: FeeSchedule) -> bool:
    """Whether selling now brings more than holding to the end is believed to bring."""
    return exit_value(bid, fees) > chance(side, belief_probability)


def take(offers: Iterable[Level], count: Contracts, limit: Price) -> tuple[Level, ...]:
    """The cheapest `count` contracts on offer at `limit` or better; fewer when there are fewer. A price
    better than the limit is taken gladly, whatever was quoted before."""
    taken, wanted = [], count
    for level in sorted(offers, key=lambda each: each.price):
        if wanted <= ZERO or level.price > limit:
            break
        part = min(level.count, wanted)
        taken.append(Level(level.price, part))
        wanted -= part
    return tuple(taken)


def _quote(side: Side, price: Price, fee: Dollars, belief_probability: Probability) -> Quote:
    _require(ZERO < price < ONE, f"a price lies between 0 and 1, not {price}")
    _require(ZERO <= belief_probability <= ONE, f"a probability lies in 0..1, not {belief_probability}")
    cost = price + fee
    net_edge = chance(side, belief_probability) - cost
    return Quote(
        side=side,
        price=price,
        fee=fee,
        cost=cost,
        net_edge=net_edge,
        ev=net_edge / cost,
        kelly=_kelly(net_edge, cost),
    )


def _kelly(net_edge: Decimal, cost: Dollars) -> Decimal:
    return net_edge / (ONE - cost) if net_edge > ZERO and cost < ONE else ZERO


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
