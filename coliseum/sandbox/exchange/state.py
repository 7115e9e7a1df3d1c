"""Everything of the exchange that changes: the account, its orders and fills, settlements, depth taken."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from coliseum.sandbox.exchange.account import Account, Exchanged
from coliseum.sandbox.exchange.fees import Charge
from coliseum.sandbox.exchange.matching import BookSide, Trade
from coliseum.sandbox.exchange.order import Fill, Order, OrderStatus, Settlement, Ticket
from coliseum.sandbox.exchange.seeded import identifier

ZERO = Decimal(0)


class State:
    """Belongs to one thread. Ids are numbered from the seed: the same requests in the same order give the
    same ids."""

    def __init__(self, seed: int, cash: Decimal) -> None:
        self.seed = seed
        self.account = Account(cash)
        self.orders: dict[str, Order] = {}
        self.fills: list[Fill] = []
        self.settlements: list[Settlement] = []
        self.client_order_ids: set[str] = set()
        self.last_prices: dict[str, Decimal] = {}
        self.volumes: dict[str, Decimal] = {}
        self._taken: dict[tuple[str, date, BookSide, Decimal], Decimal] = {}
        self._resting: dict[str, Order] = {}

    def resting(self, ticker: str | None = None) -> list[Order]:
        """Resting orders, of one market or of all, the earliest first."""
        return [each for each in self._resting.values() if ticker in (None, each.ticket.ticker)]

    @property
    def available(self) -> Decimal:
        """Cash that can still be spent."""
        return self.account.available(self.resting())

    def taken(self, ticker: str, day: date, side: BookSide, price: Decimal) -> Decimal:
        """How much of the crowd's depth the user has traded away on that market day."""
        return self._taken.get((ticker, day, side, price), ZERO)

    def priority(self, at: datetime) -> tuple[int, int, int]:
        """The place in time of an order accepted now: behind the depth with which the day began."""
        return (at.date().toordinal(), 1, len(self.orders))

    def accept(self, ticket: Ticket, count: Decimal, at: datetime) -> Order:
        """A new order of which nothing is filled yet."""
        order = Order(
            id=identifier(self.seed, "order", len(self.orders)),
            ticket=ticket,
            priority=self.priority(at),
            status=OrderStatus.RESTING,
            remaining=count,
            created=at,
            updated=at,
        )
        self.client_order_ids |= {ticket.client_order_id} - {""}
        return self.keep(order)

    def keep(self, order: Order) -> Order:
        """Store the order as it now stands."""
        self.orders[order.id] = order
        if order.is_resting:
            self._resting[order.id] = order
        else:
            self._resting.pop(order.id, None)
        return order

    def trade(self, order: Order, crowd: Trade, at: datetime, *, is_taker: bool) -> Order:
        """The order trades with the crowd's depth: as taker at the crowd's price, as maker at its own. What
        is traded is missing from that depth for the rest of the market day."""
        ticker, side = order.ticket.ticker, order.ticket.side
        price = crowd.resting.price if is_taker else order.ticket.price
        exchanged = Exchanged(ticker, side, crowd.count, price, is_taker, at)
        self.account, charged = self.account.after(exchanged)
        self._note(order, exchanged, charged)
        key = (ticker, at.date(), side.other, crowd.resting.price)
        self._taken[key] = self._taken.get(key, ZERO) + crowd.count
        return self.keep(_filled(order, exchanged, charged))

    def cancel(self, order: Order, at: datetime) -> Order:
        return self.keep(replace(order, status=OrderStatus.CANCELED, remaining=ZERO, updated=at))

    def _note(self, order: Order, traded: Exchanged, charged: Charge) -> None:
        number = len(self.fills) + 1
        self.last_prices[traded.ticker] = traded.price
        self.volumes[traded.ticker] = self.volumes.get(traded.ticker, ZERO) + traded.count
        self.fills.append(
            Fill(
                number=number,
                id=identifier(self.seed, "fill", number),
                order_id=order.id,
                ticker=traded.ticker,
                side=traded.side,
                count=traded.count,
                price=traded.price,
                is_taker=traded.is_taker,
                fee=charged.fee,
                at=traded.at,
            )
        )


def _filled(order: Order, traded: Exchanged, charged: Charge) -> Order:
    remaining = order.remaining - traded.count
    cost = traded.count * traded.side.cost(traded.price)
    after = replace(
        order,
        filled=order.filled + traded.count,
        remaining=remaining,
        status=OrderStatus.RESTING if remaining else OrderStatus.EXECUTED,
        updated=traded.at,
    )
    if traded.is_taker:
        return replace(after, taker_cost=order.taker_cost + cost, taker_fees=order.taker_fees + charged.fee)
    return replace(after, maker_cost=order.maker_cost + cost, maker_fees=order.maker_fees + charged.fee)
