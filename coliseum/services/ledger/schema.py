"""The tables of the ledger as they are now; migrations say how they came to be."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

from coliseum.services.ledger.columns import Exact, Moment, Prose

VERSION_TABLE = "coliseum_version"
NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}
metadata = MetaData(naming_convention=NAMES)


def _name(column: str, length: int = 200) -> Column[str]:
    return Column(column, String(length), nullable=False)


def _prose(column: str) -> Column[str]:
    return Column(column, Prose, nullable=False)


def _exact(column: str, *, nullable: bool = False) -> Column[object]:
    return Column(column, Exact, nullable=nullable)


def _moment(column: str) -> Column[object]:
    return Column(column, Moment, nullable=False)


def _number() -> Column[int]:
    return Column("number", Integer, primary_key=True, autoincrement=True)


def _opportunity() -> Column[str]:
    return Column("opportunity_id", String(64), ForeignKey("opportunities.id"), nullable=False, index=True)


def _span() -> tuple[Column[str], Column[str]]:
    return _name("trace_id", 32), _name("span_id", 16)


facts = Table(
    "ledger_facts",
    metadata,
    Column("name", String(40), primary_key=True),
    _name("value"),
)

opportunities = Table(
    "opportunities",
    metadata,
    Column("id", String(64), primary_key=True),
    _name("scan"),
    _name("market_ticker"),
    _name("event_ticker"),
    _name("series_ticker"),
    _prose("title"),
    _prose("subtitle"),
    _prose("rules"),
    _exact("yes_bid"),
    _exact("yes_ask"),
    _moment("close_time"),
    _prose("rationale"),
    _name("priority"),
    _moment("found_at"),
    _name("stage", 20),
    _name("traceparent"),
    Column("place", Integer, nullable=False),
    *_span(),
    Index("ix_opportunities_market_ticker", "market_ticker"),
    Index("ix_opportunities_stage", "stage"),
)

research = Table(
    "research",
    metadata,
    _number(),
    _opportunity(),
    _prose("summary"),
    _name("model"),
    _name("prompt"),
    *_span(),
)

answers = Table(
    "answers",
    metadata,
    _number(),
    Column("research", Integer, ForeignKey("research.number"), nullable=False, index=True),
    _prose("question"),
    _prose("text"),
    _exact("cost", nullable=True),
    _name("request_id"),
    *_span(),
)

sources = Table(
    "sources",
    metadata,
    _number(),
    Column("answer", Integer, ForeignKey("answers.number"), nullable=False, index=True),
    _prose("url"),
    _prose("title"),
    Column("published", Moment),
    _prose("text"),
    *_span(),
)


def _belief() -> tuple[Column[object] | Column[str], ...]:
    return (
        _exact("probability"),
        _exact("low"),
        _exact("high"),
        _prose("reasons"),
        _name("model"),
        _name("prompt"),
    )


beliefs = Table("beliefs", metadata, _number(), _opportunity(), *_belief(), *_span())

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(64), primary_key=True),
    _opportunity(),
    _name("market_ticker"),
    _name("action", 20),
    *_belief(),
    Column("quote_side", String(3)),
    _exact("quote_price", nullable=True),
    _exact("quote_fee", nullable=True),
    _exact("quote_cost", nullable=True),
    _exact("quote_net_edge", nullable=True),
    _exact("quote_ev", nullable=True),
    _exact("quote_kelly", nullable=True),
    _exact("count"),
    _name("binding"),
    _exact("market_mid", nullable=True),
    _moment("decided_at"),
    *_span(),
)

checks = Table(
    "checks",
    metadata,
    _number(),
    Column("decision_id", String(64), ForeignKey("decisions.id"), nullable=False, index=True),
    _name("rule"),
    Column("passed", Boolean, nullable=False),
    _prose("detail"),
    *_span(),
)

orders = Table(
    "orders",
    metadata,
    Column("client_order_id", String(64), primary_key=True),
    _opportunity(),
    _name("leg"),
    _name("market_ticker"),
    _name("action", 4),
    _name("side", 3),
    _exact("count"),
    _exact("limit_price"),
    _name("status", 20),
    _name("order_id"),
    _exact("filled"),
    _exact("average_price", nullable=True),
    _exact("fees"),
    _prose("reason"),
    _moment("created"),
    *_span(),
    Index("ix_orders_order_id", "order_id"),
    Index("ix_orders_status", "status"),
)

fills = Table(
    "fills",
    metadata,
    Column("fill_id", String(200), primary_key=True),
    Column("client_order_id", String(64), ForeignKey("orders.client_order_id"), nullable=False, index=True),
    _name("order_id"),
    _name("market_ticker"),
    _name("action", 4),
    _name("side", 3),
    _exact("count"),
    _exact("price"),
    _exact("fee"),
    Column("is_taker", Boolean, nullable=False),
    _moment("created"),
    *_span(),
)

settlements = Table(
    "settlements",
    metadata,
    Column("market_ticker", String(200), primary_key=True),
    _name("event_ticker"),
    _name("result", 40),
    _exact("revenue"),
    _exact("fees"),
    _moment("settled"),
    *_span(),
)

costs = Table(
    "costs",
    metadata,
    _number(),
    _name("job"),
    _name("opportunity_id", 64),
    _name("kind", 20),
    _name("name"),
    _name("model"),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("requests", Integer, nullable=False),
    _exact("dollars", nullable=True),
    _moment("at"),
    *_span(),
)

snapshots = Table(
    "snapshots",
    metadata,
    _number(),
    _moment("at"),
    _exact("cash"),
    _exact("positions_value"),
    Column("open_positions", Integer, nullable=False),
    _exact("realized_pnl"),
    *_span(),
)
