"""What the three kinds of request ask for, checked field by field; unknown fields are ignored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from coliseum.sandbox.bodies import JsonObject
from coliseum.sandbox.search.errors import invalid

QUERY_CHARACTERS = 4096
RESULTS = 100
TEXT_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of a page are wanted, and how many characters of each; 0 leaves the part out."""

    text: int = 0
    highlights: int = 0
    summary: int = 0

    def wanted(self) -> tuple[str, ...]:
        return tuple(name for name in ("text", "highlights", "summary") if getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest:
    """A question to be answered from pages published until `until`."""

    query: str
    text: bool
    stream: bool
    schema: JsonObject | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A search with its filters."""

    query: str
    results: int
    since: datetime | None
    until: datetime | None
    snapshot: datetime | None
    domains: tuple[str, ...]
    without_domains: tuple[str, ...]
    includes: str
    excludes: str
    parts: Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentsRequest:
    """Pages wanted by address."""

    urls: tuple[str, ...]
    snapshot: datetime | None
    parts: Parts


def answer_request(body: JsonObject) -> AnswerRequest:
    """Raises Refusal."""
    schema = body.get("outputSchema")
    if schema is not None and not isinstance(schema, dict):
        raise invalid("outputSchema must be a JSON Schema object", "INVALID_JSON_SCHEMA")
    return AnswerRequest(
        query=_query(body),
        text=_flag(body, "text"),
        stream=_flag(body, "stream"),
        schema=schema,
        until=_instant(body, "endPublishedDate"),
    )


def search_request(body: JsonObject) -> SearchRequest:
    """Raises Refusal."""
    contents = _contents(body)
    if body.get("includeDomains") and body.get("excludeDomains"):
        raise invalid("includeDomains and excludeDomains exclude each other", "INVALID_REQUEST")
    return SearchRequest(
        query=_query(body),
        results=_results(body),
        since=_instant(body, "startPublishedDate"),
        until=_instant(body, "endPublishedDate"),
        snapshot=_instant(contents, "snapshotAsOf") or _instant(body, "snapshotAsOf"),
        domains=_texts(body, "includeDomains"),
        without_domains=_texts(body, "excludeDomains"),
        includes=_one_text(body, "includeText"),
        excludes=_one_text(body, "excludeText"),
        parts=_parts(contents),
    )


def contents_request(body: JsonObject) -> ContentsRequest:
    """Raises Refusal."""
    urls = body.get("urls")
    if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
        raise invalid("urls must be a list of at least one address", "INVALID_URLS")
    if len(urls) > RESULTS:
        raise invalid(f"urls must hold at most {RESULTS} addresses", "INVALID_URLS")
    return ContentsRequest(urls=tuple(urls), snapshot=_instant(body, "snapshotAsOf"), parts=_parts(body))


def _query(body: JsonObject) -> str:
    query = body.get("query")
    if not isinstance(query, str) or not query.strip():
        raise invalid("query must be a text that is not empty")
    if len(query) > QUERY_CHARACTERS:
        raise invalid(f"query must have at most {QUERY_CHARACTERS} characters")
    return query


def _flag(body: JsonObject, name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise invalid(f"{name} must be true or false")
    return value


def _results(body: JsonObject) -> int:
    number = body.get("numResults", 10)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise invalid("numResults must be a whole number of at least 1", "INVALID_NUM_RESULTS")
    if number > RESULTS:
        raise invalid(f"numResults must be at most {RESULTS}", "NUM_RESULTS_EXCEEDED")
    return number


def _instant(body: Mapping[str, Any], name: str) -> datetime | None:
    text = body.get(name)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise invalid(f"{name} must be an ISO 8601 date", "INVALID_REQUEST") from None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def _texts(body: JsonObject, name: str) -> tuple[str, ...]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or len(value) > RESULTS:
        raise invalid(f"{name} must be a list of at most {RESULTS} texts", "INVALID_REQUEST")
    return tuple(value)


def _one_text(body: JsonObject, name: str) -> str:
    texts = _texts(body, name)
    if len(texts) > 1 or any(len(text.split()) > 5 for text in texts):
        raise invalid(f"{name} must hold one text of at most five words", "INVALID_REQUEST")
    return texts[0] if texts else ""


def _contents(body: JsonObject) -> JsonObject:
    value = body.get("contents")
    if value is None or value is False:
        return {}
    if not isinstance(value, dict):
        raise invalid("contents must be an object")
    return value


def _parts(options: JsonObject) -> Parts:
    return Parts(
        text=_characters(options, "text"),
        highlights=_characters(options, "highlights"),
        summary=_characters(options, "summary"),
    )


def _characters(options: JsonObject, name: str) -> int:
    value = options.get(name)
    if isinstance(value, dict):
        wanted = value.get("maxCharacters", TEXT_CHARACTERS)
        if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
            raise invalid(f"{name}.maxCharacters must be a whole number of at least 1")
        return min(wanted, TEXT_CHARACTERS)
    if value is None or isinstance(value, bool):
        return TEXT_CHARACTERS if value else 0
    raise invalid(f"{name} must be true, false or an object")
