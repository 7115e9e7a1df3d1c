"""What the ledger knows of a position: where it came from, what was believed, how often we tried to leave."""

from collections.abc import Sequence
from dataclasses import dataclass

from coliseum.domain.opportunity import Belief, Opportunity, Stage
from coliseum.domain.order import OrderAction
from coliseum.domain.record import OrderRow
from coliseum.flows.desk import Desk
from coliseum.flows.exposure import UNRESOLVED


@dataclass(frozen=True, slots=True)
class Memory:
    """`exits` counts the exits sent so far; `leaving` says that one of them has no known end."""

    opportunity: Opportunity
    belief: Belief | None
    exits: int
    leaving: bool


def memories(desk: Desk) -> dict[str, Memory]:
    """By market ticker, for everything that may be held. Raises LedgerError."""
    sells = [row for row in desk.ledger.orders() if row.intent.action is OrderAction.SELL]
    held = desk.ledger.opportunities(Stage.DECIDED, Stage.HELD)
    return {each.market_ticker: _memory(desk, each, sells) for each in held}


def _memory(desk: Desk, opportunity: Opportunity, sells: Sequence[OrderRow]) -> Memory:
    ours = [row for row in sells if row.intent.opportunity_id == opportunity.id]
    decision = desk.ledger.decision(opportunity.id)
    return Memory(
        opportunity=opportunity,
        belief=decision.belief if decision else None,
        exits=len(ours),
        leaving=any(row.status in UNRESOLVED for row in ours),
    )
