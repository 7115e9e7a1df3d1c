"""The fee arithmetic agrees with the published vectors and rounding."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coliseum.domain.fees import (
    FeeSchedule,
    fill_fee,
    order_fees,
    per_contract,
    trade_fee,
    worst_cost,
)

TAKER = FeeSchedule()
MAKER = FeeSchedule(rate=Decimal("0.0175"))
prices = st.integers(1, 99).map(lambda cents: Decimal(cents) / 100)
fills = st.lists(st.tuples(prices, st.integers(1, 400).map(Decimal)), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("count", "price", "charged", "exact"),
    [
        ("1", "0.50", "0.02", "0.0175"),
        ("100", "0.50", "1.75", "1.75"),
        ("1", "0.05", "0.01", "0.0034"),
        ("100", "0.05", "0.34", "0.3325"),
        ("10", "0.25", "0.14", "0.1313"),
        ("8", "0.95", "0.03", "0.0266"),
        ("100", "0.10", "0.63", "0.63"),
    ],
)
def test_taker_vectors(count: str, price: str, charged: str, exact: str) -> None:
    """Whole order at once: to the cent, and before that to $0.0001."""
    assert fill_fee(Decimal(price), Decimal(count), TAKER) == Decimal(charged)
    assert trade_fee(Decimal(price), Decimal(count), TAKER) == Decimal(exact)


@pytest.mark.parametrize(("price", "charged"), [("0.50", "0.44"), ("0.10", "0.16")])
def test_maker_vectors(price: str, charged: str) -> None:
    assert fill_fee(Decimal(price), Decimal(100), MAKER) == Decimal(charged)


def test_sub_cent_fills_are_rounded_one_by_one() -> None:
    """Three fills of one contract at 0.055 cost 0.06 each, one fill of three costs 0.18."""
    price = Decimal("0.055")
    assert per_contract(price, TAKER) == Decimal("0.00363825")
    assert trade_fee(price, Decimal(1), TAKER) == Decimal("0.0037")
    single = order_fees([(price, Decimal(1))] * 3, TAKER)
    assert [price + fee for fee in single] == [Decimal("0.06")] * 3
    assert trade_fee(price, Decimal(3), TAKER) == Decimal("0.0110")
    assert 3 * price + fill_fee(price, Decimal(3), TAKER) == Decimal("0.18")


def test_direct_members_pay_to_the_hundredth_of_a_cent() -> None:
    direct = FeeSchedule(precision=Decimal("0.0001"))
    assert fill_fee(Decimal("0.50"), Decimal(1), direct) == Decimal("0.0175")


def test_collected_rounding_is_given_back_in_whole_cents() -> None:
    """Ten fills of one contract at 0.50 lose 0.0025 each; after the fifth a cent comes back."""
    charged = order_fees([(Decimal("0.50"), Decimal(1))] * 5, TAKER)
    assert charged == (Decimal("0.02"),) * 4 + (Decimal("0.01"),)


def test_a_sale_rounds_the_proceeds_down() -> None:
    assert fill_fee(Decimal("0.50"), Decimal(1), TAKER, buying=False) == Decimal("0.02")


def test_a_series_multiplier_scales_the_fee() -> None:
    assert per_contract(Decimal("0.5"), FeeSchedule(multiplier=Decimal(2))) == Decimal("0.035")


@given(prices)
def test_yes_and_no_pay_the_same_fee(price: Decimal) -> None:
    assert per_contract(price, TAKER) == per_contract(1 - price, TAKER)


@given(fills)
def test_no_order_costs_more_than_its_worst_case(parts: list[tuple[Decimal, Decimal]]) -> None:
    """However an order is cut into fills at its limit or better, the bound computed beforehand holds."""
    limit = max(price for price, _ in parts)
    count = sum((count for _, count in parts), Decimal(0))
    paid = sum((price * count for price, count in parts), Decimal(0))
    assert paid + sum(order_fees(parts, TAKER), Decimal(0)) <= worst_cost(limit, count, TAKER)


@given(fills)
def test_fees_are_never_negative(parts: list[tuple[Decimal, Decimal]]) -> None:
    assert min(order_fees(parts, TAKER)) >= 0


def test_nothing_costs_nothing() -> None:
    assert worst_cost(Decimal("0.5"), Decimal(0), TAKER) == 0
