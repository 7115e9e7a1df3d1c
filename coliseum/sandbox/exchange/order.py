"""The exchange's own papers: ticket (what was asked), order, fill, settlement."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from coliseum.sandbox.exchange.matching import BookSide, Incoming, Resting, SelfTrade

ZERO = Decimal(0)
USER = "user"
"""Owner of every order that comes in by the API: the world has one account."""


class TimeInForce(StrEnum):
    """What becomes of the part that does not fill at once."""

    GOOD_TILL_CANCELED = "good_till_canceled"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"


class OrderStatus(StrEnum):
    """Where an order stands; only a resting one can still change."""

    RESTING = "resting"
    CANCELED = "canceled"
    EXECUTED = "executed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A well-formed wish to trade; whether it can be granted is for the exchange to say."""

    ticker: str
    side: BookSide
    count: Decimal
    price: Decimal
    time_in_force: TimeInForce
    prevention: SelfTrade
    client_order_id: str = ""
    expires: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_on_pause: bool = False

    def incoming(self, count: Decimal) -> Incoming:
        return Incoming(self.side, self.price, count, USER, self.prevention)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An accepted ticket and what became of it. `filled + remaining` is below the ticket's count once the
    rest was cancelled."""

    id: str
    ticket: Ticket
    priority: tuple[int, int, int]
    status: OrderStatus
    remaining: Decimal
    created: datetime
    updated: datetime
    filled: Decimal = ZERO
    taker_cost: Decimal = ZERO
    maker_cost: Decimal = ZERO
    taker_fees: Decimal = ZERO
    maker_fees: Decimal = ZERO

    @property
    def is_resting(self) -> bool:
        return self.status is OrderStatus.RESTING

    def resting(self) -> Resting:
        return Resting(self.ticket.price, self.remaining, self.priority, USER, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Contracts that changed hands at a YES price; `number` counts them from 1."""

    number: int
    id: str
    order_id: str
    ticker: str
    side: BookSide
    count: Decimal
    price: Decimal
    is_taker: bool
    fee: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What one market paid when its result became known; `number` counts them from 1."""

    number: int
    ticker: str
    event_ticker: str
    result: str
    yes_count: Decimal
    yes_cost: Decimal
    no_count: Decimal
    no_cost: Decimal
    revenue: Decimal
    fees: Decimal
    at: datetime
