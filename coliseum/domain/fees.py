"""What the exchange charges for trading: its published formula and its published rounding.

Formula and rounding follow Kalshi's fee schedule and its "fee rounding" page: a fill's trade fee is rounded up
to the next $0.0001, then the change of the balance is rounded down to the precision of the account; what that
rounding took is collected per order and given back in whole cents once it exceeds one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from coliseum.domain.money import CENT, ONE, ZERO, Contracts, Dollars, Price

TRADE_FEE_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What a series charges takers. `precision` is that of the account's balance: a cent, or $0.0001 for
    direct members of the exchange."""

    rate: Decimal = Decimal("0.07")
    multiplier: Decimal = ONE
    precision: Dollars = CENT


def per_contract(price: Price, fees: FeeSchedule) -> Dollars:
    """The unrounded fee for one contract: rate x multiplier x P x (1 - P), the same for YES and NO."""
    return fees.rate * fees.multiplier * price * (ONE - price)


def trade_fee(price: Price, count: Contracts, fees: FeeSchedule) -> Dollars:
    """The fee of one fill before the balance is rounded: up to the next $0.0001."""
    return _up(per_contract(price, fees) * count, TRADE_FEE_STEP)


def fill_fee(price: Price, count: Contracts, fees: FeeSchedule, *, buying: bool = True) -> Dollars:
    """What one fill costs beside its price: trade fee and rounding fee."""
    revenue = -price * count if buying else price * count
    exact = revenue - trade_fee(price, count, fees)
    return revenue - exact.quantize(fees.precision, ROUND_FLOOR)


def order_fees(
    fills: Iterable[tuple[Price, Contracts]], fees: FeeSchedule, *, buying: bool = True
) -> tuple[Dollars, ...]:
    """The net fee of each fill of one order, in the order of the fills, rebates of whole cents included."""
    collected, charged = ZERO, []
    for price, count in fills:
        fee = fill_fee(price, count, fees, buying=buying)
        collected += fee - trade_fee(price, count, fees)
        rebate = collected.quantize(CENT, ROUND_FLOOR) if collected > CENT else ZERO
        rebate = min(rebate, fee)
        collected -= rebate
        charged.append(fee - rebate)
    return tuple(charged)


def worst_cost(limit: Price, count: Contracts, fees: FeeSchedule) -> Dollars:
    """The most that buying `count` at `limit` or better can take from the balance.

    Price plus fee grows with the price, so filling everything at the limit is the dearest case. Each of an
    order's fills may be rounded by itself, but rebates keep what an order loses by that within a cent.
    """
    if count <= ZERO:
        return ZERO
    return _up(count * limit + trade_fee(limit, count, fees), CENT) + CENT


def _up(amount: Dollars, step: Decimal) -> Dollars:
    return amount.quantize(step, ROUND_CEILING)
