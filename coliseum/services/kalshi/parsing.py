"""The exchange's objects as our own values."""

from collections.abc import Sequence
from datetime import datetime

from coliseum.domain.fees import TRADE_FEE_STEP
from coliseum.domain.market import ExchangeStatus, Level, Market, OrderBook, PriceRange, Side
from coliseum.domain.money import CENT, ONE, ZERO, Price
from coliseum.domain.order import (
    Balance,
    Fill,
    Intent,
    Order,
    OrderAction,
    OrderStatus,
    Position,
    Settlement,
)
from coliseum.domain.portfolio import series_of
from coliseum.domain.screen import COMBO_PREFIX
from coliseum.domain.ticks import WHOLE_CENTS
from coliseum.errors import ServiceError
from coliseum.services.http import Json
from coliseum.services.kalshi import fields
from coliseum.services.kalshi.fields import Body
from coliseum.services.kalshi.transport import objects

MAX_LEVELS = 10_000
MAX_RANGES = 100
ORDER_STATUS = {
    "resting": OrderStatus.RESTING,
    "executed": OrderStatus.EXECUTED,
    "canceled": OrderStatus.CANCELED,
}


def status(body: Body) -> ExchangeStatus:
    return ExchangeStatus(
        exchange_active=fields.flag(body, "exchange_active"),
        trading_active=fields.flag(body, "trading_active"),
    )


def is_combo(body: Body) -> bool:
    """Whether the market is made of several others; those do not trade like the rest."""
    ticker = body.get("ticker")
    return bool(body.get("mve_collection_ticker")) or str(ticker).startswith(COMBO_PREFIX)


def market(body: Body, quoted_at: datetime) -> Market:
    event = fields.name(body, "event_ticker")
    rules = (fields.text(body, "rules_primary"), fields.text(body, "rules_secondary"))
    return Market(
        ticker=fields.name(body, "ticker"),
        event_ticker=event,
        series_ticker=series_of(event),
        title=fields.text(body, "title", 1000),
        subtitle=fields.text(body, "subtitle", 1000) or fields.text(body, "yes_sub_title", 1000),
        rules="\n".join(part for part in rules if part),
        status=fields.text(body, "status", 40),
        yes_bid=fields.quoted(body, "yes_bid_dollars"),
        yes_ask=fields.quoted(body, "yes_ask_dollars"),
        yes_bid_size=fields.contracts(body, "yes_bid_size_fp"),
        yes_ask_size=fields.contracts(body, "yes_ask_size_fp"),
        last_price=fields.quoted(body, "last_price_dollars"),
        volume=fields.contracts(body, "volume_fp"),
        volume_24h=fields.contracts(body, "volume_24h_fp"),
        open_interest=fields.contracts(body, "open_interest_fp"),
        open_time=fields.moment(body, "open_time"),
        close_time=fields.moment(body, "close_time"),
        result=fields.text(body, "result", 40),
        settlement_value=_settlement_value(body),
        price_ranges=_ranges(body),
        quoted_at=quoted_at,
    )


def book(ticker: str, body: Body, quoted_at: datetime) -> OrderBook:
    """Sorted here, because the exchange's documents disagree on its order; an absent side is an empty one."""
    both = fields.child(body, "orderbook_fp")
    return OrderBook(
        ticker=ticker,
        yes=_levels(both.get("yes_dollars")),
        no=_levels(both.get("no_dollars")),
        quoted_at=quoted_at,
    )


def balance(body: Body) -> Balance:
    exact = body.get("balance_dollars") is not None
    cash = fields.amount(body, "balance_dollars") if exact else fields.dollars_of_cents(body, "balance")
    return Balance(cash=cash, portfolio_value=fields.dollars_of_cents(body, "portfolio_value"))


def created(body: Body, intent: Intent) -> Order:
    """The answer to a new immediate-or-cancel order; its average is a YES price like every price there."""
    filled = fields.contracts(body, "fill_count")
    fee = fields.amount_or_zero(body, "average_fee_paid")
    average = fields.quoted(body, "average_fill_price") if filled else None
    return Order(
        order_id=fields.name(body, "order_id"),
        client_order_id=intent.client_order_id,
        market_ticker=intent.market_ticker,
        status=OrderStatus.EXECUTED if filled >= intent.count else OrderStatus.CANCELED,
        filled=filled,
        remaining=fields.contracts(body, "remaining_count"),
        average_price=_of_side(average, intent.side),
        # The exchange rounds the average; what it charged is a multiple of its smallest step.
        fees=(fee * filled).quantize(TRADE_FEE_STEP) if filled else None,
    )


