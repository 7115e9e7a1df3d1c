"""Trading fees and their rounding, as Kalshi's fee schedule and fee-rounding page describe them."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from coliseum.sandbox.exchange.amounts import down_to_cent

TAKER_RATE = Decimal("0.07")
_FEE_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Charge:
    """What one fill did to the cash: `change` = revenue - trade_fee - rounding_fee, a whole number of cents."""

    change: Decimal
    trade_fee: Decimal
    rounding_fee: Decimal

    @property
    def fee(self) -> Decimal:
        return self.trade_fee + self.rounding_fee


def taker_fee(count: Decimal, price: Decimal) -> Decimal:
    """0.07 x C x P x (1 - P), up to the next $0.0001. Makers pay none: the series are `quadratic`."""
    return (TAKER_RATE * count * price * (1 - price)).quantize(_FEE_STEP, ROUND_CEILING)


def charge(revenue: Decimal, trade_fee: Decimal) -> Charge:
    """Floor the balance change to the cent; the difference is the rounding fee. `revenue` is negative for a
    purchase. The rebate that the exchange accumulates per order over many fills is not given."""
    exact = revenue - trade_fee
    change = down_to_cent(exact)
    return Charge(change, trade_fee, exact - change)
