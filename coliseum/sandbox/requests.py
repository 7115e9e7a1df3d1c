"""A bounded log of every request that the world's services got, and the trace each one belonged to."""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coliseum.sandbox.services import Service, service

KEPT = 20_000
"""How many requests the log remembers."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_NOTE = "sandbox.note"
_LONGEST_PATH = 500
_trace_id: ContextVar[str] = ContextVar("sandbox_trace_id", default="")


def current_trace() -> str:
    """Trace id (32 hex digits) of the request being answered; empty when it named none."""
    return _trace_id.get()


@dataclass(slots=True)
class Note:
    """What the rooms that a request passes through add to its log line."""

    fault: str = ""


def note(scope: Scope) -> Note:
    """The note of a request that is being answered."""
    return cast(Note, scope.setdefault(_NOTE, Note()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One answered request. No header but `traceparent` and the retry count is kept, and no query value:
    they may be secret. `status` is 0 when the connection was cut instead of answered."""

    number: int
    at: datetime
    service: str
    method: str
    path: str
    query_names: Sequence[str]
    status: int
    traceparent: str
    retry_count: str
    fault: str

    def json(self) -> Mapping[str, object]:
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "service": self.service,
            "method": self.method,
            "path": self.path,
            "query_names": list(self.query_names),
            "status": self.status,
            "traceparent": self.traceparent,
            "retry_count": self.retry_count,
            "fault": self.fault,
        }


class RequestLog:
    """Belongs to one thread. The oldest lines are forgotten; their numbers are not used again."""

    def __init__(self) -> None:
        self._kept: deque[Logged] = deque(maxlen=KEPT)
        self.count = 0

    def add(self, scope: Scope, at: datetime, status: int) -> None:
        self.count += 1
        headers = Headers(scope=scope)
        retry_count = headers.get("x-stainless-retry-count", "")
        self._kept.append(
            Logged(
                number=self.count,
                at=at,
                service=service(scope["path"]).value,
                method=scope["method"],
                path=scope["path"][:_LONGEST_PATH],
                query_names=tuple(QueryParams(scope["query_string"]).keys()),
                status=status,
                traceparent=_well_formed(headers.get("traceparent", "")),
                retry_count=retry_count if re.fullmatch(r"[0-9]{1,4}", retry_count) else "",
                fault=note(scope).fault,
            )
        )

    def since(self, number: int) -> list[Logged]:
        """Lines with a higher number, the oldest first."""
        return [each for each in self._kept if each.number > number]


class Recorder:
    """ASGI middleware: logs a request just before its answer leaves, or when it got none."""

    def __init__(self, app: ASGIApp, *, log: RequestLog, wall: Callable[[], datetime]) -> None:
        self._app = app
        self._log = log
        self._wall = wall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or service(scope["path"]) is Service.ADMIN:
            await self._app(scope, receive, send)
        else:
            await self._record(scope, receive, send)

    async def _record(self, scope: Scope, receive: Receive, send: Send) -> None:
        at, logged = self._wall(), False

        async def watched(message: Message) -> None:
            nonlocal logged
            if message["type"] == "http.response.start":
                logged = True
                self._log.add(scope, at, message["status"])
            await send(message)

        token = _trace_id.set(_trace_of(scope))
        try:
            await self._app(scope, receive, watched)
        finally:
            _trace_id.reset(token)
            if not logged:
                self._log.add(scope, at, 0)


def _trace_of(scope: Scope) -> str:
    match = _TRACEPARENT.fullmatch(Headers(scope=scope).get("traceparent", ""))
    return match["trace"] if match else ""


def _well_formed(traceparent: str) -> str:
    return traceparent if _TRACEPARENT.fullmatch(traceparent) else ""
