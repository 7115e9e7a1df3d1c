"""Questions to the ledger, each over one open connection."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, or_, select

from coliseum.domain import portfolio
from coliseum.domain.money import ZERO
from coliseum.domain.opportunity import Check, Decision, Opportunity, Research, Source, Stage
from coliseum.domain.order import Fill, OrderAction
from coliseum.domain.portfolio import Account
from coliseum.domain.record import OrderRow
from coliseum.errors import NotFound
from coliseum.services.ledger import rows, schema


def opportunity(connection: Connection, opportunity_id: str) -> Opportunity:
    """Raises NotFound."""
    table = schema.opportunities
    row = connection.execute(select(table).where(table.c.id == opportunity_id)).mappings().first()
    if row is None:
        raise NotFound(f"there is no opportunity {opportunity_id[:64]!r}")
    return rows.opportunity_of(row)


def opportunities(connection: Connection, stages: Sequence[Stage]) -> tuple[Opportunity, ...]:
    table = schema.opportunities
    query = select(table).order_by(table.c.place)
    if stages:
        query = query.where(table.c.stage.in_([str(stage) for stage in stages]))
    return tuple(rows.opportunity_of(row) for row in connection.execute(query).mappings())


def last_place(connection: Connection) -> int:
    return connection.execute(select(func.max(schema.opportunities.c.place))).scalar() or 0


def research(connection: Connection, opportunity_id: str) -> Research | None:
    """The latest."""
    table = schema.research
    query = select(table).where(table.c.opportunity_id == opportunity_id).order_by(table.c.number.desc())
    row = connection.execute(query.limit(1)).mappings().first()
    if row is None:
        return None
    answers = schema.answers
    query = select(answers).where(answers.c.research == row["number"]).order_by(answers.c.number)
    found = connection.execute(query).mappings().all()
    return rows.research_of(
        row, [rows.answer_of(each, _sources(connection, each["number"])) for each in found]
    )


def decisions(connection: Connection, opportunity_id: str | None = None) -> tuple[Decision, ...]:
    """In the order in which they were made."""
    table = schema.decisions
    query = select(table).order_by(table.c.decided_at, table.c.id)
    if opportunity_id is not None:
        query = query.where(table.c.opportunity_id == opportunity_id)
    found = connection.execute(query).mappings().all()
    return tuple(rows.decision_of(row, _checks(connection, row["id"])) for row in found)


def orders(connection: Connection, statuses: Sequence[str]) -> tuple[OrderRow, ...]:
    """In the order in which they were intended."""
    table = schema.orders
    query = select(table).order_by(table.c.created, table.c.leg, table.c.client_order_id)
    if statuses:
        query = query.where(table.c.status.in_([str(status) for status in statuses]))
    return tuple(rows.order_of(row) for row in connection.execute(query).mappings())


def order(connection: Connection, key: str) -> OrderRow:
    """By client_order_id or the exchange's order_id. Raises NotFound."""
    table = schema.orders
    match = or_(table.c.client_order_id == key, table.c.order_id == key)
    row = connection.execute(select(table).where(match)).mappings().first() if key else None
    if row is None:
        raise NotFound(f"there is no order {key[:64]!r}")
    return rows.order_of(row)


def fills(connection: Connection, client_order_id: str | None = None) -> tuple[Fill, ...]:
    """Oldest first."""
    table = schema.fills
    query = select(table).order_by(table.c.created, table.c.fill_id)
    if client_order_id is not None:
        query = query.where(table.c.client_order_id == client_order_id)
    return tuple(rows.fill_of(row) for row in connection.execute(query).mappings())


def account(connection: Connection) -> Account:
    """Everything that happened, added up."""
    table = schema.opportunities
    events = connection.execute(select(table.c.market_ticker, table.c.event_ticker))
    event_of = {row.market_ticker: row.event_ticker for row in events}
    settled = everything(connection, schema.settlements, schema.settlements.c.settled)
    settlements = [rows.settlement_of(row) for row in settled]
    return portfolio.account(_effective_fills(connection), settlements, event_of)


def held_by(connection: Connection, opportunity_id: str) -> bool:
    """Whether the orders of an opportunity have bought more than they sold."""
    mine = [each for each in orders(connection, ()) if each.intent.opportunity_id == opportunity_id]
    signed = (each.filled if each.intent.action is OrderAction.BUY else -each.filled for each in mine)
    return sum(signed, ZERO) > ZERO


def everything(
    connection: Connection, table: Table, *order_by: ColumnElement[object]
) -> Sequence[RowMapping]:
    """Every row of a table, in the given order."""
    return connection.execute(select(table).order_by(*order_by)).mappings().all()


def _effective_fills(connection: Connection) -> list[Fill]:
    """The fills of each order, or the order's own total while the exchange has not shown all of them yet: a
    position must never be invisible because a read lagged behind a write."""
    found: list[Fill] = []
    for placed in orders(connection, ()):
        shown = fills(connection, placed.intent.client_order_id)
        complete = sum((each.count for each in shown), ZERO) >= placed.filled
        found += shown if complete else (_total(placed),)
    return found


def _total(placed: OrderRow) -> Fill:
    intent = placed.intent
    return Fill(
        fill_id=f"total:{intent.client_order_id}",
        order_id=placed.order_id,
        market_ticker=intent.market_ticker,
        action=intent.action,
        side=intent.side,
        count=placed.filled,
        price=intent.limit if placed.average_price is None else placed.average_price,
        fee=placed.fees,
        is_taker=True,
        created=placed.created,
    )


def _checks(connection: Connection, decision_id: str) -> list[Check]:
    table = schema.checks
    query = select(table).where(table.c.decision_id == decision_id).order_by(table.c.number)
    return [rows.check_of(row) for row in connection.execute(query).mappings()]


def _sources(connection: Connection, answer: int) -> list[Source]:
    table = schema.sources
    query = select(table).where(table.c.answer == answer).order_by(table.c.number)
    return [rows.source_of(row) for row in connection.execute(query).mappings()]
