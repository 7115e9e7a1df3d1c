"""The signed writes: place one order, cancel one, cancel all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coliseum.sandbox.bodies import Unreadable, json_object
from coliseum.sandbox.exchange import portfolio_json, ticket
from coliseum.sandbox.exchange.exchange import Exchange
from coliseum.sandbox.exchange.query import Query
from coliseum.sandbox.exchange.refusal import Refusal, Refused, unparseable

BODY_LIMIT = 1_000_000

Paused = Callable[[Request, str], bool]
"""Whether trading in a ticker is paused for this request."""


@dataclass(frozen=True, slots=True)
class OrderPages:
    """Handlers that change the account."""

    exchange: Exchange
    paused: Paused

    async def create(self, request: Request) -> Response:
        wish = ticket.read(await _body(request))
        placed = self.exchange.place(wish, paused=self.paused(request, wish.ticker))
        if isinstance(placed, Refusal):
            raise Refused(placed)
        return JSONResponse(portfolio_json.accepted(placed), status_code=201)

    async def cancel(self, request: Request) -> Response:
        Query(request.query_params).only_account()
        done = self.exchange.cancel(request.path_params["order_id"])
        if isinstance(done, Refusal):
            raise Refused(done)
        return JSONResponse(portfolio_json.canceled(done))

    async def cancel_all(self, request: Request) -> Response:
        Query(request.query_params).only_account()
        self.exchange.cancel_all()
        return Response(status_code=204)


async def _body(request: Request) -> Mapping[str, object]:
    body = await json_object(request, BODY_LIMIT)
    if isinstance(body, Unreadable):
        raise Refused(replace(unparseable(body.reason), status=body.status))
    return body
