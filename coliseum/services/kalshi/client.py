"""The exchange behind ports.Exchange, spoken to in Trade API v2."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import httpx2

from coliseum.domain.market import ExchangeStatus, Market, OrderBook, Side
from coliseum.domain.money import ONE
from coliseum.domain.order import (
    Balance,
    Fill,
    Intent,
    Order,
    OrderAction,
    Placed,
    Position,
    Refused,
    Settlement,
    Unknown,
)
from coliseum.domain.portfolio import as_ordered
from coliseum.errors import NotFound, ServiceError, SettingsError
from coliseum.ports import Clock
from coliseum.services.http import Patience, Reply, Sender, error_of
from coliseum.services.kalshi import parsing
from coliseum.services.kalshi.fields import TICKER, child, name
from coliseum.services.kalshi.signing import Credentials
from coliseum.services.kalshi.transport import SERVICE, Params, Transport, as_object, checked_url, objects

PAGE = 1000
PORTFOLIO_PAGE = 100
ORDERS = "/portfolio/events/orders"
REJECTIONS = frozenset({400, 401, 403, 404, 409, 410, 422, 429})
"""Statuses that say the order does not exist; after any other failure nobody knows."""
LOOK_UPS = 3


class KalshiExchange:
    """One account at the exchange, or without credentials just its public market data.

    `wall` tells the time that goes into signatures; `clock` tells market time, which goes on quotes. The
    HTTP client is the caller's to close. Safe for concurrent use in one event loop.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None,
        http: httpx2.AsyncClient,
        wall: Callable[[], datetime],
        clock: Clock,
        patience: Patience | None = None,
    ) -> None:
        self._patience = patience or Patience()
        sender = Sender(SERVICE, http, self._patience)
        self._transport = Transport(checked_url(base_url), sender, credentials, wall)
        self._clock = clock

    async def status(self) -> ExchangeStatus:
        return parsing.status(await self._transport.read("/exchange/status"))

    async def open_markets(self, *, closing_before: datetime | None = None) -> AsyncIterator[Market]:
        """Every open market, page after page, in the exchange's order; combos left out."""
        params: Params = {"status": "open", "mve_filter": "exclude", "limit": PAGE}
        if closing_before is not None:
            # The exchange allows filters by closing time only together with no status or "closed".
            params = {"mve_filter": "exclude", "limit": PAGE, **self._closing(closing_before)}
        async for body in self._transport.each("/markets", params, "markets"):
            if parsing.is_combo(body):
                continue
            market = parsing.market(body, self._clock.now())
            if market.status == "active":
                yield market

    async def market(self, ticker: str) -> Market:
        """Raises NotFound for an unknown ticker."""
        body = await self._known(f"/markets/{_safe(ticker)}", f"market {ticker}")
        return parsing.market(child(body, "market"), self._clock.now())

    async def book(self, ticker: str) -> OrderBook:
        """Raises NotFound for an unknown ticker."""
        body = await self._known(f"/markets/{_safe(ticker)}/orderbook", f"market {ticker}")
        return parsing.book(ticker, body, self._clock.now())

    async def balance(self) -> Balance:
        return parsing.balance(await self._account("/portfolio/balance"))

    async def positions(self) -> tuple[Position, ...]:
        """Markets in which something is held now."""
        self._require_credentials()
        params: Params = {"limit": PORTFOLIO_PAGE, "count_filter": "position"}
        pages = [page async for page in self._transport.pages("/portfolio/positions", params)]
        events = [name(each, "event_ticker") for page in pages for each in objects(page, "event_positions")]
        bodies = [each for page in pages for each in objects(page, "market_positions")]
        found = (parsing.position(body, events) for body in bodies)
        return tuple(position for position in found if position.count)

    async def place(self, intent: Intent) -> Placed:
        """See ports.Exchange. Sends an immediate-or-cancel order; a sale may only reduce what is held."""
        self._require_credentials()
        try:
            reply = await self._transport.post_order(ORDERS, order_body(intent))
            if reply.ok:
                return parsing.created(as_object(reply), intent)
        except ServiceError as silence:
            return await self._reconciled(intent, str(silence))
        return await self._declined(intent, reply)

    async def find(self, client_order_id: str, market_ticker: str) -> Order | None:
        """The order with that key, its average in prices of the side that the exchange names."""
        found = await self._look_up(client_order_id, market_ticker)
        if found is None or not found.filled:
            return found
        return _averaged(found, await self.fills(found.order_id))

    async def cancel(self, order_id: str) -> Order:
        """Raises NotFound for an unknown order."""
        self._require_credentials()
        reply = await self._transport.delete(f"{ORDERS}/{_safe(order_id)}")
        if reply.status == 404:
            raise NotFound(f"the exchange knows no order {order_id}")
        as_object(reply)
        return await self._order(order_id)

    async def fills(self, order_id: str) -> tuple[Fill, ...]:
        self._require_credentials()
        params: Params = {"order_id": _safe(order_id), "limit": PORTFOLIO_PAGE}
        found = [
            parsing.fill(body) async for body in self._transport.each("/portfolio/fills", params, "fills")
        ]
        return tuple(each for each in found if each.order_id == order_id)

    async def settlements(self) -> tuple[Settlement, ...]:
        self._require_credentials()
        bodies = self._transport.each("/portfolio/settlements", {"limit": PORTFOLIO_PAGE}, "settlements")
        return tuple([parsing.settlement(body) async for body in bodies])

    def _closing(self, before: datetime) -> dict[str, str | int]:
        return {
            "min_close_ts": int(self._clock.now().timestamp()),
            "max_close_ts": int(before.timestamp()),
        }

    async def _known(self, path: str, what: str) -> dict[str, object]:
        reply = await self._transport.get(path)
        if reply.status == 404:
            raise NotFound(f"the exchange knows no {what}")
        return as_object(reply)

    async def _account(self, path: str) -> dict[str, object]:
        self._require_credentials()
        return await self._transport.read(path)

    async def _order(self, order_id: str) -> Order:
        body = await self._known(f"/portfolio/orders/{_safe(order_id)}", f"order {order_id}")
        found = parsing.order(child(body, "order"))
        return _averaged(found, await self.fills(order_id)) if found.filled else found

    async def _look_up(self, client_order_id: str, market_ticker: str) -> Order | None:
        self._require_credentials()
        params: Params = {"ticker": _safe(market_ticker), "limit": PORTFOLIO_PAGE}
        async for body in self._transport.each("/portfolio/orders", params, "orders"):
            if body.get("client_order_id") == client_order_id:
                return parsing.order(body)
        return None

    async def _declined(self, intent: Intent, reply: Reply) -> Placed:
        code, message = error_of(reply.body)
        if code == "order_already_exists":
            return await self._reconciled(intent, "the exchange has the order but does not show it yet")
        if reply.status in REJECTIONS and reply.attempts == 1:
            return Refused(code=code or str(reply.status), message=message)
        # A rejection of a resent order says nothing about the earlier copy: its cash may be what is missing.
        return await self._reconciled(intent, f"{SERVICE} answered {reply.status} to {reply.request}")

    async def _reconciled(self, intent: Intent, reason: str) -> Placed:
        """Look for an order whose fate is open. The exchange's reads lag its writes a little, so one empty
        look proves nothing, and neither do several: without the order the answer stays Unknown."""
        try:
            async for attempt in self._looks().attempts_at(_not_there):
                with attempt:
                    return await self._seen(intent)
        except _NotSeen:
            return Unknown(reason=reason)
        except ServiceError as silence:
            return Unknown(reason=f"{reason}; looking it up failed: {silence}")
        raise AssertionError("the last attempt returns or raises")

    def _looks(self) -> Patience:
        return replace(self._patience, attempts=min(self._patience.attempts, LOOK_UPS))

    async def _seen(self, intent: Intent) -> Order:
        found = await self._look_up(intent.client_order_id, intent.market_ticker)
        if found is None:
            raise _NotSeen(intent.client_order_id)
        if not found.filled:
            return found
        told = [as_ordered(each, intent.action, intent.side) for each in await self.fills(found.order_id)]
        return _averaged(found, tuple(told))

    def _require_credentials(self) -> None:
        if self._transport.credentials is None:
            raise SettingsError("the account needs KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH")


