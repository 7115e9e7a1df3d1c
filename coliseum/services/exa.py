"""The search service behind ports.Search: Exa's answers with their sources."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import httpx2

from coliseum.domain.money import ZERO, Dollars
from coliseum.domain.opportunity import Answer, Source
from coliseum.errors import ServiceError, SettingsError
from coliseum.services.http import Json, Patience, Reply, Sender, printable

SERVICE = "the search service"
MAX_QUESTION = 2_000
MAX_ANSWER = 10_000
MAX_SOURCES = 20
MAX_URL = 2_000
MAX_TITLE = 300
MAX_PAGE_TEXT = 4_000
WITHHELD = "(The answer is withheld because it rests on pages published too late; see the sources.)"


class ExaSearch:
    """Asks POST /answer. The key travels in a header only and is blanked out of every message. The HTTP client
    is the caller's to close. Safe for concurrent use in one event loop."""

    def __init__(
        self, base_url: str, api_key: str, http: httpx2.AsyncClient, patience: Patience | None = None
    ) -> None:
        if not api_key.isascii() or not api_key.isprintable() or not api_key:
            raise SettingsError("EXA_API_KEY must be a single line of printable ASCII characters")
        self._url = base_url.rstrip("/") + "/answer"
        self._key = api_key
        self._sender = Sender(SERVICE, http, patience or Patience(), secrets=(api_key,))

    async def answer(self, question: str, *, published_before: datetime) -> Answer:
        """What the service says, and which pages it names. A page dated later than `published_before` is left
        out, and the answer that rests on it with it; undated pages stay, marked as undated."""
        content = json.dumps({"query": question[:MAX_QUESTION], "text": True}).encode()
        reply = await self._sender.send(lambda extensions: self._request(content, extensions))
        body = _object(reply)
        every = tuple(_source(each) for each in _citations(body) if _is_page(each))
        known = tuple(source for source in every if _in_time(source, published_before))
        return Answer(
            question=question,
            text=_answer(body) if len(known) == len(every) else WITHHELD,
            sources=known[:MAX_SOURCES],
            cost=_cost(body),
            request_id=_text(body.get("requestId"), 200),
        )

    def _request(self, content: bytes, extensions: Mapping[str, int]) -> httpx2.Request:
        headers = {"x-api-key": self._key, "Content-Type": "application/json", "Accept": "application/json"}
        return self._sender.http.build_request(
            "POST",
            self._url,
            content=content,
            headers=headers,
            extensions={**extensions, "route": "exa /answer"},
        )


def _object(reply: Reply) -> dict[str, Json]:
    if not reply.ok:
        reply.refuse(SERVICE)
    if not isinstance(reply.body, dict):
        raise ServiceError(f"{SERVICE} answered {reply.request} with something other than a JSON object")
    return reply.body


def _answer(body: Mapping[str, Json]) -> str:
    answer = body.get("answer")
    if not isinstance(answer, str):
        raise ServiceError(f"{SERVICE} sent no answer")
    return printable(answer, MAX_ANSWER)


def _citations(body: Mapping[str, Json]) -> list[dict[str, Json]]:
    citations = body.get("citations")
    if not isinstance(citations, list) or not all(isinstance(each, dict) for each in citations):
        raise ServiceError(f"{SERVICE} sent no list of citations")
    return citations


def _is_page(citation: Mapping[str, Json]) -> bool:
    # Sources are shown to people as links, so nothing but a web page may pass for one.
    return _text(citation.get("url"), MAX_URL).startswith(("http://", "https://"))


def _source(citation: Mapping[str, Json]) -> Source:
    return Source(
        url=_text(citation.get("url"), MAX_URL),
        title=_text(citation.get("title"), MAX_TITLE),
        published=_published(citation.get("publishedDate")),
        text=_text(citation.get("text"), MAX_PAGE_TEXT),
    )


def _in_time(source: Source, published_before: datetime) -> bool:
    return source.published is None or source.published <= published_before


def _published(value: Json) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(value, 64))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _cost(body: Mapping[str, Json]) -> Dollars | None:
    """What the call cost; None when the service does not say or says something impossible, never 0 for that."""
    stated = body.get("costDollars")
    total = stated.get("total") if isinstance(stated, dict) else None
    if isinstance(total, bool) or not isinstance(total, int | Decimal):
        return None
    cost = Decimal(str(total))
    return cost if ZERO <= cost < 1000 else None


def _text(value: Json, most: int) -> str:
    return printable(value, most) if isinstance(value, str) else ""
