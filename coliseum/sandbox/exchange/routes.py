"""The table of the exchange's pages, and who may ask for them."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from coliseum.sandbox.exchange.exchange import Exchange
from coliseum.sandbox.exchange.market_pages import MarketPages
from coliseum.sandbox.exchange.order_pages import OrderPages, Paused
from coliseum.sandbox.exchange.portfolio_pages import PortfolioPages
from coliseum.sandbox.exchange.refusal import Refused
from coliseum.sandbox.exchange.signature import Verifier

Handler = Callable[[Request], Awaitable[Response]]
_ORDERS = "/portfolio/events/orders"


def routes(exchange: Exchange, verifier: Verifier, paused: Paused) -> list[BaseRoute]:
    """Everything below /trade-api/v2. A public page takes unsigned requests, but never a wrong signature."""
    public, reads = MarketPages(exchange), PortfolioPages(exchange)
    writes = OrderPages(exchange, paused)
    table: list[tuple[str, str, Handler, Callable[[Request], None]]] = [
        ("GET", "/exchange/status", public.status, verifier.allow),
        ("GET", "/exchange/schedule", public.schedule, verifier.allow),
        ("GET", "/series", public.series_list, verifier.allow),
        ("GET", "/series/{ticker}", public.series, verifier.allow),
        ("GET", "/events", public.events, verifier.allow),
        ("GET", "/events/{ticker}", public.event, verifier.allow),
        ("GET", "/markets", public.markets, verifier.allow),
        ("GET", "/markets/orderbooks", public.orderbooks, verifier.allow),
        ("GET", "/markets/trades", public.trades, verifier.allow),
        ("GET", "/markets/{ticker}", public.market, verifier.allow),
        ("GET", "/markets/{ticker}/orderbook", public.orderbook, verifier.allow),
        ("GET", "/portfolio/balance", reads.balance, verifier.require),
        ("GET", "/portfolio/positions", reads.positions, verifier.require),
        ("GET", "/portfolio/fills", reads.fills, verifier.require),
        ("GET", "/portfolio/orders", reads.orders, verifier.require),
        ("GET", "/portfolio/orders/{order_id}", reads.order, verifier.require),
        ("GET", "/portfolio/settlements", reads.settlements, verifier.require),
        ("GET", "/portfolio/summary/total_resting_order_value", reads.resting_value, verifier.require),
        ("POST", _ORDERS, writes.create, verifier.require),
        ("DELETE", _ORDERS, writes.cancel_all, verifier.require),
        ("DELETE", _ORDERS + "/{order_id}", writes.cancel, verifier.require),
    ]
    return [Route(path, _page(handler, check), methods=[method]) for method, path, handler, check in table]


def _page(handler: Handler, check: Callable[[Request], None]) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            check(request)
            return await handler(request)
        except Refused as refused:
            return JSONResponse(refused.refusal.body(), status_code=refused.refusal.status)

    return answer