def order_body(intent: Intent) -> dict[str, str | bool]:
    """The order as the exchange wants it: bids and asks of YES only. Buying NO at q is asking for 1 - q.

    Raises ValueError for a price or count finer than the exchange can write.
    """
    bids = (intent.action is OrderAction.BUY) == (intent.side is Side.YES)
    yes_price = intent.limit if intent.side is Side.YES else ONE - intent.limit
    body: dict[str, str | bool] = {
        "ticker": intent.market_ticker,
        "client_order_id": intent.client_order_id,
        "side": "bid" if bids else "ask",
        "count": _written(intent.count, 2),
        "price": _written(yes_price, 4),
        "time_in_force": "immediate_or_cancel",
        "self_trade_prevention_type": "taker_at_cross",
    }
    if intent.action is OrderAction.SELL:
        # A sale that arrives twice or too late must never open a position on the other side.
        body["reduce_only"] = True
    return body


def _written(number: Decimal, places: int) -> str:
    text = f"{number:.{places}f}"
    if number <= 0 or Decimal(text) != number:
        raise ValueError(f"{number} cannot be written with {places} decimals")
    return text


def _averaged(found: Order, fills: tuple[Fill, ...]) -> Order:
    return replace(found, average_price=parsing.average(fills))


class _NotSeen(Exception):
    """The exchange does not list the order, or not yet."""


def _not_there(error: Exception) -> bool:
    return isinstance(error, _NotSeen)


def _safe(ticker: str) -> str:
    """A ticker or id fit for a path. Raises NotFound, because nothing of that name can exist."""
    if not TICKER.fullmatch(ticker) or ticker in (".", ".."):
        raise NotFound("the exchange has nothing of that name")
    return ticker
