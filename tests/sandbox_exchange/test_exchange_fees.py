"""The fee schedule's own examples."""

from decimal import Decimal

import pytest

from coliseum.sandbox.exchange.fees import charge, taker_fee

D = Decimal


@pytest.mark.parametrize(
    ("count", "price", "exact", "whole_cents"),
    [
        ("1", "0.50", "0.0175", "0.02"),
        ("100", "0.50", "1.75", "1.75"),
        ("1", "0.05", "0.0034", "0.01"),
        ("100", "0.05", "0.3325", "0.34"),
        ("10", "0.25", "0.1313", "0.14"),
        ("8", "0.95", "0.0266", "0.03"),
        ("100", "0.10", "0.63", "0.63"),
    ],
)
def test_taker_fee_and_what_it_costs_in_whole_cents(
    count: str, price: str, exact: str, whole_cents: str
) -> None:
    cost = D(count) * D(price)
    charged = charge(-cost, taker_fee(D(count), D(price)))
    assert charged.trade_fee == D(exact)
    assert charged.fee == D(whole_cents)
    assert charged.change == -cost - D(whole_cents)


def test_small_fills_pay_the_rounding_each_time() -> None:
    """At 0.055 one contract costs six cents with its fee; three at once cost eighteen."""
    one = charge(-D("0.055"), taker_fee(D(1), D("0.055")))
    assert (one.trade_fee, one.rounding_fee, one.change) == (D("0.0037"), D("0.0013"), D("-0.06"))
    three = charge(-D("0.165"), taker_fee(D(3), D("0.055")))
    assert (three.trade_fee, three.rounding_fee, three.change) == (D("0.0110"), D("0.0040"), D("-0.18"))


def test_income_is_rounded_down_too() -> None:
    charged = charge(D("0.055"), D("0.0037"))
    assert (charged.change, charged.rounding_fee) == (D("0.05"), D("0.0013"))
