"""Requests as the exchange wants them: addressed, signed anew for every attempt, answered with JSON."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx2

from coliseum.errors import ServiceError, SettingsError
from coliseum.services.http import BUSY, TOO_MANY, Json, Reply, Sender
from coliseum.services.kalshi.signing import Credentials

SERVICE = "the exchange"
Params = Mapping[str, str | int]
MAX_PAGES = 2000
FIXED = re.compile(r"[a-z_]+")
ORDER_AGAIN = frozenset({TOO_MANY, 503})
"""After these a write is sent again under the same key; after any other failure its fate is looked up."""


@dataclass(frozen=True, slots=True)
class Transport:
    """Speaks to one base URL. Without credentials only public reads are possible, and they go unsigned."""

    base_url: str
    sender: Sender
    credentials: Credentials | None
    wall: Callable[[], datetime]

    async def get(self, path: str, params: Params | None = None) -> Reply:
        """Raises ServiceError or Unavailable for anything but an answer; the status is the caller's."""
        return await self.sender.send(lambda extensions: self._request("GET", path, params, None, extensions))

    async def read(self, path: str, params: Params | None = None) -> dict[str, Json]:
        """The object at `path`. Raises ServiceError for every status but success."""
        return as_object(await self.get(path, params))

    async def each(self, path: str, params: Params, key: str) -> AsyncIterator[dict[str, Json]]:
        """Every object of the list `key`, page after page."""
        async for page in self.pages(path, params):
            for found in objects(page, key):
                yield found

    async def pages(self, path: str, params: Params) -> AsyncIterator[dict[str, Json]]:
        """Page after page. Raises ServiceError when they run in circles or never end."""
        seen: set[str] = set()
        cursor = ""
        for _ in range(MAX_PAGES):
            page = await self.read(path, {**params, "cursor": cursor} if cursor else params)
            yield page
            cursor = _cursor(page)
            if not cursor:
                return
            if cursor in seen:
                raise ServiceError(f"{SERVICE} sends the pages of {path} in circles")
            seen.add(cursor)
        raise ServiceError(f"{SERVICE} sends more than {MAX_PAGES} pages of {path}")

    async def post_order(self, path: str, body: Mapping[str, str | bool]) -> Reply:
        """Send an order; every attempt carries the same body and so the same client_order_id."""
        content = json.dumps(body).encode()
        return await self.sender.send(
            lambda extensions: self._request("POST", path, None, content, extensions), again_on=ORDER_AGAIN
        )

    async def delete(self, path: str) -> Reply:
        return await self.sender.send(
            lambda extensions: self._request("DELETE", path, None, None, extensions), again_on=BUSY
        )

    def _request(
        self,
        method: str,
        path: str,
        params: Params | None,
        content: bytes | None,
        extensions: Mapping[str, int],
    ) -> httpx2.Request:
        request = self.sender.http.build_request(
            method,
            self.base_url.rstrip("/") + path,
            params=dict(params) if params else None,
            content=content,
            headers={"Accept": "application/json"},
            extensions={**extensions, "route": f"kalshi {template(path)}"},
        )
        if content is not None:
            request.headers["Content-Type"] = "application/json"
        if self.credentials is not None:
            request.headers.update(self.credentials.headers(method, raw_path(request.url), self.wall()))
        return request


def template(path: str) -> str:
    """The path with its tickers and ids named instead of given, so that requests of one kind share a name. The
    exchange writes fixed segments in lower-case letters and nothing else so."""
    before = ""
    segments = []
    for segment in path.split("/"):
        fixed = segment == "" or FIXED.fullmatch(segment) is not None
        segments.append(segment if fixed else "{ticker}" if before == "markets" else "{id}")
        before = segment
    return "/".join(segments)


def raw_path(url: httpx2.URL) -> str:
    """The path exactly as sent, without the query: this is what gets signed."""
    return url.raw_path.partition(b"?")[0].decode("ascii")


def as_object(reply: Reply) -> dict[str, Json]:
    """The object a successful reply carries. Raises ServiceError for any other reply."""
    if not reply.ok:
        reply.refuse(SERVICE)
    if not isinstance(reply.body, dict):
        raise ServiceError(f"{SERVICE} answered {reply.request} with something other than a JSON object")
    return reply.body


def objects(body: Mapping[str, Json], key: str) -> list[dict[str, Json]]:
    """The list of objects under `key`; a null or missing list is an empty one."""
    found = body.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ServiceError(f"{SERVICE} sent {key} that is not a list of objects")
    return found


def checked_url(base_url: str) -> str:
    """The base URL when it is one. Raises SettingsError."""
    try:
        url = httpx2.URL(base_url)
    except (httpx2.InvalidURL, TypeError) as wrong:
        raise SettingsError("the base URL of the exchange is not a URL") from wrong
    if url.scheme not in ("http", "https") or not url.host or url.query:
        raise SettingsError(f"the base URL of the exchange must be http(s)://host/path, not {base_url!r}")
    return base_url


def _cursor(page: Mapping[str, Json]) -> str:
    cursor = page.get("cursor") or ""
    if not isinstance(cursor, str) or len(cursor) > 4096:
        raise ServiceError(f"{SERVICE} sent a cursor that is not one")
    return cursor
