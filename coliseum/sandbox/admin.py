"""The world's own pages under /_sandbox: clock, requests, totals, faults, health. For loopback use only."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from coliseum.sandbox.bodies import Unreadable, json_object
from coliseum.sandbox.breakage import seconds
from coliseum.sandbox.faults import MOST_TIMES, Fault, Kind
from coliseum.sandbox.world import World

BODY_LIMIT = 1_000_000


def routes(world: World) -> list[BaseRoute]:
    pages = _Pages(world)
    return [
        Route("/health", pages.health, methods=["GET"]),
        Route("/clock", pages.clock, methods=["GET"]),
        Route("/clock", pages.move_clock, methods=["POST"]),
        Route("/requests", pages.requests, methods=["GET"]),
        Route("/totals", pages.totals, methods=["GET"]),
        Route("/faults", pages.faults, methods=["GET"]),
        Route("/faults", pages.arm, methods=["POST"]),
        Route("/faults", pages.disarm, methods=["DELETE"]),
    ]


@dataclass(frozen=True, slots=True)
class _Pages:
    world: World

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "seed": self.world.seed})

    async def clock(self, request: Request) -> Response:
        return JSONResponse({"now": self.world.clock.now().isoformat()})

    async def move_clock(self, request: Request) -> Response:
        """Forward only: 409 for a time before now. Settles whatever has become due."""
        body = await _body(request)
        when = _aware(body.get("now")) if isinstance(body, dict) else None
        if when is None:
            return _wrong('the body must be {"now": an ISO time with offset}')
        try:
            self.world.clock.move(when)
        except ValueError as backwards:
            return JSONResponse({"error": str(backwards)}, status_code=409)
        self.world.exchange.advance()
        return await self.clock(request)

    async def requests(self, request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdigit() and len(since) <= 12):
            return _wrong("since must be a number")
        lines = self.world.requests.since(int(since))
        return JSONResponse({"requests": [each.json() for each in lines], "last": self.world.requests.count})

    async def totals(self, request: Request) -> Response:
        return JSONResponse({**self.world.totals.json(), "orders": self._orders()})

    async def faults(self, request: Request) -> Response:
        return JSONResponse({"armed": [each.json() for each in self.world.faults.armed()]})

    async def arm(self, request: Request) -> Response:
        body = await _body(request)
        try:
            fault = _fault(body)
        except ValueError as wrong:
            return _wrong(str(wrong))
        if not self.world.faults.arm(fault):
            return JSONResponse({"error": "too many faults are armed"}, status_code=409)
        return await self.faults(request)

    async def disarm(self, request: Request) -> Response:
        self.world.faults.disarm()
        return await self.faults(request)

    def _orders(self) -> Mapping[str, int]:
        state = self.world.exchange.state
        statuses = Counter(order.status.value for order in state.orders.values())
        counts = {"accepted": len(state.orders), "fills": len(state.fills)}
        return {**counts, **{name: statuses[name] for name in ("resting", "executed", "canceled")}}


async def _body(request: Request) -> Mapping[str, object] | Unreadable:
    return await json_object(request, BODY_LIMIT)


def _fault(body: Mapping[str, object] | Unreadable) -> Fault:
    if isinstance(body, Unreadable):
        raise ValueError(body.reason)
    kind, times = _text(body, "kind"), body.get("times", 1)
    if kind not in set(Kind):
        raise ValueError(f"kind must be one of {', '.join(Kind)}")
    if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MOST_TIMES:
        raise ValueError(f"times must be a number from 1 to {MOST_TIMES}")
    return Fault(
        kind=Kind(kind),
        path=_text(body, "path"),
        times=times,
        seconds=seconds(str(body.get("seconds", 1))),
        ticker=_text(body, "ticker"),
    )


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string")
    return value


def _aware(value: object) -> datetime | None:
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return when if when is not None and when.tzinfo is not None else None


def _wrong(reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=400)
