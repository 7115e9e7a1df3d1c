"""The paper account's own records; cash and positions are never stored, only added up from them."""

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal

from sqlalchemy import Boolean, Column, Connection, Integer, MetaData, String, Table, func, insert, select

from coliseum.domain import portfolio
from coliseum.domain.market import Side
from coliseum.domain.money import Dollars
from coliseum.domain.order import Fill, Order, OrderAction, OrderStatus, Settlement
from coliseum.domain.portfolio import Account
from coliseum.services.ledger.columns import Exact, Moment
from coliseum.services.ledger.database import add_new

metadata = MetaData()


def _name(column: str) -> Column[str]:
    return Column(column, String(200), nullable=False)


facts = Table("paper_facts", metadata, Column("name", String(40), primary_key=True), _name("value"))

orders = Table(
    "paper_orders",
    metadata,
    Column("client_order_id", String(64), primary_key=True),
    _name("order_id"),
    _name("market_ticker"),
    _name("event_ticker"),
    _name("status"),
    Column("filled", Exact, nullable=False),
    Column("remaining", Exact, nullable=False),
    Column("average_price", Exact),
    Column("fees", Exact),
)

fills = Table(
    "paper_fills",
    metadata,
    Column("number", Integer, primary_key=True),
    _name("fill_id"),
    _name("order_id"),
    _name("market_ticker"),
    _name("action"),
    _name("side"),
    Column("count", Exact, nullable=False),
    Column("price", Exact, nullable=False),
    Column("fee", Exact, nullable=False),
    Column("is_taker", Boolean, nullable=False),
    Column("created", Moment, nullable=False),
)

settlements = Table(
    "paper_settlements",
    metadata,
    Column("market_ticker", String(200), primary_key=True),
    _name("event_ticker"),
    _name("result"),
    Column("revenue", Exact, nullable=False),
    Column("fees", Exact, nullable=False),
    Column("settled", Moment, nullable=False),
)


def start(connection: Connection, cash: Dollars) -> None:
    """Make the tables, and note the starting cash if this is the beginning."""
    metadata.create_all(connection)
    add_new(connection, facts, {"name": "start_cash", "value": str(cash)})


def start_cash(connection: Connection) -> Dollars:
    return Decimal(str(connection.execute(select(facts.c.value)).scalar_one()))


def add_order(connection: Connection, order: Order, event_ticker: str, filled: Sequence[Fill]) -> None:
    """Keep a new order with its fills."""
    row = {**asdict(order), "status": str(order.status), "event_ticker": event_ticker}
    connection.execute(insert(orders).values(row))
    for fill in filled:
        words = {"action": str(fill.action), "side": str(fill.side)}
        connection.execute(insert(fills).values({**asdict(fill), **words}))


def order(connection: Connection, key: str) -> Order | None:
    """By client_order_id or order_id."""
    match = (orders.c.client_order_id == key) | (orders.c.order_id == key)
    row = connection.execute(select(orders).where(match)).mappings().first()
    if row is None:
        return None
    values = {name: value for name, value in row.items() if name != "event_ticker"}
    return Order(**{**values, "status": OrderStatus(row["status"])})


def fills_of(connection: Connection, order_id: str | None = None) -> tuple[Fill, ...]:
    """In the order in which they happened."""
    query = select(fills).order_by(fills.c.number)
    if order_id is not None:
        query = query.where(fills.c.order_id == order_id)
    found = []
    for row in connection.execute(query).mappings():
        values = {name: value for name, value in row.items() if name != "number"}
        found.append(Fill(**{**values, "action": OrderAction(row["action"]), "side": Side(row["side"])}))
    return tuple(found)


def settled(connection: Connection) -> tuple[Settlement, ...]:
    query = select(settlements).order_by(settlements.c.settled, settlements.c.market_ticker)
    return tuple(Settlement(**row) for row in connection.execute(query).mappings())


def add_settlement(connection: Connection, settlement: Settlement) -> bool:
    """False when the market is settled already."""
    return add_new(connection, settlements, asdict(settlement))


def account(connection: Connection) -> Account:
    """Everything that happened, added up."""
    events = connection.execute(
        select(orders.c.market_ticker, func.max(orders.c.event_ticker)).group_by(orders.c.market_ticker)
    )
    event_of: dict[str, str] = {row[0]: row[1] for row in events}
    return portfolio.account(fills_of(connection), settled(connection), event_of)
