"""Markets, events, series and order books in the exchange's JSON."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from coliseum.sandbox.exchange import titles
from coliseum.sandbox.exchange.amounts import contracts, dollars
from coliseum.sandbox.exchange.book import Level, levels
from coliseum.sandbox.exchange.life import Status
from coliseum.sandbox.exchange.listing import Listed
from coliseum.sandbox.exchange.matching import BookSide
from coliseum.sandbox.exchange.order import Fill
from coliseum.sandbox.exchange.quotes import HIGHEST, LOWEST, TICK, Quote
from coliseum.sandbox.exchange.state import State

Json = Mapping[str, object]

ZERO = Decimal(0)
ONE = Decimal(1)
_EMPTY = Level(ZERO, ZERO)
BOOK_GENERATED = ("depth", "price_path")
_ALWAYS_GENERATED = ("title", "rules_primary", *BOOK_GENERATED)


def moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def market(listed: Listed, state: State, now: datetime) -> Json:
    """One market as of `now`; `sandbox_generated` names what was not recorded."""
    record = listed.record
    return {
        "ticker": listed.ticker,
        "event_ticker": record.event_ticker,
        "market_type": "binary",
        "title": titles.market_title(record),
        "yes_sub_title": record.phrase,
        "no_sub_title": f"Not: {record.phrase}",
        "rules_primary": titles.rules(record),
        "rules_secondary": "",
        "can_close_early": True,
        "settlement_timer_seconds": 0,
        "settlement_bounds_type": "default",
        "notional_value_dollars": dollars(ONE),
        "price_level_structure": "linear_cent",
        "price_ranges": [{"start": dollars(LOWEST), "end": dollars(HIGHEST), "step": dollars(TICK)}],
        "exchange_index": 0,
        "sandbox_generated": _generated(listed),
        **_times(listed, now),
        **_prices(listed, state, now),
        **_volumes(listed, state),
        **_outcome(listed, now),
    }


def closes(listed: Listed) -> datetime:
    """When trading ends, or was recorded to end for a market that stays open."""
    return listed.life.closes or listed.record.close_time


def updated(listed: Listed, now: datetime) -> datetime:
    """The last change that was not a trade: opening, closing or result."""
    life = listed.life
    reached = (at for at in (life.due, life.closes) if at is not None and at <= now)
    return max(reached, default=life.opens)


def event(members: Sequence[Listed]) -> Json:
    """The event to which these markets belong."""
    record = members[0].record
    return {
        "event_ticker": record.event_ticker,
        "series_ticker": record.series_ticker,
        "title": titles.event_title(record),
        "sub_title": record.matchup,
        "collateral_return_type": "",
        "mutually_exclusive": False,
        "category": titles.category(record.series_ticker),
        "settlement_sources": [],
        "exchange_index": 0,
        "sandbox_generated": ["title"],
    }


def series(ticker: str) -> Json:
    return {
        "ticker": ticker,
        "frequency": "custom",
        "title": titles.series_title(ticker),
        "category": titles.category(ticker),
        "categories": [titles.category(ticker)],
        "tags": [],
        "settlement_sources": [],
        "contract_url": "",
        "contract_terms_url": "",
        "fee_type": "quadratic",
        "fee_multiplier": 1,
        "additional_prohibitions": [],
        "exchange_index": 0,
        "sandbox_generated": ["title"],
    }


def orderbook(listed: Listed, state: State, now: datetime, depth: int) -> Json:
    """Bids of both sides, worst price first; the best `depth` of each, all of them for 0."""
    yes = levels(listed, state, BookSide.BID, now)
    no = [Level(1 - each.price, each.count) for each in levels(listed, state, BookSide.ASK, now)]
    return {"yes_dollars": _pairs(yes, depth), "no_dollars": _pairs(no, depth)}


def trade(fill: Fill) -> Json:
    """A trade as everybody sees it."""
    taker = fill.side if fill.is_taker else fill.side.other
    return {
        "trade_id": fill.id,
        "ticker": fill.ticker,
        "count_fp": contracts(fill.count),
        "yes_price_dollars": dollars(fill.price),
        "no_price_dollars": dollars(1 - fill.price),
        "taker_outcome_side": taker.outcome,
        "taker_book_side": taker.value,
        "created_time": moment(fill.at),
        "is_block_trade": False,
    }


def _pairs(best_first: Sequence[Level], depth: int) -> list[list[str]]:
    kept = best_first[:depth] if depth else best_first
    return [[dollars(each.price), contracts(each.count)] for each in reversed(kept)]


def _times(listed: Listed, now: datetime) -> Json:
    record, life = listed.record, listed.life
    return {
        "created_time": moment(record.open_time or life.opens),
        "open_time": moment(record.open_time or life.opens),
        "updated_time": moment(updated(listed, now)),
        "close_time": moment(closes(listed)),
        "expected_expiration_time": moment(record.due),
        "latest_expiration_time": moment(max(record.close_time, record.due)),
    }


def _prices(listed: Listed, state: State, now: datetime) -> Json:
    bid = next(iter(levels(listed, state, BookSide.BID, now)), _EMPTY)
    ask = next(iter(levels(listed, state, BookSide.ASK, now)), Level(ONE, ZERO))
    before = _yesterday(listed, listed.life.trading_day(now))
    return {
        "yes_bid_dollars": dollars(bid.price),
        "yes_bid_size_fp": contracts(bid.count),
        "yes_ask_dollars": dollars(ask.price),
        "yes_ask_size_fp": contracts(ask.count),
        "no_bid_dollars": dollars(1 - ask.price),
        "no_ask_dollars": dollars(1 - bid.price),
        "last_price_dollars": dollars(state.last_prices.get(listed.ticker, listed.record.last or ZERO)),
        "previous_yes_bid_dollars": dollars(before.bid or ZERO),
        "previous_yes_ask_dollars": dollars(before.ask or ONE),
        "previous_price_dollars": dollars(listed.record.last or ZERO),
    }


def _yesterday(listed: Listed, day: date) -> Quote:
    if day <= listed.life.opens.date():
        return Quote(None, None)
    return listed.quote(day - timedelta(days=1))


def _volumes(listed: Listed, state: State) -> Json:
    record = listed.record
    traded = state.volumes.get(listed.ticker, ZERO)
    return {
        "volume_fp": contracts(record.volume + traded),
        "volume_24h_fp": contracts(_or(record.volume_24h, record.volume) + traded),
        "open_interest_fp": contracts(_or(record.open_interest, record.volume)),
    }


def _outcome(listed: Listed, now: datetime) -> Json:
    result = listed.result(now)
    status = {"status": listed.life.status(now).value, "result": result, "expiration_value": result}
    if listed.life.status(now) is not Status.FINALIZED:
        return status
    paid = dollars(ONE if result == "yes" else ZERO)
    return {**status, "settlement_value_dollars": paid, "settlement_ts": moment(listed.record.due)}


def _generated(listed: Listed) -> list[str]:
    record = listed.record
    unrecorded = {
        "open_time": record.open_time is None,
        "close_time": closes(listed) != record.close_time,
        "quote_day": not record.as_of,
        "yes_bid_size": record.yes_bid_size is None,
        "yes_ask_size": record.yes_ask_size is None,
        "volume_24h": record.volume_24h is None,
        "open_interest": record.open_interest is None,
    }
    return [*_ALWAYS_GENERATED, *(name for name, missing in unrecorded.items() if missing)]


def _or(recorded: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if recorded is None else recorded
