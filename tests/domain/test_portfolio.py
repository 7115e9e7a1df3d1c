"""Fills and settlements add up to the right positions, cash and profit."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from coliseum.domain import portfolio
from coliseum.domain.market import Side
from coliseum.domain.order import Fill, Intent, OrderAction, Position, Settlement

NOW = datetime(2026, 5, 9, 12, tzinfo=UTC)
Fills = Callable[..., Fill]


def ended(result: str, revenue: str = "0") -> Settlement:
    return Settlement(
        market_ticker="M",
        event_ticker="E",
        result=result,
        revenue=Decimal(revenue),
        fees=Decimal(0),
        settled=NOW + timedelta(days=1),
    )


def test_a_purchase_is_a_position_and_costs_cash(fill: Fills) -> None:
    account = portfolio.account([fill(count=Decimal(10), fee=Decimal("0.18"))], [], {"M": "E"})
    (position,) = account.positions
    assert (position.event_ticker, position.side, position.count) == ("E", Side.YES, Decimal(10))
    assert (position.cost, position.fees) == (Decimal(5), Decimal("0.18"))
    assert account.cash == Decimal("-5.18")
    assert account.realized == ()


def test_buying_the_other_side_closes_and_returns_the_dollar(fill: Fills) -> None:
    """YES at 0.40 and NO at 0.50 of the same market are a dollar for 0.90, at once."""
    bought = [fill(price=Decimal("0.40")), fill(fill_id="f2", side=Side.NO, price=Decimal("0.50"))]
    account = portfolio.account(bought, [], {})
    assert account.positions == ()
    assert account.cash == Decimal("0.10")
    assert account.realized_since(NOW) == Decimal("0.10")


def test_selling_yes_is_buying_no(fill: Fills) -> None:
    """Without anything held a sale opens the other side, as the exchange would."""
    sold = portfolio.account([fill(action=OrderAction.SELL, price=Decimal("0.70"))], [], {})
    bought = portfolio.account([fill(side=Side.NO, price=Decimal("0.30"))], [], {})
    assert sold.positions == bought.positions
    assert sold.cash == bought.cash == Decimal("-0.30")


def test_fault_10_realised_profit_has_the_fees_of_both_ways(fill: Fills) -> None:
    trades = [
        fill(count=Decimal(10), price=Decimal("0.40"), fee=Decimal("0.20")),
        fill(
            fill_id="f2",
            action=OrderAction.SELL,
            count=Decimal(5),
            price=Decimal("0.60"),
            fee=Decimal("0.10"),
        ),
    ]
    account = portfolio.account(trades, [], {})
    assert account.realized_since(NOW) == Decimal("0.80")  # 5 x 0.20, less 0.10 on each way
    (position,) = account.positions
    assert (position.count, position.cost, position.fees) == (Decimal(5), Decimal(2), Decimal("0.10"))
    assert position.realized_pnl == Decimal("0.80")


def test_one_fill_can_close_one_side_and_open_the_other(fill: Fills) -> None:
    trades = [
        fill(price=Decimal("0.40")),
        fill(fill_id="f2", side=Side.NO, count=Decimal(3), fee=Decimal("0.06")),
    ]
    (position,) = portfolio.account(trades, [], {}).positions
    assert (position.side, position.count, position.cost) == (Side.NO, Decimal(2), Decimal(1))
    assert position.fees == Decimal("0.04")


def test_settlement_pays_the_winning_side(fill: Fills) -> None:
    held = [fill(count=Decimal(10), price=Decimal("0.40"), fee=Decimal("0.17"))]
    won = portfolio.account(held, [ended("yes")], {})
    lost = portfolio.account(held, [ended("no")], {})
    assert (won.positions, lost.positions) == ((), ())
    assert won.realized_since(NOW) == Decimal("5.83")
    assert lost.realized_since(NOW) == Decimal("-4.17")
    assert won.cash == Decimal("5.83")


def test_a_scalar_settlement_pays_what_the_exchange_says(fill: Fills) -> None:
    account = portfolio.account([fill()], [ended("scalar", "0.45")], {})
    assert account.realized_since(NOW) == Decimal("-0.05")


def test_profit_counts_from_its_own_moment(fill: Fills) -> None:
    account = portfolio.account([fill()], [ended("yes")], {})
    assert account.realized_since(NOW + timedelta(days=1)) == Decimal("0.50")
    assert account.realized_since(NOW + timedelta(days=1, seconds=1)) == 0


def test_the_exchange_s_words_are_told_in_those_of_the_order(fill: Fills) -> None:
    """A sale of YES at 0.60 may be reported as a purchase of NO at 0.40."""
    reported = fill(side=Side.NO, price=Decimal("0.40"))
    told = portfolio.as_ordered(reported, OrderAction.SELL, Side.YES)
    assert (told.action, told.side, told.price) == (OrderAction.SELL, Side.YES, Decimal("0.60"))
    assert portfolio.as_ordered(told, OrderAction.SELL, Side.YES) is told


def position(market: str, event: str, cost: str) -> Position:
    return Position(
        market_ticker=market,
        event_ticker=event,
        side=Side.YES,
        count=Decimal(1),
        cost=Decimal(cost),
        fees=Decimal("0.5"),
        realized_pnl=Decimal(0),
    )


def test_exposure_adds_up_by_market_event_and_series() -> None:
    held = [
        position("KXA-1-X", "KXA-1", "10"),
        position("KXA-1-Y", "KXA-1", "20"),
        position("KXA-2-X", "KXA-2", "40"),
        position("KXB-1-X", "KXB-1", "80"),
    ]
    found = portfolio.exposure(held, market="KXA-1-X", event="KXA-1")
    assert (found.market, found.event, found.series) == (Decimal("10.5"), Decimal(31), Decimal("71.5"))
    assert (found.total, found.open_positions) == (Decimal(152), 4)


def test_an_order_of_unknown_fate_counts_as_exposure() -> None:
    intent = Intent(
        client_order_id="c",
        opportunity_id="o",
        leg="entry",
        market_ticker="KXA-1-X",
        action=OrderAction.BUY,
        side=Side.NO,
        count=Decimal(10),
        limit=Decimal("0.30"),
    )
    found = portfolio.exposure([portfolio.pending(intent, "KXA-1")], market="KXA-1-X", event="KXA-1")
    assert found.market == Decimal(3)


trades = st.lists(
    st.builds(
        lambda action, side, count, price: (action, side, Decimal(count), Decimal(price) / 100),
        st.sampled_from(OrderAction),
        st.sampled_from(Side),
        st.integers(1, 50),
        st.integers(1, 99),
    ),
    max_size=12,
)


@given(trades, st.sampled_from(["yes", "no"]))
def test_profit_is_cash_once_everything_is_over(
    script: list[tuple[OrderAction, Side, Decimal, Decimal]], result: str
) -> None:
    """However a market was traded, at its end all profit is realised and equals what the cash says."""
    fills = [
        Fill(
            fill_id=str(number),
            order_id="o",
            market_ticker="M",
            action=action,
            side=side,
            count=count,
            price=price,
            fee=Decimal("0.02"),
            is_taker=True,
            created=NOW + timedelta(seconds=number),
        )
        for number, (action, side, count, price) in enumerate(script)
    ]
    account = portfolio.account(fills, [ended(result)], {})
    assert account.positions == ()
    assert abs(account.realized_since(NOW) - account.cash) < Decimal("1e-20")
