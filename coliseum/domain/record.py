"""What the ledger keeps besides the values of trading: where in which trace, what it cost, how it stood."""

from dataclasses import dataclass
from datetime import datetime

from coliseum.domain.money import Contracts, Dollars, Price
from coliseum.domain.order import Intent, OrderStatus


@dataclass(frozen=True, slots=True)
class SpanRef:
    """The span under which something happened, in lower-case hex; both empty when telemetry is off."""

    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order as the ledger knows it: the intent, what became of it, and its span."""

    intent: Intent
    status: OrderStatus
    order_id: str
    filled: Contracts
    average_price: Price | None
    fees: Dollars
    reason: str
    """Why an exit was sent, or why the exchange refused."""
    created: datetime
    span: SpanRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What one agent run or one search cost. `dollars` is None when no price is known: never 0."""

    job: str
    opportunity_id: str
    """Empty when the cost belongs to a job and to no opportunity."""
    kind: str
    """ "model" or "search"."""
    name: str
    """The agent, or the search service."""
    model: str
    input_tokens: int
    output_tokens: int
    requests: int
    dollars: Dollars | None
    at: datetime
    span: SpanRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How the account stood at one moment."""

    at: datetime
    cash: Dollars
    positions_value: Dollars
    open_positions: int
    realized_pnl: Dollars
