"""ASGI middleware that carries out faults for real: errors, delays, cut connections, broken bodies."""

import asyncio
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import assert_never

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coliseum.sandbox.connection import cut
from coliseum.sandbox.faults import HEADER, LONGEST, SECONDS_HEADER, Fault, Faults, Kind
from coliseum.sandbox.requests import note
from coliseum.sandbox.services import Service, error_body, service


class Breakage:
    """A fault named by the request's own header comes before the armed ones. Admin pages never break."""

    def __init__(self, app: ASGIApp, *, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or service(scope["path"]) is Service.ADMIN:
            return await self._app(scope, receive, send)
        try:
            fault = _asked_for(scope) or self._faults.take(scope["path"])
        except ValueError as wrong:
            return await JSONResponse({"error": str(wrong)}, status_code=400)(scope, receive, send)
        return await self._answer(fault, scope, receive, send)

    async def _answer(self, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
        if fault is None or fault.kind is Kind.PAUSED_MARKET:
            return await self._app(scope, receive, send)
        note(scope).fault = fault.kind.value
        return await self._break(fault, scope, receive, send)

    async def _break(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case (
                Kind.TOO_MANY | Kind.TOO_MANY_RETRY_AFTER | Kind.INTERNAL | Kind.UNAVAILABLE | Kind.OVERLOADED
            ):
                await _refusal(fault, scope)(scope, receive, send)
            case Kind.LATENCY:
                await asyncio.sleep(float(fault.seconds))
                await self._app(scope, receive, send)
            case Kind.DROP_AFTER_ACCEPT:
                await self._app(scope, receive, _nowhere)
                await cut(scope, receive)
            case Kind.MALFORMED:
                await self._app(scope, receive, _Halved(send))
            case Kind.PAUSED_MARKET:
                await self._app(scope, receive, send)
            case _:
                assert_never(fault.kind)


class _Halved:
    """Holds an answer back until it is whole, then sends its first half as if that were all."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._finish()

    async def _finish(self) -> None:
        half = self._body[: len(self._body) // 2]
        kept = [each for each in self._start.get("headers", []) if each[0].lower() != b"content-length"]
        length = (b"content-length", str(len(half)).encode())
        await self._send({**self._start, "headers": [*kept, length]})
        await self._send({"type": "http.response.body", "body": half})


async def _nowhere(message: Message) -> None:
    """Where the answer of a cut connection goes."""


def _refusal(fault: Fault, scope: Scope) -> JSONResponse:
    status = int(fault.kind.value[:3])
    after = str(int(fault.seconds.to_integral_value(ROUND_CEILING)))
    headers = {"retry-after": after} if fault.kind is Kind.TOO_MANY_RETRY_AFTER else {}
    body = error_body(scope["path"], status, f"fault on demand: {fault.kind.value}")
    return JSONResponse(body, status_code=status, headers=headers)


def _asked_for(scope: Scope) -> Fault | None:
    """Raises ValueError, in words for the caller, when the header names no fault."""
    headers = Headers(scope=scope)
    kind = headers.get(HEADER)
    if kind is None:
        return None
    if kind not in set(Kind):
        raise ValueError(f"{HEADER} must be one of {', '.join(Kind)}")
    return Fault(kind=Kind(kind), seconds=seconds(headers.get(SECONDS_HEADER, "1")))


def seconds(text: str) -> Decimal:
    """Raises ValueError unless `text` is a number of seconds that the world is willing to wait."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not (value.is_finite() and 0 <= value <= LONGEST):
        raise ValueError(f"seconds must be a number from 0 to {LONGEST}")
    return value
