"""The public pages: exchange status, series, events, markets, order books, trades."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coliseum.sandbox.exchange import market_json
from coliseum.sandbox.exchange.exchange import Exchange
from coliseum.sandbox.exchange.fill_filters import fills_between
from coliseum.sandbox.exchange.listing import Listed
from coliseum.sandbox.exchange.market_filters import event_statuses, matching_markets
from coliseum.sandbox.exchange.market_json import Json
from coliseum.sandbox.exchange.paging import newest_first, page
from coliseum.sandbox.exchange.query import Query
from coliseum.sandbox.exchange.refusal import Refused, bad_query, not_found

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DEEPEST = 100
_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
_END = datetime(2099, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MarketPages:
    """Handlers for requests that need no account."""

    exchange: Exchange

    async def status(self, request: Request) -> Response:
        return JSONResponse({"exchange_active": True, "trading_active": True})

    async def schedule(self, request: Request) -> Response:
        """Open around the clock: the local world keeps no hours."""
        hours = [{"open_time": "00:00", "close_time": "23:59"}]
        week = {"start_time": market_json.moment(_BEGINNING), "end_time": market_json.moment(_END)}
        standard: list[Json] = [{**week, **dict.fromkeys(_DAYS, hours)}]
        return JSONResponse({"schedule": {"standard_hours": standard, "maintenance_windows": []}})

    async def series_list(self, request: Request) -> Response:
        wanted = Query(request.query_params).text("category")
        all_series = [market_json.series(ticker) for ticker in self._series(self.exchange.advance())]
        return JSONResponse({"series": [each for each in all_series if wanted in ("", each["category"])]})

    async def series(self, request: Request) -> Response:
        ticker = request.path_params["ticker"]
        if ticker not in self._series(self.exchange.advance()):
            raise Refused(not_found("series"))
        return JSONResponse({"series": market_json.series(ticker)})

    async def events(self, request: Request) -> Response:
        query, now = Query(request.query_params), self.exchange.advance()
        shown = page(
            query, self._matching_events(query, now), lambda event: event[0].place, default=200, highest=200
        )
        nested = query.flag("with_nested_markets")
        return JSONResponse(
            {"events": [self._event(each, now, nested) for each in shown.items], "cursor": shown.cursor}
        )

    async def event(self, request: Request) -> Response:
        query, now = Query(request.query_params), self.exchange.advance()
        members = self._events(now).get(request.path_params["ticker"])
        if members is None:
            raise Refused(not_found("event"))
        event = self._event(members, now, query.flag("with_nested_markets"))
        return JSONResponse({"event": event, "markets": [self._market(each, now) for each in members]})

    async def markets(self, request: Request) -> Response:
        query, now = Query(request.query_params), self.exchange.advance()
        found = matching_markets(query, self.exchange.listing.visible(now), now)
        shown = page(query, found, lambda listed: listed.place)
        return JSONResponse(
            {"markets": [self._market(each, now) for each in shown.items], "cursor": shown.cursor}
        )

    async def market(self, request: Request) -> Response:
        now = self.exchange.advance()
        return JSONResponse({"market": self._market(self._find(request, now), now)})

    async def orderbook(self, request: Request) -> Response:
        now = self.exchange.advance()
        depth = Query(request.query_params).number("depth", 0, -_DEEPEST, _DEEPEST)
        return JSONResponse(self._book(self._find(request, now), now, max(0, depth)))

    async def orderbooks(self, request: Request) -> Response:
        """Unknown tickers are left out."""
        now, wanted = self.exchange.advance(), Query(request.query_params).names("tickers")
        if not wanted:
            raise Refused(bad_query("tickers is required"))
        found = [each for each in self.exchange.listing.visible(now) if each.ticker in wanted]
        books = [{"ticker": each.ticker, **self._book(each, now, 0)} for each in found]
        return JSONResponse({"orderbooks": books})

    async def trades(self, request: Request) -> Response:
        """What the account traded, as everybody would see it; the crowd's own trades were not recorded."""
        query = Query(request.query_params)
        self.exchange.advance()
        found = fills_between(query, self.exchange.state.fills, query.names("ticker"))
        if query.flag("is_block_trade"):
            found = []
        shown = page(query, found, lambda fill: newest_first(fill.number))
        trades = [market_json.trade(each) for each in shown.items]
        return JSONResponse({"trades": trades, "cursor": shown.cursor})

    def _series(self, now: datetime) -> Sequence[str]:
        return tuple(dict.fromkeys(each.record.series_ticker for each in self.exchange.listing.visible(now)))

    def _events(self, now: datetime) -> dict[str, list[Listed]]:
        events: dict[str, list[Listed]] = {}
        for listed in self.exchange.listing.visible(now):
            events.setdefault(listed.record.event_ticker, []).append(listed)
        return events

    def _matching_events(self, query: Query, now: datetime) -> list[list[Listed]]:
        series, wanted = query.text("series_ticker"), query.names("tickers")
        statuses, after = event_statuses(query), query.moment("min_close_ts")
        return [
            members
            for ticker, members in self._events(now).items()
            if series in ("", members[0].record.series_ticker)
            and (not wanted or ticker in wanted)
            and any(each.life.status(now) in statuses for each in members)
            and (after is None or any(market_json.closes(each) >= after for each in members))
        ]

    def _event(self, members: Sequence[Listed], now: datetime, nested: bool) -> Json:
        event = market_json.event(members)
        return {**event, "markets": [self._market(each, now) for each in members]} if nested else event

    def _market(self, listed: Listed, now: datetime) -> Json:
        return market_json.market(listed, self.exchange.state, now)

    def _book(self, listed: Listed, now: datetime, depth: int) -> Mapping[str, object]:
        book = market_json.orderbook(listed, self.exchange.state, now, depth)
        return {"orderbook_fp": book, "sandbox_generated": market_json.BOOK_GENERATED}

    def _find(self, request: Request, now: datetime) -> Listed:
        found = self.exchange.listing.find(request.path_params["ticker"], now)
        if found is None:
            raise Refused(not_found("market"))
        return found
