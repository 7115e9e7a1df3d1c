"""The search service's HTTP door: key, body, request, answer, cost."""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from coliseum.sandbox.bodies import JsonObject, Unreadable, json_object, key_given, same_key
from coliseum.sandbox.clock import MarketClock
from coliseum.sandbox.events import event_stream
from coliseum.sandbox.models.filling import filled_from_text
from coliseum.sandbox.search import answers
from coliseum.sandbox.search.baserates import Record
from coliseum.sandbox.search.errors import Refusal
from coliseum.sandbox.search.pages import Page, page_at
from coliseum.sandbox.search.requests import (
    SearchRequest,
    answer_request,
    contents_request,
    search_request,
)
from coliseum.sandbox.search.responses import Priced, answered, fetched, found, streamed

BODY_BYTES = 256 * 1024
"""Larger requests are refused with 413."""

_DOMAIN = re.compile(r"^\s*(?:https?://)?(?:www\.)?")

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(clock: MarketClock, api_key: str, spent: Callable[[Decimal], None]) -> list[BaseRoute]:
    """POST /answer, /search and /contents over the recorded history, never later than `clock`.

    `spent` gets the dollars of every answered request, on the server's event loop, before the response is
    sent. The same clock, key and body always give the same bytes.
    """
    world = _World(clock, api_key, spent)
    doors = {"/answer": world.answer, "/search": world.search, "/contents": world.contents}
    return [Route(path, world.guarded(path, door), methods=["POST"]) for path, door in doors.items()]


@dataclass(frozen=True, slots=True)
class _Call:
    """One authenticated request with its id and the instant it is answered for."""

    id: str
    body: JsonObject
    now: datetime


@dataclass(frozen=True, slots=True)
class _World:
    clock: MarketClock
    api_key: str
    spent: Callable[[Decimal], None]

    def guarded(self, path: str, door: Callable[[_Call], Response]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            now = self.clock.now()
            body = await json_object(request, BODY_BYTES)
            call = _Call(_request_id(path, body, now), body if isinstance(body, dict) else {}, now)
            try:
                self._check(request, body)
                return door(call)
            except Refusal as refusal:
                return refusal.response(call.id)

        return endpoint

    def _check(self, request: Request, body: JsonObject | Unreadable) -> None:
        if not same_key(key_given(request), self.api_key):
            raise Refusal(401, "INVALID_API_KEY", "the API key is missing or not valid")
        if isinstance(body, Unreadable):
            raise Refusal(body.status, "INVALID_REQUEST_BODY", body.reason)

    def answer(self, call: _Call) -> Response:
        asked = answer_request(call.body)
        said = answers.answer(asked.query, answers.limit_of(asked.query, call.now, asked.until))
        answer = said.text if asked.schema is None else filled_from_text(asked.schema, asked.query, said.text)
        priced = answered(call.id, answer, said.pages, text=asked.text)
        if not asked.stream:
            return self._paid(priced)
        self.spent(priced.cost)
        return event_stream(streamed(priced))

    def search(self, call: _Call) -> Response:
        asked = search_request(call.body)
        limit = answers.limit_of(asked.query, call.now, asked.until, asked.snapshot)
        pages = [page for page in answers.pages(asked.query, limit) if _passes(page, asked)]
        return self._paid(found(call.id, pages[: asked.results], asked.parts, asked.snapshot))

    def contents(self, call: _Call) -> Response:
        asked = contents_request(call.body)
        limit = answers.limit_of("", call.now, asked.snapshot)
        record = Record(limit)
        pages = [(url, page_at(url, record, limit)) for url in asked.urls]
        return self._paid(fetched(call.id, pages, asked.parts, asked.snapshot))

    def _paid(self, priced: Priced) -> Response:
        self.spent(priced.cost)
        return JSONResponse(priced.body)


def _passes(page: Page, asked: SearchRequest) -> bool:
    if asked.since is not None and page.published < asked.since:
        return False
    if asked.domains and not _in_domains(page, asked.domains):
        return False
    if asked.without_domains and _in_domains(page, asked.without_domains):
        return False
    text = f"{page.title} {page.text}".casefold()
    return asked.includes.casefold() in text and not (asked.excludes and asked.excludes.casefold() in text)


def _in_domains(page: Page, domains: Sequence[str]) -> bool:
    """Whether the page is of one of the domains or below it; a domain may be given as an address."""
    hosts = (_DOMAIN.sub("", domain.casefold()).partition("/")[0] for domain in domains)
    return any(host and (page.host == host or page.host.endswith(f".{host}")) for host in hosts)


def _request_id(path: str, body: JsonObject | Unreadable, now: datetime) -> str:
    seed = body.reason if isinstance(body, Unreadable) else json.dumps(body, sort_keys=True)
    return sha256(f"{path}\n{seed}\n{now.isoformat()}".encode()).hexdigest()[:32]
