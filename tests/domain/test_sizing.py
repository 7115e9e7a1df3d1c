"""No size breaks a limit, and the limit that decided is named."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coliseum.domain import edge
from coliseum.domain.fees import FeeSchedule, order_fees, worst_cost
from coliseum.domain.market import Level, PriceRange, Side
from coliseum.domain.portfolio import Exposure
from coliseum.domain.risk import Limits
from coliseum.domain.sizing import Wish, limit_price, size

FEES = FeeSchedule()
LIMITS = Limits()
CENTS = (PriceRange(Decimal(0), Decimal(1), Decimal("0.01")),)
cents = st.integers(5, 95).map(lambda number: Decimal(number) / 100)
money = st.integers(0, 5_000_000).map(lambda number: Decimal(number) / 100)
levels = st.lists(st.tuples(cents, st.integers(1, 3000).map(Decimal)), max_size=6)


def wish(**changes: object) -> Wish:
    plain = Wish(
        side=Side.YES,
        belief_probability=Decimal("0.60"),
        offers=(Level(Decimal("0.50"), Decimal(100_000)),),
        limit=Decimal("0.50"),
        exposure=Exposure(),
        bankroll=Decimal(10_000),
        cash=Decimal(10_000),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


OPEN_HANDED = Limits(
    max_position_pct=Decimal(1),
    max_event_pct=Decimal(1),
    max_series_pct=Decimal(1),
    max_exposure_pct=Decimal(1),
    max_single_trade_usd=Decimal(100_000),
)


def test_kelly_is_fractional_and_net_of_fees() -> None:
    """floor(0.25 x 0.170984 x 10000 / 0.5175) = 826."""
    found = size(wish(), OPEN_HANDED, FEES)
    assert (found.count, found.binding) == (Decimal(826), "kelly")


@pytest.mark.parametrize(
    ("change", "limits", "binding"),
    [
        ({}, replace(OPEN_HANDED, max_single_trade_usd=Decimal(10)), "per_trade"),
        ({}, replace(OPEN_HANDED, max_position_pct=Decimal("0.001")), "market"),
        ({"exposure": Exposure(event=Decimal(9990))}, OPEN_HANDED, "event"),
        ({"exposure": Exposure(series=Decimal(9990))}, OPEN_HANDED, "series"),
        ({"exposure": Exposure(total=Decimal(9990))}, OPEN_HANDED, "total"),
        ({"cash": Decimal(20)}, OPEN_HANDED, "cash"),
        ({"offers": (Level(Decimal("0.50"), Decimal("7.9")),)}, OPEN_HANDED, "depth"),
    ],
)
def test_the_binding_limit_is_named(change: dict[str, object], limits: Limits, binding: str) -> None:
    found = size(wish(**change), limits, FEES)
    assert found.binding == binding
    assert found.count > 0


def test_no_edge_buys_nothing() -> None:
    found = size(wish(belief_probability=Decimal("0.51")), OPEN_HANDED, FEES)
    assert (found.count, found.binding, found.quote) == (Decimal(0), "kelly", None)


def test_nothing_on_offer_buys_nothing() -> None:
    assert size(wish(offers=()), OPEN_HANDED, FEES).binding == "depth"


def test_a_bankroll_that_is_gone_buys_nothing() -> None:
    assert size(wish(bankroll=Decimal(-5), cash=Decimal(0)), OPEN_HANDED, FEES).count == 0


def test_one_contract_whose_rounded_fee_eats_its_edge_is_not_bought() -> None:
    """A hundredth of a cent of edge by the formula is a loss once the fee is rounded up to a cent."""
    poor = wish(
        belief_probability=Decimal("0.0600"),
        offers=(Level(Decimal("0.05"), Decimal(1)),),
        limit=Decimal("0.05"),
    )
    found = size(poor, OPEN_HANDED, FEES)
    assert (found.count, found.binding) == (Decimal(0), "fees")


def test_fault_9_a_price_better_than_quoted_is_taken_not_refused() -> None:
    """Improvement is not slippage: the limit only bounds how much worse a fill may be."""
    improved = wish(offers=(Level(Decimal("0.45"), Decimal(100_000)),))
    found = size(improved, OPEN_HANDED, FEES)
    assert found.count > size(wish(), OPEN_HANDED, FEES).count
    assert found.quote is not None
    assert found.quote.price == Decimal("0.45")


def test_fault_10_affordability_includes_fees() -> None:
    """Ten dollars buy 20 contracts at 0.50 without fees; with them fewer."""
    found = size(wish(cash=Decimal(10)), OPEN_HANDED, FEES)
    assert found.binding == "cash"
    assert found.count == 19
    assert worst_cost(Decimal("0.50"), found.count, FEES) <= 10


@settings(max_examples=150)
@given(
    belief=cents,
    offers=levels,
    limit=cents,
    bankroll=money,
    cash=money,
    held=money,
    fraction=st.sampled_from(["0.1", "0.25", "1"]),
)
def test_fault_11_every_limit_holds_at_every_size(
    belief: Decimal,
    offers: list[tuple[Decimal, Decimal]],
    limit: Decimal,
    bankroll: Decimal,
    cash: Decimal,
    held: Decimal,
    fraction: str,
) -> None:
    """Whatever the book, the belief and the account: what is bought stays inside each configured limit."""
    limits = replace(LIMITS, kelly_fraction=Decimal(fraction))
    asked = wish(
        belief_probability=belief,
        offers=tuple(Level(*pair) for pair in offers),
        limit=limit,
        bankroll=bankroll,
        cash=cash,
        exposure=Exposure(market=held / 4, event=held / 3, series=held / 2, total=held),
    )
    found = size(asked, limits, FEES)
    assert found.count == found.count.to_integral_value()
    if found.count == 0:
        assert found.quote is None
        return
    taken = edge.take(asked.offers, found.count, limit)
    fees = order_fees(((each.price, each.count) for each in taken), FEES)
    paid = sum((each.price * each.count for each in taken), Decimal(0)) + sum(fees, Decimal(0))
    assert sum((each.count for each in taken), Decimal(0)) == found.count
    assert found.quote is not None
    assert found.quote.price <= limit
    assert found.quote.net_edge > 0
    assert paid <= cash
    assert paid <= limits.max_single_trade_usd
    assert asked.exposure.market + paid <= limits.max_position_pct * bankroll
    assert asked.exposure.event + paid <= limits.max_event_pct * bankroll
    assert asked.exposure.series + paid <= limits.max_series_pct * bankroll
    assert asked.exposure.total + paid <= limits.max_exposure_pct * bankroll


@given(belief=cents, bankroll=money)
def test_a_larger_bankroll_never_buys_less(belief: Decimal, bankroll: Decimal) -> None:
    def bought(amount: Decimal) -> Decimal:
        return size(wish(belief_probability=belief, bankroll=amount, cash=amount), LIMITS, FEES).count

    assert bought(bankroll) <= bought(bankroll * 2)


def test_the_limit_price_keeps_the_least_edge_and_the_slippage() -> None:
    strong = edge.quote(Side.YES, Decimal("0.50"), Decimal("0.70"), FEES)
    assert limit_price(strong, Decimal("0.70"), CENTS, LIMITS, FEES) == Decimal("0.52")
    close = edge.quote(Side.YES, Decimal("0.50"), Decimal("0.58"), FEES)
    assert limit_price(close, Decimal("0.58"), CENTS, LIMITS, FEES) == Decimal("0.51")
    weak = edge.quote(Side.YES, Decimal("0.50"), Decimal("0.56"), FEES)
    assert limit_price(weak, Decimal("0.56"), CENTS, LIMITS, FEES) is None


def test_the_limit_price_of_no_lies_on_a_tick_of_yes() -> None:
    """Deci-cent steps above 0.90 of YES are deci-cent steps below 0.10 of NO."""
    tapered = (
        PriceRange(Decimal(0), Decimal("0.90"), Decimal("0.01")),
        PriceRange(Decimal("0.90"), Decimal(1), Decimal("0.001")),
    )
    quoted = edge.quote(Side.NO, Decimal("0.095"), Decimal("0.60"), FEES)
    found = limit_price(quoted, Decimal("0.60"), tapered, LIMITS, FEES)
    assert found == Decimal("0.11")
