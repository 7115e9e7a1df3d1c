"""What happens to a ticket: refused without a trace, or accepted, matched, and rested or cancelled."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from coliseum.sandbox.exchange import book
from coliseum.sandbox.exchange.account import Account, Exchanged
from coliseum.sandbox.exchange.life import Status
from coliseum.sandbox.exchange.listing import Listed
from coliseum.sandbox.exchange.matching import Incoming, Matched, match
from coliseum.sandbox.exchange.order import Order, OrderStatus, Ticket, TimeInForce
from coliseum.sandbox.exchange.quotes import HIGHEST, LOWEST, TICK
from coliseum.sandbox.exchange.refusal import Refusal, insufficient_balance, invalid_order, invalid_price
from coliseum.sandbox.exchange.state import State

ZERO = Decimal(0)


def place(ticket: Ticket, listed: Listed, state: State, now: datetime) -> Order | Refusal:
    """All or nothing: a refusal changes nothing. The ticket's key must not have been used before."""
    count = _allowed_count(ticket, state, now)
    resting = book.resting(listed, state, ticket.side.other, now)
    order = ticket.incoming(count)
    refusal = _refusal(ticket, listed, count, any(order.crosses(each.price) for each in resting), now)
    if refusal is not None:
        return refusal
    matched = _enough(ticket, order, match(order, resting))
    if _available_after(ticket, matched, count, state, now) < 0:
        return insufficient_balance()
    return _carry_out(ticket, count, matched, state, now)


def _refusal(ticket: Ticket, listed: Listed, count: Decimal, crosses: bool, now: datetime) -> Refusal | None:
    if listed.life.status(now) is not Status.ACTIVE:
        return invalid_order("market is not open for trading")
    if not LOWEST <= ticket.price <= HIGHEST or ticket.price % TICK:
        return invalid_price(f"price must be {LOWEST} to {HIGHEST} in steps of {TICK}")
    if ticket.expires is not None and ticket.expires <= now:
        return invalid_order("expiration_time is not in the future")
    if not count:
        return invalid_order("reduce only: there is nothing to reduce")
    if ticket.post_only and crosses:
        return invalid_order("post only cross")
    return None


def _allowed_count(ticket: Ticket, state: State, now: datetime) -> Decimal:
    if not ticket.reduce_only:
        return ticket.count
    return state.account.holding(ticket.ticker, now).paired(ticket.side, ticket.count)


def _enough(ticket: Ticket, order: Incoming, matched: Matched) -> Matched:
    killed = ticket.time_in_force is TimeInForce.FILL_OR_KILL and matched.count < order.count
    return Matched(()) if killed else matched


def _rests(ticket: Ticket, matched: Matched) -> bool:
    return ticket.time_in_force is TimeInForce.GOOD_TILL_CANCELED and not matched.stopped


def _available_after(
    ticket: Ticket, matched: Matched, count: Decimal, state: State, now: datetime
) -> Decimal:
    resting = [each for each in state.resting() if each.id not in matched.displaced]
    if _rests(ticket, matched) and matched.count < count:
        resting.append(_hypothetical(ticket, count - matched.count, state, now))
    return _account_after(ticket, matched, state, now).available(resting)


def _account_after(ticket: Ticket, matched: Matched, state: State, now: datetime) -> Account:
    account = state.account
    for trade in matched.trades:
        exchanged = Exchanged(ticket.ticker, ticket.side, trade.count, trade.resting.price, True, now)
        account, _ = account.after(exchanged)
    return account


def _hypothetical(ticket: Ticket, remaining: Decimal, state: State, now: datetime) -> Order:
    return Order(
        id="",
        ticket=ticket,
        priority=state.priority(now),
        status=OrderStatus.RESTING,
        remaining=remaining,
        created=now,
        updated=now,
    )


def _carry_out(ticket: Ticket, count: Decimal, matched: Matched, state: State, now: datetime) -> Order:
    order = state.accept(ticket, count, now)
    for trade in matched.trades:
        order = state.trade(order, trade, now, is_taker=True)
    _displace(matched.displaced, state, now)
    if order.is_resting and not _rests(ticket, matched):
        order = state.cancel(order, now)
    return order


def _displace(order_ids: Sequence[str], state: State, now: datetime) -> None:
    for order_id in order_ids:
        state.cancel(state.orders[order_id], now)
