"""What is at stake already: positions, and orders that may have become one."""

from collections.abc import Sequence

from coliseum.domain.order import OrderAction, OrderStatus, Position
from coliseum.domain.portfolio import pending
from coliseum.domain.record import OrderRow
from coliseum.errors import NotFound
from coliseum.flows.desk import Desk

UNRESOLVED = (OrderStatus.INTENT, OrderStatus.UNKNOWN, OrderStatus.RESTING)
"""Orders whose end is not known."""


def unresolved(desk: Desk) -> tuple[OrderRow, ...]:
    """Orders that may still fill, or may have filled without our knowing."""
    return desk.ledger.orders(*UNRESOLVED)


def taken(desk: Desk) -> set[str]:
    """Markets we hold or may hold by our own books; nothing more is bought in them."""
    held = {position.market_ticker for position in desk.ledger.positions()}
    return held | {row.intent.market_ticker for row in unresolved(desk)}


def at_stake(desk: Desk, held: Sequence[Position]) -> tuple[Position, ...]:
    """The exchange's positions, and every unresolved purchase as if it had filled."""
    buys = [row.intent for row in unresolved(desk) if row.intent.action is OrderAction.BUY]
    return (*held, *(pending(intent, _event(desk, intent.opportunity_id)) for intent in buys))


def _event(desk: Desk, opportunity_id: str) -> str:
    try:
        return desk.ledger.opportunity(opportunity_id).event_ticker
    except NotFound:
        return ""
