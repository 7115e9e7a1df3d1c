"""Orders on their way: sent once, written down, and looked up when nobody knows what became of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from coliseum.domain.money import ZERO
from coliseum.domain.order import Fill, Intent, Order, OrderStatus, Placed, Refused
from coliseum.domain.portfolio import as_ordered
from coliseum.domain.record import OrderRow, SpanRef
from coliseum.errors import LedgerError, NotFound, ServiceError
from coliseum.flows.desk import Desk
from coliseum.flows.exposure import unresolved
from coliseum.tracing import here, linkable

DURABLE_WITHIN = 0.25
"""Seconds an entry waits for its trace to be on disk."""
NEVER_SENT = "never_sent"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an order that was placed, and the span that placed it."""

    placed: Placed
    fills: tuple[Fill, ...]
    span: SpanRef


async def enter(desk: Desk, intent: Intent) -> Placed:
    """Send an entry whose decision and intent are committed. Telemetry that is late is noted, not waited for.

    Raises LedgerError when the answer cannot be written; the order is then looked up later.
    """
    if not await desk.durable(DURABLE_WITHIN):
        desk.signals.not_durable()
        log.warning("order %s goes out before its trace is on disk", intent.client_order_id)
    sent = await send(desk, intent)
    desk.ledger.settle_order(intent.client_order_id, sent.placed, sent.fills, sent.span)
    return sent.placed


async def leave(desk: Desk, intent: Intent, reason: str) -> Placed | None:
    """Send an exit, waiting for neither ledger nor telemetry. None when that exit was sent before."""
    try:
        if not desk.ledger.add_exit(intent, reason, here()):
            return None
    except LedgerError as error:
        log.error("exit %s goes out without being in the ledger: %s", intent.client_order_id, error)
    sent = await send(desk, intent)
    try:
        desk.ledger.settle_order(intent.client_order_id, sent.placed, sent.fills, sent.span)
    except (LedgerError, NotFound) as error:
        log.error("exit %s: %s is not in the ledger: %s", intent.client_order_id, sent.placed, error)
    return sent.placed


async def send(desk: Desk, intent: Intent) -> Sent:
    """Place the order and read its fills."""
    with desk.signals.placing(intent) as placing:
        placed = await desk.exchange.place(intent)
        placing.answered(placed)
        return Sent(placed, await _fills(desk, placed), here())


async def reconcile(desk: Desk, older_than: timedelta = timedelta(0)) -> int:
    """Look up every order without a known end that is at least so old, by the key it was sent under, and
    write what is found; how many were resolved. It never sends anything.

    With no minimum age the caller vouches that nobody else is sending just now, as after a start.
    """
    oldest = desk.clock.now() - older_than
    waiting = [row for row in unresolved(desk) if row.created <= oldest]
    return sum([await _resolved(desk, row) for row in waiting])


async def _resolved(desk: Desk, row: OrderRow) -> bool:
    intent = row.intent
    about = {"client_order_id": intent.client_order_id, "market_ticker": intent.market_ticker}
    with desk.signals.step("order.reconcile", links=(linkable(row.span),), **about) as span:
        try:
            found = await desk.exchange.find(intent.client_order_id, intent.market_ticker)
        except (ServiceError, NotFound) as error:
            log.warning("order %s could not be looked up: %s", intent.client_order_id, error)
            return False
        placed = found or _not_there(row)
        desk.signals.about(span, status=found.status.value if found else NEVER_SENT)
        fills = await _fills(desk, placed)
        if found is not None and found.filled > 0:
            desk.signals.executed(intent, _priced(found, intent, fills))
        desk.ledger.settle_order(intent.client_order_id, placed, fills, here())
        return True


def _not_there(row: OrderRow) -> Refused:
    why = "was never sent" if row.status is OrderStatus.INTENT else "did not arrive"
    return Refused(code=NEVER_SENT, message=f"the exchange has no such order: it {why}")


async def _fills(desk: Desk, placed: Placed) -> tuple[Fill, ...]:
    """Empty when they cannot be read: the ledger then goes by the order's own total."""
    if not isinstance(placed, Order) or placed.filled <= 0:
        return ()
    try:
        return await desk.exchange.fills(placed.order_id)
    except ServiceError as error:
        log.warning("the fills of order %s could not be read: %s", placed.order_id, error)
        return ()


def _priced(found: Order, intent: Intent, fills: Sequence[Fill]) -> Order:
    """With its average in prices of the side we ordered; the exchange may tell it of the other."""
    told = [as_ordered(fill, intent.action, intent.side) for fill in fills]
    count = sum((fill.count for fill in told), ZERO)
    if count == ZERO:
        return found
    return replace(found, average_price=sum((fill.price * fill.count for fill in told), ZERO) / count)
