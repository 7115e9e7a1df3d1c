"""The signed reads: balance, positions, orders, fills, settlements."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coliseum.sandbox.exchange import portfolio_json
from coliseum.sandbox.exchange.amounts import cents, dollars
from coliseum.sandbox.exchange.exchange import Exchange
from coliseum.sandbox.exchange.fill_filters import fills_between
from coliseum.sandbox.exchange.holding import Holding
from coliseum.sandbox.exchange.listing import Listed
from coliseum.sandbox.exchange.order import Order, OrderStatus, Settlement
from coliseum.sandbox.exchange.paging import newest_first, page
from coliseum.sandbox.exchange.query import Query
from coliseum.sandbox.exchange.refusal import Refused, not_found
from coliseum.sandbox.exchange.seeded import identifier

ZERO = Decimal(0)
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class PortfolioPages:
    """Handlers for reads of the one account."""

    exchange: Exchange

    async def balance(self, request: Request) -> Response:
        """`balance` is what can be spent: cash less the collateral of resting orders."""
        Query(request.query_params).only_account()
        now = self.exchange.advance()
        available = self.exchange.state.available
        return JSONResponse(
            {
                "balance": cents(available),
                "balance_dollars": dollars(available),
                "portfolio_value": cents(self._portfolio_value(now)),
                "updated_ts": int(now.timestamp()),
                "balance_breakdown": [{"exchange_index": 0, "balance": dollars(available)}],
            }
        )

    async def positions(self, request: Request) -> Response:
        query, now = Query(request.query_params), self.exchange.advance()
        query.only_account()
        held = self._holdings(query, now)
        shown = page(query, list(held), lambda listed: listed.place)
        return JSONResponse(
            {
                "market_positions": [
                    portfolio_json.position(each.ticker, held[each]) for each in shown.items
                ],
                "event_positions": _event_positions({each: held[each] for each in shown.items}),
                "cursor": shown.cursor,
            }
        )

    async def fills(self, request: Request) -> Response:
        query = Query(request.query_params)
        query.only_account()
        self.exchange.advance()
        order_id = query.text("order_id")
        found = fills_between(query, self.exchange.state.fills, query.names("ticker"))
        kept = [each for each in found if order_id in ("", each.order_id)]
        shown = page(query, kept, lambda fill: newest_first(fill.number))
        return JSONResponse(
            {"fills": [portfolio_json.fill(each) for each in shown.items], "cursor": shown.cursor}
        )

    async def orders(self, request: Request) -> Response:
        query, now = Query(request.query_params), self.exchange.advance()
        query.only_account()
        shown = page(query, self._orders(query, now), lambda order: newest_first(order.priority[2]))
        return JSONResponse({"orders": [self._order(each) for each in shown.items], "cursor": shown.cursor})

    async def order(self, request: Request) -> Response:
        self.exchange.advance()
        found = self.exchange.state.orders.get(request.path_params["order_id"])
        if found is None:
            raise Refused(not_found("order"))
        return JSONResponse({"order": self._order(found)})

    async def settlements(self, request: Request) -> Response:
        query, _ = Query(request.query_params), self.exchange.advance()
        query.only_account()
        shown = page(query, self._settlements(query), lambda settled: newest_first(settled.number))
        return JSONResponse(
            {
                "settlements": [portfolio_json.settlement(each) for each in shown.items],
                "cursor": shown.cursor,
            }
        )

    async def resting_value(self, request: Request) -> Response:
        self.exchange.advance()
        resting = self.exchange.state.resting()
        value = sum((each.remaining * each.ticket.side.cost(each.ticket.price) for each in resting), ZERO)
        return JSONResponse(
            {
                "total_resting_order_value": cents(value),
                "resting_order_value_breakdown": [{"exchange_index": 0, "balance": dollars(value)}],
            }
        )

    def _portfolio_value(self, now: datetime) -> Decimal:
        held = self.exchange.state.account.holdings
        return sum((_value(each, held[each.ticker], now) for each in self._held(now)), ZERO)

    def _held(self, now: datetime) -> list[Listed]:
        held = self.exchange.state.account.holdings
        return [each for each in self.exchange.listing.visible(now) if each.ticker in held]

    def _holdings(self, query: Query, now: datetime) -> dict[Listed, Holding]:
        settled = query.choice("settlement_status", ("unsettled", "settled", "all")) or "unsettled"
        tickers, event = query.names("ticker"), query.text("event_ticker")
        holdings = self.exchange.state.account.holdings
        return {
            each: holdings[each.ticker]
            for each in self._held(now)
            if settled in ("all", "settled" if each.result(now) else "unsettled")
            and (not tickers or each.ticker in tickers)
            and event in ("", each.record.event_ticker)
            and _counts(query, holdings[each.ticker])
        }

    def _orders(self, query: Query, now: datetime) -> list[Order]:
        status = query.choice("status", tuple(OrderStatus))
        tickers, events = query.names("ticker"), query.names("event_ticker")
        low, high = query.moment("min_ts"), query.moment("max_ts")
        return [
            each
            for each in reversed(self.exchange.state.orders.values())
            if status in ("", each.status)
            and (not tickers or each.ticket.ticker in tickers)
            and (not events or self._event(each, now) in events)
            and (low is None or each.created >= low)
            and (high is None or each.created <= high)
        ]

    def _settlements(self, query: Query) -> list[Settlement]:
        ticker, event = query.text("ticker"), query.text("event_ticker")
        low, high = query.moment("min_ts"), query.moment("max_ts")
        return [
            each
            for each in reversed(self.exchange.state.settlements)
            if ticker in ("", each.ticker)
            and event in ("", each.event_ticker)
            and (low is None or each.at >= low)
            and (high is None or each.at <= high)
        ]

    def _event(self, order: Order, now: datetime) -> str:
        listed = self.exchange.listing.find(order.ticket.ticker, now)
        return listed.record.event_ticker if listed else ""

    def _order(self, order: Order) -> Mapping[str, object]:
        return portfolio_json.order(order, identifier(self.exchange.seed, "user"))


def _counts(query: Query, held: Holding) -> bool:
    """count_filter keeps holdings of which any named figure is not zero."""
    figures = {"position": held.net, "total_traded": held.traded}
    wanted = query.names("count_filter") & figures.keys()
    return any(figures[name] for name in wanted or figures)


def _value(listed: Listed, held: Holding, now: datetime) -> Decimal:
    """What the holding would fetch at the best bid of its side on its last trading day, without fees."""
    quote = listed.quote(listed.life.trading_day(now))
    if held.net >= 0:
        return held.net * (quote.bid or ZERO)
    return -held.net * (1 - (quote.ask or ONE))


def _event_positions(held: Mapping[Listed, Holding]) -> list[Mapping[str, object]]:
    events: dict[str, list[Holding]] = {}
    for listed, holding in held.items():
        events.setdefault(listed.record.event_ticker, []).append(holding)
    return [portfolio_json.event_position(ticker, holdings) for ticker, holdings in events.items()]
