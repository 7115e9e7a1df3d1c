"""Edge, return and Kelly are net of fees and never favour both sides."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coliseum.domain import edge
from coliseum.domain.fees import FeeSchedule
from coliseum.domain.market import Level, Side

FEES = FeeSchedule()
SIX = Decimal("0.000001")
prices = st.integers(1, 999).map(lambda mills: Decimal(mills) / 1000)
beliefs = st.integers(1, 999).map(lambda mills: Decimal(mills) / 1000)

VECTORS = [
    ("0.60", "0.50", "0.017500", "0.517500", "0.082500", "0.159420", "0.170984"),
    ("0.55", "0.50", "0.017500", "0.517500", "0.032500", "0.062802", "0.067358"),
    ("0.52", "0.50", "0.017500", "0.517500", "0.002500", "0.004831", "0.005181"),
    ("0.97", "0.95", "0.003325", "0.953325", "0.016675", "0.017491", "0.357258"),
    ("0.954", "0.95", "0.003325", "0.953325", "0.000675", "0.000708", "0.014462"),
    ("0.947", "0.95", "0.003325", "0.953325", "-0.006325", "-0.006635", "0"),
    ("0.10", "0.05", "0.003325", "0.053325", "0.046675", "0.875293", "0.049304"),
]


@pytest.mark.parametrize(("belief", "price", "fee", "cost", "net_edge", "ev", "kelly"), VECTORS)
def test_vectors(belief: str, price: str, fee: str, cost: str, net_edge: str, ev: str, kelly: str) -> None:
    found = edge.quote(Side.YES, Decimal(price), Decimal(belief), FEES)
    figures = (found.fee, found.cost, found.net_edge, found.ev, found.kelly)
    expected = tuple(Decimal(each) for each in (fee, cost, net_edge, ev, kelly))
    assert tuple(each.quantize(SIX) for each in figures) == tuple(each.quantize(SIX) for each in expected)


def test_fault_10_an_edge_that_fees_eat_is_no_edge() -> None:
    """At 95 cents a belief of 94.7 % loses, and one of 95.33 % only breaks even."""
    assert edge.quote(Side.YES, Decimal("0.95"), Decimal("0.953"), FEES).net_edge < 0
    assert edge.quote(Side.YES, Decimal("0.95"), Decimal("0.953325"), FEES).net_edge == 0


@given(prices, beliefs)
def test_no_is_yes_seen_from_the_other_side(price: Decimal, belief: Decimal) -> None:
    yes = edge.quote(Side.YES, price, belief, FEES)
    no = edge.quote(Side.NO, price, 1 - belief, FEES)
    assert (yes.cost, yes.net_edge, yes.ev, yes.kelly) == (no.cost, no.net_edge, no.ev, no.kelly)


@given(prices, prices, beliefs)
def test_both_sides_never_have_an_edge(bid: Decimal, ask: Decimal, belief: Decimal) -> None:
    """Buying both costs a dollar, the spread and two fees, and pays one dollar."""
    bid, ask = min(bid, ask), max(bid, ask)
    yes = edge.quote(Side.YES, ask, belief, FEES)
    no = edge.quote(Side.NO, 1 - bid, belief, FEES)
    assert not (yes.net_edge > 0 and no.net_edge > 0)


@given(prices, beliefs)
def test_kelly_is_a_fraction_and_needs_an_edge(price: Decimal, belief: Decimal) -> None:
    found = edge.quote(Side.YES, price, belief, FEES)
    assert 0 <= found.kelly < 1
    assert (found.kelly > 0) == (found.net_edge > 0) == (found.ev > 0)


@given(prices, prices, beliefs)
def test_a_higher_price_is_never_better(first: Decimal, second: Decimal, belief: Decimal) -> None:
    cheap = edge.quote(Side.YES, min(first, second), belief, FEES)
    dear = edge.quote(Side.YES, max(first, second), belief, FEES)
    assert cheap.net_edge >= dear.net_edge
    assert cheap.kelly >= dear.kelly
    assert cheap.ev >= dear.ev


@given(prices, beliefs, beliefs)
def test_a_stronger_belief_is_never_worse(price: Decimal, first: Decimal, second: Decimal) -> None:
    weak = edge.quote(Side.YES, price, min(first, second), FEES)
    strong = edge.quote(Side.YES, price, max(first, second), FEES)
    assert weak.net_edge <= strong.net_edge
    assert weak.kelly <= strong.kelly


@pytest.mark.parametrize(("belief", "side"), [("0.70", Side.YES), ("0.20", Side.NO)])
def test_best_takes_the_side_with_the_edge(belief: str, side: Side) -> None:
    found = edge.best(Decimal("0.50"), Decimal("0.52"), Decimal(belief), FEES)
    assert found is not None
    assert found.side is side
    assert found.net_edge > 0


def test_best_of_an_empty_book_is_nothing() -> None:
    assert edge.best(None, None, Decimal("0.5"), FEES) is None
    assert edge.best(Decimal(1), Decimal(0), Decimal("0.5"), FEES) is None


def test_best_with_one_side_is_that_side() -> None:
    found = edge.best(None, Decimal("0.60"), Decimal("0.9"), FEES)
    assert found is not None
    assert found.side is Side.NO


@pytest.mark.parametrize(("price", "belief"), [("0", "0.5"), ("1", "0.5"), ("0.5", "1.01"), ("0.5", "-0.1")])
def test_impossible_figures_are_refused(price: str, belief: str) -> None:
    with pytest.raises(ValueError, match="0"):
        edge.quote(Side.YES, Decimal(price), Decimal(belief), FEES)


def test_sell_only_above_the_value_of_holding() -> None:
    """0.62 bid leaves 0.603508 after the fee."""
    assert edge.worth_selling(Side.YES, Decimal("0.62"), Decimal("0.60"), FEES)
    assert not edge.worth_selling(Side.YES, Decimal("0.61"), Decimal("0.60"), FEES)
    assert edge.worth_selling(Side.NO, Decimal("0.62"), Decimal("0.40"), FEES)


def test_the_quote_of_an_order_is_depth_weighted_with_rounded_fees() -> None:
    taken = (Level(Decimal("0.50"), Decimal(1)), Level(Decimal("0.52"), Decimal(1)))
    found = edge.order_quote(Side.YES, taken, Decimal("0.60"), FEES)
    assert found is not None
    assert found.price == Decimal("0.51")
    assert found.fee == Decimal("0.02")
    assert found.net_edge == Decimal("0.07")


def test_an_order_for_nothing_has_no_quote() -> None:
    assert edge.order_quote(Side.YES, (), Decimal("0.60"), FEES) is None
