"""One conversation with a service over HTTP: retried with patience, bounded in size, careful in what it repeats."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeAlias

import httpx2
import stamina

from coliseum.errors import ServiceError, Unavailable

Json: TypeAlias = Any
"""Whatever a service sent; nothing about its shape is known yet."""
MAX_BODY = 10 * 1024 * 1024
TOO_MANY = 429
BUSY = frozenset({TOO_MANY, 500, 502, 503, 504, 529})
"""Statuses that say: not now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often to ask again and how long to wait, in seconds. Waits double from `first_wait` and carry a
    random part up to `jitter`; a Retry-After is honoured up to `longest_wait`. No attempt starts after
    `budget` seconds."""

    attempts: int = 5
    first_wait: float = 0.25
    longest_wait: float = 8.0
    jitter: float = 0.5
    budget: float = 45.0

    def wait(self, error: Exception) -> bool | float:
        """What to do after `error`: give up (False), wait as usual (True), or wait so many seconds."""
        if not isinstance(error, Busy):
            return False
        return True if error.retry_after is None else min(error.retry_after, self.longest_wait)

    def attempts_at(self, on: Callable[[Exception], bool | float]) -> Any:
        """The attempts themselves, to be used as `async for attempt in ...: with attempt: ...`."""
        return stamina.retry_context(
            on,
            attempts=self.attempts,
            timeout=self.budget,
            wait_initial=self.first_wait,
            wait_max=self.longest_wait,
            wait_jitter=self.jitter,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered. `body` is None when it was empty or no JSON."""

    status: int
    body: Json = field(repr=False)
    request: str
    """Method and path, for messages."""
    attempts: int = 1
    """How often the request was sent; above 1 an earlier one may have arrived too."""
    _hidden: tuple[str, ...] = field(default=(), repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def refuse(self, service: str) -> NoReturn:
        """Raise what this answer means when it is not the hoped for."""
        code, message = error_of(self.body)
        text = f"{service} answered {self.status} to {self.request}"
        told = ": ".join(part for part in (code, message) if part)
        raise ServiceError(
            hide(f"{text}: {told}" if told else text, self._hidden), status=self.status, code=code
        )


class Busy(Unavailable):
    """The service could not be reached or asked to come back later. Never leaves this package by this name:
    callers know it as Unavailable."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


Build = Callable[[Mapping[str, int]], httpx2.Request]
"""Makes the request anew for each attempt, with the given extensions; so signatures are always fresh."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends requests of one service. `secrets` are blanked out of every message. Safe for concurrent use."""

    service: str
    http: httpx2.AsyncClient
    patience: Patience = Patience()
    secrets: tuple[str, ...] = field(default=(), repr=False)

    async def send(self, build: Build, *, again_on: frozenset[int] = BUSY) -> Reply:
        """The first answer whose status is not in `again_on`. Raises Unavailable when patience ends without
        one, ServiceError when an answer is too large."""
        async for attempt in self.patience.attempts_at(self.patience.wait):
            with attempt:
                reply = await self._once(build(_resend(attempt.num)), again_on)
                return replace(reply, attempts=attempt.num)
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, request: httpx2.Request, again_on: frozenset[int]) -> Reply:
        name = f"{request.method} {request.url.path}"
        try:
            response = await self.http.send(request, stream=True)
            try:
                body = await self._read(response, name)
            finally:
                await response.aclose()
        except httpx2.RequestError as broken:
            raise Busy(f"{self.service} did not answer {name}: {type(broken).__name__}") from broken
        if response.status_code in again_on:
            raise Busy(
                f"{self.service} answered {response.status_code} to {name}",
                status=response.status_code,
                retry_after=retry_after(response.headers),
            )
        return Reply(response.status_code, parse(body), name, _hidden=self.secrets)

    async def _read(self, response: httpx2.Response, name: str) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes(65536):
            body += chunk
            if len(body) > MAX_BODY:
                raise ServiceError(f"{self.service} answered {name} with more than {MAX_BODY} bytes")
        return bytes(body)


def parse(body: bytes) -> Json:
    """JSON with every fraction an exact Decimal; None for anything that is not JSON."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError, ArithmeticError):
        return None


def error_of(body: Json) -> tuple[str, str]:
    """Code and message of an error body in any of the shapes services use: nested under "error", at the top
    level, or a plain string under "error"."""
    if not isinstance(body, dict):
        return "", ""
    inner = body.get("error")
    if isinstance(inner, dict):
        return _short(inner.get("code")), _message(inner)
    if isinstance(inner, str):
        return _short(body.get("tag") or body.get("code")), _short(inner)
    return _short(body.get("code")), _message(body)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the service asked to wait, given as a number or as a date beside its own Date."""
    asked = headers.get("retry-after", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 10:
        return float(asked)
    try:
        span = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return max(span.total_seconds(), 0.0)


def printable(text: str, most: int) -> str:
    """At most `most` characters of text from outside, fit for a terminal, a log and a database."""
    kept = (char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text[:most])
    return "".join(kept)


def hide(text: str, secrets: tuple[str, ...]) -> str:
    """The text with every secret blanked out."""
    for secret in secrets:
        text = text.replace(secret, "[hidden]") if secret else text
    return text


def _resend(attempt: int) -> dict[str, int]:
    return {} if attempt == 1 else {"resend_count": attempt - 1}


def _message(error: Mapping[str, Json]) -> str:
    parts = (_short(error.get("message")), _short(error.get("details")))
    return "; ".join(part for part in parts if part)


def _short(value: Json) -> str:
    return printable(value, 200).replace("\n", " ") if isinstance(value, str) else ""


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
