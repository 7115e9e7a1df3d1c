"""Prices lie on the ticks that the market names, seen from either side."""

from decimal import Decimal

import pytest

from coliseum.domain.market import PriceRange, Side
from coliseum.domain.ticks import on_tick, ticks_down

TAPERED = (
    PriceRange(Decimal(0), Decimal("0.10"), Decimal("0.001")),
    PriceRange(Decimal("0.10"), Decimal("0.90"), Decimal("0.01")),
    PriceRange(Decimal("0.90"), Decimal(1), Decimal("0.001")),
)


@pytest.mark.parametrize(
    ("side", "price", "valid"),
    [
        (Side.YES, "0.055", True),
        (Side.YES, "0.505", False),
        (Side.NO, "0.955", True),
        (Side.NO, "0.495", False),
        (Side.YES, "0", False),
        (Side.YES, "1", False),
    ],
)
def test_fault_8_sub_cent_prices_are_kept_where_the_market_has_them(
    side: Side, price: str, valid: bool
) -> None:
    assert on_tick(side, Decimal(price), TAPERED) is valid


def test_a_market_without_ranges_trades_in_cents() -> None:
    assert on_tick(Side.YES, Decimal("0.01"), ())
    assert not on_tick(Side.YES, Decimal("0.011"), ())


def test_ticks_are_listed_from_the_top() -> None:
    found = ticks_down(Side.YES, Decimal("0.112"), Decimal("0.099"), TAPERED)
    assert found == (Decimal("0.110"), Decimal("0.100"), Decimal("0.099"))
