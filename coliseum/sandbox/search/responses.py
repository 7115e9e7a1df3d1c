"""Pages and answers in the search service's own JSON, and what they cost."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from coliseum.sandbox.bodies import JsonObject
from coliseum.sandbox.search.pages import Page
from coliseum.sandbox.search.requests import Parts

ANSWER_COST = Decimal("0.005")
SEARCH_COST = Decimal("0.005")
PART_COST = Decimal("0.001")
"""For each page and each part of it (text, highlights or summary)."""

_PIECE = 48
"""Characters in one streamed piece of an answer."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A response body with what it costs in dollars."""

    body: JsonObject
    cost: Decimal


def answered(request_id: str, answer: str | JsonObject, pages: Sequence[Page], *, text: bool) -> Priced:
    """The body of /answer."""
    body: JsonObject = {
        "requestId": request_id,
        "answer": answer,
        "citations": [_citation(page, text=text) for page in pages],
        "costDollars": {"total": float(ANSWER_COST)},
    }
    return Priced(body, ANSWER_COST)


def streamed(answer: Priced) -> Iterator[str]:
    """The body of /answer as server-sent events: pieces of text, the citations, the cost, the end."""
    said = answer.body["answer"]
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    for start in range(0, len(text), _PIECE):
        yield _event({"choices": [{"delta": {"content": text[start : start + _PIECE]}}]})
    yield _event({"citations": answer.body["citations"]})
    yield _event({"requestId": answer.body["requestId"], "costDollars": answer.body["costDollars"]})
    yield "data: [DONE]\n\n"


def found(request_id: str, pages: Sequence[Page], parts: Parts, snapshot: datetime | None) -> Priced:
    """The body of /search."""
    contents = _contents_cost(len(pages), parts)
    total = SEARCH_COST + sum(contents.values(), Decimal(0))
    cost: JsonObject = {"total": float(total), "search": {"neural": float(SEARCH_COST)}}
    if contents:
        cost["contents"] = {part: float(dollars) for part, dollars in contents.items()}
    body: JsonObject = {
        "requestId": request_id,
        "resolvedSearchType": "neural",
        "results": [_result(page, parts, snapshot, rank) for rank, page in enumerate(pages)],
        "searchTime": 1.0,
        "costDollars": cost,
    }
    return Priced(body, total)


def fetched(
    request_id: str, pages: Sequence[tuple[str, Page | None]], parts: Parts, snapshot: datetime | None
) -> Priced:
    """The body of /contents; an address without a page is reported in `statuses`, not as an HTTP error."""
    here = [page for _, page in pages if page is not None]
    contents = _contents_cost(len(here), parts)
    total = sum(contents.values(), Decimal(0))
    body: JsonObject = {
        "requestId": request_id,
        "results": [_result(page, parts, snapshot, None) for page in here],
        "statuses": [_status(url, page) for url, page in pages],
        "costDollars": {
            "total": float(total),
            "contents": {part: float(dollars) for part, dollars in contents.items()},
        },
        "searchTime": 1.0,
    }
    return Priced(body, total)


def _contents_cost(pages: int, parts: Parts) -> dict[str, Decimal]:
    return {part: PART_COST * pages for part in parts.wanted() if pages}


def _citation(page: Page, *, text: bool) -> JsonObject:
    citation: JsonObject = {
        "id": page.url,
        "url": page.url,
        "title": page.title,
        "publishedDate": _iso(page.published),
        "author": page.author,
    }
    return citation | {"text": page.text} if text else citation


def _result(page: Page, parts: Parts, snapshot: datetime | None, rank: int | None) -> JsonObject:
    result = _citation(page, text=False)
    if rank is not None:
        result["score"] = round(1 / (rank + 2) + 0.4, 4)
    if snapshot is not None:
        result["snapshotAt"] = _iso(page.published)
    if parts.text:
        result["text"] = page.text[: parts.text]
    if parts.highlights:
        result |= {"highlights": [_first_sentence(page)[: parts.highlights]], "highlightScores": [0.5]}
    if parts.summary:
        result["summary"] = _first_sentence(page)[: parts.summary]
    return result


def _status(url: str, page: Page | None) -> JsonObject:
    if page is not None:
        return {"id": url, "status": "success", "source": "cached"}
    error = {"tag": "CRAWL_NOT_FOUND", "httpStatusCode": 404}
    return {"id": url, "status": "error", "error": error}


def _first_sentence(page: Page) -> str:
    sentence, dot, _ = page.text.partition(". ")
    return sentence + dot.strip()


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _event(body: JsonObject) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
