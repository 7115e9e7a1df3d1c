"""The exchange as its pages see it: one listing, one state, kept up with the market clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from coliseum.sandbox.clock import MarketClock
from coliseum.sandbox.exchange import passage, placing
from coliseum.sandbox.exchange.listing import Listing
from coliseum.sandbox.exchange.order import Order, Ticket
from coliseum.sandbox.exchange.refusal import Refusal, already_exists, not_found, trading_is_paused
from coliseum.sandbox.exchange.state import State
from coliseum.sandbox.records import MarketRecord


@dataclass(frozen=True, slots=True)
class Canceled:
    """A cancelled order, and how many contracts were still waiting."""

    order: Order
    reduced_by: Decimal


class Exchange:
    """Belongs to one thread (the server's loop). Every verb first catches up with the market clock."""

    def __init__(
        self, *, seed: int, clock: MarketClock, records: Sequence[MarketRecord], cash: Decimal
    ) -> None:
        self.seed = seed
        self.listing = Listing(seed, records)
        self.state = State(seed, cash)
        self._clock = clock

    def advance(self) -> datetime:
        """Expire, close and settle whatever is due; returns market time."""
        now = self._clock.now()
        passage.advance(self.listing, self.state, now)
        return now

    def place(self, ticket: Ticket, *, paused: bool = False) -> Order | Refusal:
        """A used client_order_id is refused before anything else, so that a late retry learns that the first
        attempt was accepted."""
        now = self.advance()
        if ticket.client_order_id in self.state.client_order_ids:
            return already_exists()
        listed = self.listing.find(ticket.ticker, now)
        if listed is None:
            return not_found("market")
        return trading_is_paused() if paused else placing.place(ticket, listed, self.state, now)

    def cancel(self, order_id: str) -> Canceled | Refusal:
        """Only a resting order can be cancelled; any other is not found."""
        now = self.advance()
        order = self.state.orders.get(order_id)
        if order is None or not order.is_resting:
            return not_found("order")
        return Canceled(self.state.cancel(order, now), order.remaining)

    def cancel_all(self) -> None:
        now = self.advance()
        for order in self.state.resting():
            self.state.cancel(order, now)
