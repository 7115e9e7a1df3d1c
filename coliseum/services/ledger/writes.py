"""Entries into the ledger, each inside a transaction that the caller has opened."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from sqlalchemy import Connection, Table, insert, update

from coliseum.domain.money import ZERO
from coliseum.domain.opportunity import Action, Belief, Decision, Opportunity, Research, Stage
from coliseum.domain.order import (
    Fill,
    Intent,
    Order,
    OrderAction,
    OrderStatus,
    Placed,
    Refused,
    Settlement,
    Unknown,
)
from coliseum.domain.portfolio import as_ordered
from coliseum.domain.record import OrderRow, SpanRef
from coliseum.errors import LedgerError, NotFound
from coliseum.services.ledger import reads, rows, schema
from coliseum.services.ledger.database import add_new

OVER = (Stage.CLOSED, Stage.SETTLED)
"""An order's late news moves nothing that is over."""


def add_opportunities(
    connection: Connection, found: Sequence[Opportunity], span: SpanRef
) -> tuple[Opportunity, ...]:
    place, added = reads.last_place(connection), []
    for opportunity in found:
        row = rows.opportunity_row(opportunity, span, place + 1)
        if add_new(connection, schema.opportunities, row):
            place += 1
            added.append(opportunity)
    return tuple(added)


def move(connection: Connection, opportunity_id: str, stage: Stage) -> None:
    """Raises NotFound."""
    table = schema.opportunities
    statement = update(table).where(table.c.id == opportunity_id).values(stage=str(stage))
    if connection.execute(statement.returning(table.c.id)).first() is None:
        raise NotFound(f"there is no opportunity {opportunity_id[:64]!r}")


def add_research(connection: Connection, research: Research, span: SpanRef) -> None:
    number = _insert(connection, schema.research, rows.research_row(research, span))
    for answer in research.answers:
        answered = _insert(connection, schema.answers, rows.answer_row(answer, number, span))
        for source in answer.sources:
            _insert(connection, schema.sources, rows.source_row(source, answered, span))


def add_belief(connection: Connection, belief: Belief, span: SpanRef) -> None:
    _insert(connection, schema.beliefs, {**rows.belief_row(belief), **rows.span_row(span)})


def decide(connection: Connection, decision: Decision, intent: Intent | None, span: SpanRef) -> bool:
    """Decision, checks, intent and stage together. False when the decision is there already."""
    _require_whole(decision, intent)
    if not add_new(connection, schema.decisions, rows.decision_row(decision, span)):
        return False
    for check in decision.checks:
        connection.execute(insert(schema.checks).values(rows.check_row(check, decision.id, span)))
    if intent is not None and not add_intent(connection, intent, "", decision.decided_at, span):
        raise LedgerError(f"order {intent.client_order_id} was intended before, without this decision")
    passed = decision.action is Action.ABSTAIN
    move(connection, decision.opportunity_id, Stage.PASSED if passed else Stage.DECIDED)
    return True


def add_intent(connection: Connection, intent: Intent, reason: str, created: datetime, span: SpanRef) -> bool:
    row = rows.intent_row(intent, span)
    row |= {"filled": ZERO, "fees": ZERO, "reason": reason, "created": created}
    return add_new(connection, schema.orders, row)


def settle_order(
    connection: Connection, client_order_id: str, placed: Placed, fills: Sequence[Fill], span: SpanRef
) -> None:
    before = reads.order(connection, client_order_id)
    key = before.intent.client_order_id
    for fill in fills:
        told = as_ordered(fill, before.intent.action, before.intent.side)
        add_new(connection, schema.fills, rows.fill_row(told, key, span))
    change = _outcome(connection, before, placed)
    if before.status is OrderStatus.INTENT:
        # The span that placed the order is the one to find it by; later looks at it keep that.
        change |= rows.span_row(span)
    table = schema.orders
    connection.execute(update(table).where(table.c.client_order_id == key).values(change))
    _follow(connection, reads.order(connection, key))


def settle(connection: Connection, settlement: Settlement, span: SpanRef) -> bool:
    if not add_new(connection, schema.settlements, rows.settlement_row(settlement, span)):
        return False
    table = schema.opportunities
    held = (table.c.market_ticker == settlement.market_ticker) & (table.c.stage == str(Stage.HELD))
    connection.execute(update(table).where(held).values(stage=str(Stage.SETTLED)))
    return True


def _insert(connection: Connection, table: Table, row: rows.Row) -> int:
    key = table.c.number
    return int(connection.execute(insert(table).values(row).returning(key)).scalar_one())


def _require_whole(decision: Decision, intent: Intent | None) -> None:
    if (decision.action is Action.ABSTAIN) != (intent is None):
        raise ValueError("a decision to buy comes with its intent, a decision to abstain without")
    if intent is not None and intent.opportunity_id != decision.opportunity_id:
        raise ValueError("an intent belongs to the opportunity of its decision")


def _outcome(connection: Connection, before: OrderRow, placed: Placed) -> rows.Row:
    match placed:
        case Order():
            return _totals(connection, before, placed)
        case Refused(code=code, message=message):
            reason = ": ".join(part for part in (code, message) if part)
            return {"status": str(OrderStatus.REFUSED), "reason": reason or before.reason}
        case Unknown(reason=reason):
            # What is known already is worth more than a later silence.
            if before.status not in (OrderStatus.INTENT, OrderStatus.UNKNOWN):
                return {"status": str(before.status)}
            return {"status": str(OrderStatus.UNKNOWN), "reason": before.reason or reason}
        case _:
            assert_never(placed)


def _totals(connection: Connection, before: OrderRow, order: Order) -> rows.Row:
    fills = reads.fills(connection, before.intent.client_order_id)
    shown = sum((each.count for each in fills), ZERO)
    change: rows.Row = {
        "status": str(order.status),
        "order_id": order.order_id,
        "filled": max(order.filled, shown, before.filled),
        "average_price": order.average_price or before.average_price,
        "fees": order.fees if order.fees is not None else before.fees,
    }
    if shown and shown >= order.filled:
        change["average_price"] = sum((each.count * each.price for each in fills), ZERO) / shown
        change["fees"] = sum((each.fee for each in fills), ZERO)
    return change


def _follow(connection: Connection, order: OrderRow) -> None:
    """Move the opportunity where its order has brought it."""
    opportunity = reads.opportunity(connection, order.intent.opportunity_id)
    stage = _stage_after(connection, order)
    if stage is not None and opportunity.stage not in OVER:
        move(connection, opportunity.id, stage)


def _stage_after(connection: Connection, order: OrderRow) -> Stage | None:
    if order.status in (OrderStatus.INTENT, OrderStatus.UNKNOWN):
        return None
    if order.intent.action is OrderAction.SELL:
        emptied = order.filled > ZERO and not reads.held_by(connection, order.intent.opportunity_id)
        return Stage.CLOSED if emptied else None
    if order.filled > ZERO:
        return Stage.HELD
    return None if order.status is OrderStatus.RESTING else Stage.REJECTED
