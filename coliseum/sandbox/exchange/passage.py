"""What the passing of market time does: orders expire, markets close and settle, a new day meets old orders."""

from datetime import datetime
from decimal import Decimal

from coliseum.sandbox.exchange import book
from coliseum.sandbox.exchange.life import Status
from coliseum.sandbox.exchange.listing import Listed, Listing
from coliseum.sandbox.exchange.matching import BookSide, match, ranked
from coliseum.sandbox.exchange.order import Order, Settlement
from coliseum.sandbox.exchange.state import State

ZERO = Decimal(0)


def advance(listing: Listing, state: State, now: datetime) -> None:
    """Bring the exchange to `now`. Calling it again at the same moment changes nothing. Moments that the
    clock jumps over see no trading."""
    _expire(state, now)
    for listed in _waiting(listing, state):
        if listed.life.status(now) is not Status.ACTIVE:
            _cancel_all(state, listed, now)
    for listed in _due(listing, state, now):
        _settle(listed, state)
    for listed in _waiting(listing, state):
        for side in BookSide:
            _meet_the_day(listed, state, side, now)
    _give_way(state, now)


def _waiting(listing: Listing, state: State) -> list[Listed]:
    tickers = {order.ticket.ticker for order in state.resting()}
    return [listed for listed in listing if listed.ticker in tickers]


def _expire(state: State, now: datetime) -> None:
    for order in state.resting():
        expires = order.ticket.expires
        if expires is not None and expires <= now:
            state.cancel(order, expires)


def _cancel_all(state: State, listed: Listed, now: datetime) -> None:
    for order in state.resting(listed.ticker):
        state.cancel(order, listed.life.closes or now)


def _due(listing: Listing, state: State, now: datetime) -> list[Listed]:
    held = {ticker for ticker, holding in state.account.holdings.items() if holding.net}
    due = [each for each in listing if each.ticker in held and each.result(now)]
    return sorted(due, key=lambda each: (each.record.due, each.place))


def _settle(listed: Listed, state: State) -> None:
    """Winners get one dollar a contract; there is no settlement fee."""
    due = listed.record.due
    held = state.account.holding(listed.ticker, due)
    yes, no = max(held.net, ZERO), max(-held.net, ZERO)
    revenue = yes if listed.record.result == "yes" else no
    state.settlements.append(
        Settlement(
            number=len(state.settlements) + 1,
            ticker=listed.ticker,
            event_ticker=listed.record.event_ticker,
            result=listed.record.result,
            yes_count=yes,
            yes_cost=held.cost if yes else ZERO,
            no_count=no,
            no_cost=held.cost if no else ZERO,
            revenue=revenue,
            fees=held.fees,
            at=due,
        )
    )
    state.account = state.account.settled(listed.ticker, revenue, due)


def _meet_the_day(listed: Listed, state: State, side: BookSide, now: datetime) -> None:
    """The crowd's depth of a new day arrives at orders that rested through the night: it trades with them at
    their prices, the best and earliest first."""
    waiting = [each for each in state.resting(listed.ticker) if each.ticket.side is side]
    for resting in ranked(side, [each.resting() for each in waiting]):
        order = state.orders[resting.order_id]
        if order.created.date() < now.date():
            _meet(order, listed, state, now)


def _meet(order: Order, listed: Listed, state: State, now: datetime) -> None:
    arriving = book.crowd(listed, state, order.ticket.side.other, now.date())
    for trade in match(order.ticket.incoming(order.remaining), arriving).trades:
        order = state.trade(order, trade, now, is_taker=False)


def _give_way(state: State, now: datetime) -> None:
    """Rounding of fractional fills can cost a cent more than was locked: the latest order pays for it."""
    while state.available < 0 and (resting := state.resting()):
        state.cancel(resting[-1], now)
