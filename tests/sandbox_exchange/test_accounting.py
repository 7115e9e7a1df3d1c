"""Whatever is traded, no cent appears or disappears; and the same wishes always end the same way."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coliseum.sandbox.clock import MarketClock
from coliseum.sandbox.exchange.book import levels
from coliseum.sandbox.exchange.exchange import Exchange
from coliseum.sandbox.exchange.matching import BookSide, SelfTrade
from coliseum.sandbox.exchange.order import Ticket, TimeInForce
from coliseum.sandbox.records import markets
from tests.sandbox_exchange.api import JORDAN, RETIRE

START = datetime(2026, 2, 23, 12, tzinfo=UTC)
CASH = Decimal("200.00")


@dataclass(frozen=True)
class Wait:
    """Let so many hours of market time pass."""

    hours: int


@dataclass(frozen=True)
class Cancel:
    """Cancel the resting order at this place, counted round."""

    place: int


prices = st.integers(1, 99).map(lambda cents: Decimal(cents) / 100)
counts = st.one_of(st.integers(1, 150).map(Decimal), st.integers(1, 3000).map(lambda n: Decimal(n) / 100))
tickets = st.builds(
    Ticket,
    ticker=st.sampled_from([JORDAN, RETIRE]),
    side=st.sampled_from(BookSide),
    count=counts,
    price=prices,
    time_in_force=st.sampled_from(TimeInForce),
    prevention=st.sampled_from(SelfTrade),
    reduce_only=st.booleans(),
    post_only=st.booleans(),
)
steps = st.one_of(
    tickets, tickets, tickets, st.builds(Wait, st.integers(1, 20)), st.builds(Cancel, st.integers(0, 20))
)
plans = st.lists(steps, max_size=25)


def new_exchange() -> tuple[Exchange, MarketClock]:
    clock = MarketClock(START)
    return Exchange(seed=7, clock=clock, records=markets(), cash=CASH), clock


def carry_out(exchange: Exchange, clock: MarketClock, step: Ticket | Wait | Cancel) -> None:
    match step:
        case Ticket():
            exchange.place(step)
        case Wait():
            clock.move(clock.now() + timedelta(hours=step.hours))
            exchange.advance()
        case Cancel():
            resting = exchange.state.resting()
            if resting:
                exchange.cancel(resting[step.place % len(resting)].id)


def check(exchange: Exchange) -> None:
    """Cash is the start, plus what was realised, less fees, less what the open contracts cost."""
    state = exchange.state
    holdings = state.account.holdings.values()
    realized = sum((each.realized for each in holdings), Decimal(0))
    fees = sum((each.fees for each in holdings), Decimal(0))
    cost = sum((each.cost for each in holdings), Decimal(0))
    assert state.account.cash == CASH + realized - fees - cost
    assert state.account.cash % Decimal("0.01") == 0
    assert 0 <= state.available <= state.account.cash
    assert fees == sum((each.fee for each in state.fills), Decimal(0))
    assert all(each.fee >= 0 for each in state.fills)


def check_positions(exchange: Exchange) -> None:
    """What is held is what was bought less what was sold, until it was settled."""
    settled = {each.ticker for each in exchange.state.settlements}
    for ticker, held in exchange.state.account.holdings.items():
        bought = sum(
            each.count if each.side is BookSide.BID else -each.count
            for each in exchange.state.fills
            if each.ticker == ticker
        )
        assert held.net == (0 if ticker in settled else bought)
        assert held.cost >= 0
        assert held.net or not held.cost


def check_book(exchange: Exchange) -> None:
    """Nothing that could trade is left untraded."""
    now = exchange.advance()
    for ticker in (JORDAN, RETIRE):
        listed = exchange.listing.find(ticker, now)
        assert listed is not None
        bids = levels(listed, exchange.state, BookSide.BID, now)
        asks = levels(listed, exchange.state, BookSide.ASK, now)
        assert not bids or not asks or bids[0].price < asks[0].price


@given(plans)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_cent_appears_or_disappears(plan: list[Ticket | Wait | Cancel]) -> None:
    exchange, clock = new_exchange()
    for step in plan:
        carry_out(exchange, clock, step)
        check(exchange)
        check_positions(exchange)
        check_book(exchange)
    exchange.cancel_all()
    assert exchange.state.available == exchange.state.account.cash


@given(plans)
@settings(max_examples=30, deadline=None)
def test_the_same_wishes_in_the_same_order_end_the_same_way(plan: list[Ticket | Wait | Cancel]) -> None:
    ends = []
    for _ in range(2):
        exchange, clock = new_exchange()
        for step in plan:
            carry_out(exchange, clock, step)
        state = exchange.state
        ends.append((state.orders, state.fills, state.settlements, state.account))
    assert ends[0] == ends[1]


@given(plans)
@settings(max_examples=60, deadline=None)
def test_when_all_is_settled_the_cash_is_the_start_with_profit_and_fees(
    plan: list[Ticket | Wait | Cancel],
) -> None:
    exchange, clock = new_exchange()
    for step in plan:
        carry_out(exchange, clock, step)
    clock.move(START + timedelta(days=30))
    exchange.advance()
    account = exchange.state.account
    profit = sum((each.realized - each.fees for each in account.holdings.values()), Decimal(0))
    assert account.cash == CASH + profit
    assert all(each.net == each.cost == 0 for each in account.holdings.values())