def order(body: Body) -> Order:
    """An order that was looked up, without its average price: that is known from its fills."""
    status_name = fields.text(body, "status", 40)
    if status_name not in ORDER_STATUS:
        raise fields.wrong("status", "the status of an order")
    filled = fields.contracts(body, "fill_count_fp")
    fees = fields.amount_or_zero(body, "taker_fees_dollars") + fields.amount_or_zero(
        body, "maker_fees_dollars"
    )
    return Order(
        order_id=fields.name(body, "order_id"),
        client_order_id=fields.text(body, "client_order_id", 200),
        market_ticker=fields.name(body, "ticker"),
        status=ORDER_STATUS[status_name],
        filled=filled,
        remaining=fields.contracts(body, "remaining_count_fp"),
        average_price=None,
        fees=fees if filled else None,
    )


def direction(body: Body) -> tuple[OrderAction, Side]:
    """What was bought or sold. The exchange only keeps bids and asks of YES; when it also names the older
    action and side and they agree with that, they tell a sale from the purchase of the other side."""
    outcome = fields.text(body, "outcome_side", 10)
    if outcome not in ("yes", "no"):
        raise fields.wrong("outcome_side", "yes or no")
    action, side = body.get("action"), body.get("side")
    if action == "sell" and side in ("yes", "no") and side != outcome:
        return OrderAction.SELL, Side(side)
    return OrderAction.BUY, Side(outcome)


def fill(body: Body) -> Fill:
    action, side = direction(body)
    yes_price = fields.price(body, "yes_price_dollars")
    return Fill(
        fill_id=fields.name(body, "fill_id"),
        order_id=fields.name(body, "order_id"),
        market_ticker=fields.name(body, "ticker"),
        action=action,
        side=side,
        count=fields.contracts(body, "count_fp"),
        price=yes_price if side is Side.YES else ONE - yes_price,
        fee=fields.amount_or_zero(body, "fee_cost"),
        is_taker=fields.flag(body, "is_taker"),
        created=fields.moment(body, "created_time"),
    )


def position(body: Body, events: Sequence[str]) -> Position:
    ticker = fields.name(body, "ticker")
    signed = fields.amount(body, "position_fp")
    return Position(
        market_ticker=ticker,
        event_ticker=_event_of(ticker, events),
        side=Side.YES if signed > ZERO else Side.NO,
        count=abs(signed),
        cost=fields.amount_or_zero(body, "market_exposure_dollars"),
        fees=fields.amount_or_zero(body, "fees_paid_dollars"),
        realized_pnl=fields.amount_or_zero(body, "realized_pnl_dollars"),
    )


def settlement(body: Body) -> Settlement:
    return Settlement(
        market_ticker=fields.name(body, "ticker"),
        event_ticker=fields.name(body, "event_ticker"),
        result=fields.text(body, "market_result", 40),
        revenue=fields.dollars_of_cents(body, "revenue"),
        fees=fields.amount_or_zero(body, "fee_cost"),
        settled=fields.moment(body, "settled_time"),
    )


def average(fills: Sequence[Fill]) -> Price | None:
    """The depth-weighted price of fills of one side; None for none."""
    count = sum((each.count for each in fills), ZERO)
    return sum((each.count * each.price for each in fills), ZERO) / count if count else None


def _of_side(yes_price: Price | None, side: Side) -> Price | None:
    return yes_price if yes_price is None or side is Side.YES else ONE - yes_price


def _settlement_value(body: Body) -> Price | None:
    key = "settlement_value_dollars"
    return fields.price(body, key) if body.get(key) not in (None, "") else None


def _ranges(body: Body) -> tuple[PriceRange, ...]:
    listed = objects(body, "price_ranges")
    if len(listed) > MAX_RANGES:
        raise fields.wrong("price_ranges", "a list of reasonable length")
    return tuple(_range(each) for each in listed) or WHOLE_CENTS


def _range(body: Body) -> PriceRange:
    step = fields.price(body, "step")
    if step < CENT / 100:
        raise fields.wrong("step", "a step between prices")
    return PriceRange(fields.price(body, "start"), fields.price(body, "end"), step)


def _levels(side: Json) -> tuple[Level, ...]:
    listed = [] if side is None else side
    if not isinstance(listed, list) or len(listed) > MAX_LEVELS:
        raise ServiceError("the exchange sent an order book that is not one")
    levels = (_level(pair) for pair in listed)
    return tuple(sorted((each for each in levels if each.count > ZERO), key=lambda each: -each.price))


def _level(pair: Json) -> Level:
    if not isinstance(pair, list) or len(pair) != 2:
        raise ServiceError("the exchange sent an order book level that is not price and count")
    named = dict(zip(("price", "count"), pair, strict=True))
    return Level(fields.price(named, "price"), fields.contracts(named, "count"))


def _event_of(ticker: str, events: Sequence[str]) -> str:
    known = [event for event in events if ticker == event or ticker.startswith(f"{event}-")]
    return max(known, key=len) if known else ticker.rpartition("-")[0] or ticker
