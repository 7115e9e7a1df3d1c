"""Orders from intent to fill, and what they leave behind: positions, settlements, balance."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from coliseum.domain.market import Side
from coliseum.domain.money import Contracts, Dollars, Price

ORDER_NAMESPACE = UUID("6d3f0c1e-5b0e-5c53-9d8a-2f1f6f5f8a10")


def client_order_id(venue: str, mode: str, opportunity_id: str, leg: str) -> str:
    """The key under which the exchange refuses a second copy: a retry, a crash or a second worker computes
    the same one. `leg` is "entry", or "exit" with a number."""
    return str(uuid5(ORDER_NAMESPACE, f"{venue}:{mode}:{opportunity_id}:{leg}"))


class OrderAction(StrEnum):
    """Whether an order opens or closes exposure."""

    BUY = "buy"
    SELL = "sell"


class OrderStatus(StrEnum):
    """Life of an order row in the ledger. UNKNOWN must be reconciled before anything else happens to it."""

    INTENT = "intent"
    UNKNOWN = "unknown"
    RESTING = "resting"
    EXECUTED = "executed"
    CANCELED = "canceled"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An order about to be sent: immediate-or-cancel at `limit`, a price of `side`."""

    client_order_id: str
    opportunity_id: str
    leg: str
    market_ticker: str
    action: OrderAction
    side: Side
    count: Contracts
    limit: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the exchange knows it; `average_price` and `fees` are None until something filled."""

    order_id: str
    client_order_id: str
    market_ticker: str
    status: OrderStatus
    filled: Contracts
    remaining: Contracts
    average_price: Price | None
    """In prices of the side that was ordered."""
    fees: Dollars | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The exchange said no, and saying it again would not help."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The order may or may not exist: the connection broke, timed out, or the exchange failed inside."""

    reason: str


Placed = Order | Refused | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Contracts that changed hands, in prices of `side`."""

    fill_id: str
    order_id: str
    market_ticker: str
    action: OrderAction
    side: Side
    count: Contracts
    price: Price
    fee: Dollars
    is_taker: bool
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Contracts held of one side of one market; `cost` is what they cost without fees."""

    market_ticker: str
    event_ticker: str
    side: Side
    count: Contracts
    cost: Dollars
    fees: Dollars
    realized_pnl: Dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What the exchange paid when a market ended."""

    market_ticker: str
    event_ticker: str
    result: str
    revenue: Dollars
    fees: Dollars
    settled: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Cash that can be spent, and what the positions are worth to the exchange."""

    cash: Dollars
    portfolio_value: Dollars
