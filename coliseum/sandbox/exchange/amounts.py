"""Money and contract counts the way the exchange reads and writes them: decimal strings, never floats."""

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from coliseum.sandbox.exchange.refusal import Refused, invalid_order, unparseable

CENT = Decimal("0.01")
MOST_CONTRACTS = Decimal(1_000_000_000)

_FOUR = Decimal("0.0001")
_SIX = Decimal("0.000001")
_PRICE = re.compile(r"[0-9]{1,6}\.[0-9]{2,4}")
_COUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")


def dollars(amount: Decimal) -> str:
    """Four decimals, or up to six where the amount has them."""
    exact = (amount + 0).quantize(_SIX)
    four = exact.quantize(_FOUR)
    return f"{four:f}" if four == exact else f"{exact.normalize():f}"


def contracts(count: Decimal) -> str:
    """Always two decimals."""
    return f"{(count + 0).quantize(CENT):f}"


def cents(amount: Decimal) -> int:
    """Whole cents, rounded down."""
    return int((amount * 100).to_integral_value(ROUND_FLOOR))


def up_to_cent(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_CEILING)


def down_to_cent(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_FLOOR)


def parse_price(value: object) -> Decimal:
    """A request's price: a string with two to four decimals. Raises Refused."""
    text = _string(value, "price")
    if not _PRICE.fullmatch(text):
        raise Refused(invalid_order("price must have two to four decimals"))
    return Decimal(text)


def parse_count(value: object) -> Decimal:
    """A request's count: a string with at most two decimals, above zero. Raises Refused."""
    text = _string(value, "count")
    if not _COUNT.fullmatch(text):
        raise Refused(invalid_order("count must have at most two decimals"))
    count = Decimal(text)
    if not 0 < count <= MOST_CONTRACTS:
        raise Refused(invalid_order(f"count must be above 0 and at most {MOST_CONTRACTS}"))
    return count


def _string(value: object, name: str) -> str:
    # because a number in JSON is a float to most clients, and floats lose money
    if not isinstance(value, str):
        raise Refused(unparseable(f"{name} must be a string"))
    return value
