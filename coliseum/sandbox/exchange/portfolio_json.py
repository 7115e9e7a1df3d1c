"""Orders, fills, positions, settlements and balance in the exchange's JSON."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from coliseum.sandbox.exchange.amounts import cents, contracts, dollars
from coliseum.sandbox.exchange.exchange import Canceled
from coliseum.sandbox.exchange.holding import Holding
from coliseum.sandbox.exchange.market_json import moment
from coliseum.sandbox.exchange.matching import BookSide
from coliseum.sandbox.exchange.order import Fill, Order, Settlement

Json = Mapping[str, object]

_SIX = Decimal("0.000001")


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def accepted(order: Order) -> Json:
    """The answer to a new order."""
    return {
        "order_id": order.id,
        **_key(order),
        "fill_count": contracts(order.filled),
        "remaining_count": contracts(order.remaining),
        **_averages(order),
        "ts_ms": milliseconds(order.updated),
    }


def canceled(done: Canceled) -> Json:
    return {
        "order_id": done.order.id,
        **_key(done.order),
        "reduced_by": contracts(done.reduced_by),
        "ts_ms": milliseconds(done.order.updated),
    }


def order(order: Order, user_id: str) -> Json:
    """An order as reads show it."""
    ticket = order.ticket
    expires = {"expiration_time": moment(ticket.expires)} if ticket.expires else {}
    return {
        "order_id": order.id,
        "user_id": user_id,
        "client_order_id": ticket.client_order_id,
        "ticker": ticket.ticker,
        "type": "limit",
        "status": order.status.value,
        "initial_count_fp": contracts(ticket.count),
        "fill_count_fp": contracts(order.filled),
        "remaining_count_fp": contracts(order.remaining),
        "taker_fill_cost_dollars": dollars(order.taker_cost),
        "maker_fill_cost_dollars": dollars(order.maker_cost),
        "taker_fees_dollars": dollars(order.taker_fees),
        "maker_fees_dollars": dollars(order.maker_fees),
        "self_trade_prevention_type": ticket.prevention.value,
        "cancel_order_on_pause": ticket.cancel_on_pause,
        "created_time": moment(order.created),
        "last_update_time": moment(order.updated),
        "exchange_index": 0,
        **_direction(ticket.side, ticket.price),
        **expires,
    }


def fill(fill: Fill) -> Json:
    return {
        "fill_id": fill.id,
        "trade_id": fill.id,
        "order_id": fill.order_id,
        "ticker": fill.ticker,
        "market_ticker": fill.ticker,
        "exchange_index": 0,
        "count_fp": contracts(fill.count),
        "is_taker": fill.is_taker,
        "fee_cost": dollars(fill.fee),
        "created_time": moment(fill.at),
        "ts": int(fill.at.timestamp()),
        **_direction(fill.side, fill.price),
    }


def position(ticker: str, held: Holding) -> Json:
    return {
        "ticker": ticker,
        "exchange_index": 0,
        "position_fp": contracts(held.net),
        "market_exposure_dollars": dollars(held.cost),
        "total_traded_dollars": dollars(held.traded),
        "realized_pnl_dollars": dollars(held.realized),
        "fees_paid_dollars": dollars(held.fees),
        "last_updated_ts": moment(held.updated),
    }


def event_position(event_ticker: str, holdings: Iterable[Holding]) -> Json:
    """The sums over one event's markets."""
    held = tuple(holdings)
    return {
        "event_ticker": event_ticker,
        "total_cost_dollars": dollars(_sum(each.traded for each in held)),
        "total_cost_shares_fp": contracts(_sum(each.shares for each in held)),
        "event_exposure_dollars": dollars(_sum(each.cost for each in held)),
        "realized_pnl_dollars": dollars(_sum(each.realized for each in held)),
        "fees_paid_dollars": dollars(_sum(each.fees for each in held)),
    }


def settlement(settled: Settlement) -> Json:
    return {
        "ticker": settled.ticker,
        "exchange_index": 0,
        "event_ticker": settled.event_ticker,
        "market_result": settled.result,
        "yes_count_fp": contracts(settled.yes_count),
        "yes_total_cost_dollars": dollars(settled.yes_cost),
        "no_count_fp": contracts(settled.no_count),
        "no_total_cost_dollars": dollars(settled.no_cost),
        "revenue": cents(settled.revenue),
        "settled_time": moment(settled.at),
        "fee_cost": dollars(settled.fees),
        "value": 100 if settled.result == "yes" else 0,
    }


def _key(order: Order) -> Json:
    key = order.ticket.client_order_id
    return {"client_order_id": key} if key else {}


def _averages(order: Order) -> Json:
    """Per contract: the YES price, and the fee with its rounding."""
    if not order.filled:
        return {}
    each = ((order.taker_cost + order.maker_cost) / order.filled).quantize(_SIX)
    fee = ((order.taker_fees + order.maker_fees) / order.filled).quantize(_SIX)
    return {
        "average_fill_price": dollars(order.ticket.side.cost(each)),
        "average_fee_paid": dollars(fee),
    }


def _direction(side: BookSide, price: Decimal) -> Json:
    return {
        "outcome_side": side.outcome,
        "book_side": side.value,
        "yes_price_dollars": dollars(price),
        "no_price_dollars": dollars(1 - price),
    }


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
