"""Which prices a market accepts."""

from decimal import ROUND_FLOOR

from coliseum.domain.market import PriceRange, Side
from coliseum.domain.money import CENT, ONE, ZERO, Price

WHOLE_CENTS = (PriceRange(ZERO, ONE, CENT),)
"""What a market accepts that names no ranges."""


def on_tick(side: Side, price: Price, ranges: tuple[PriceRange, ...]) -> bool:
    """Whether an order for `side` may carry `price`. Ranges speak of YES prices, as the exchange does."""
    yes_price = price if side is Side.YES else ONE - price
    return ZERO < yes_price < ONE and any(_contains(each, yes_price) for each in ranges or WHOLE_CENTS)


def ticks_down(
    side: Side, highest: Price, lowest: Price, ranges: tuple[PriceRange, ...]
) -> tuple[Price, ...]:
    """Every acceptable price of `side` from `highest` down to `lowest`, both included when acceptable."""
    step = min(each.step for each in ranges or WHOLE_CENTS)
    price = (highest / step).to_integral_value(ROUND_FLOOR) * step
    found = []
    while price >= lowest:
        if on_tick(side, price, ranges):
            found.append(price)
        price -= step
    return tuple(found)


def _contains(each: PriceRange, price: Price) -> bool:
    return each.start <= price <= each.end and (price - each.start) % each.step == ZERO
