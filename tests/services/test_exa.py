"""Search answers are bounded, dated, priced, and never look ahead."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from coliseum.domain.opportunity import Answer
from coliseum.errors import ServiceError, SettingsError, Unavailable
from coliseum.services.exa import MAX_PAGE_TEXT, MAX_SOURCES, WITHHELD, ExaSearch
from coliseum.services.http import Patience
from tests.services.conftest import NOW, Script

if TYPE_CHECKING:
    from coliseum.ports import Search

KEY = "exa-secret-key"


def page(number: int = 1, **changes: Any) -> dict[str, Any]:
    body = {"id": f"p{number}", "url": f"https://news.example/{number}", "title": "Title", "text": "Text"}
    return {**body, **changes}


def body(*citations: Any, **changes: Any) -> dict[str, Any]:
    plain = {
        "requestId": "r1",
        "answer": "Often.",
        "citations": list(citations),
        "costDollars": {"total": 0.005},
    }
    return {**plain, **changes}


def ask(script: Script, patience: Patience, published_before: datetime = NOW) -> Answer:
    async def run() -> Answer:
        async with script.client() as http:
            port: Search = ExaSearch("https://search.example/", KEY, http, patience)
            return await port.answer("How often?", published_before=published_before)

    return asyncio.run(run())


def test_an_answer_with_its_sources(script: Script, patience: Patience) -> None:
    script.steps = [(200, body(page(publishedDate="2026-05-01T08:00:00.000Z", author=None)))]
    answer = ask(script, patience)
    (source,) = answer.sources
    assert (answer.question, answer.text, answer.request_id) == ("How often?", "Often.", "r1")
    assert (source.url, source.title, source.text) == ("https://news.example/1", "Title", "Text")
    assert source.published == datetime(2026, 5, 1, 8, tzinfo=UTC)
    (request,) = script.requests
    assert str(request.url) == "https://search.example/answer"
    assert request.headers["x-api-key"] == KEY
    assert json.loads(request.content) == {"query": "How often?", "text": True}


def test_fault_17_pages_from_the_future_are_left_out_and_the_answer_with_them(
    script: Script, patience: Patience
) -> None:
    """An answer that rests on a page published too late may know the outcome."""
    late = page(2, publishedDate=(NOW + timedelta(seconds=1)).isoformat())
    script.steps = [(200, body(page(1, publishedDate=NOW.isoformat()), late, page(3)))]
    answer = ask(script, patience)
    assert [source.url[-1] for source in answer.sources] == ["1", "3"]
    assert answer.text == WITHHELD


@pytest.mark.parametrize("date", [None, "", "yesterday", 5, "9" * 100, "0001-01-01T00:00:00+23:59"])
def test_a_page_without_a_readable_date_stays_and_says_so(
    script: Script, patience: Patience, date: object
) -> None:
    script.steps = [(200, body(page(publishedDate=date)))]
    answer = ask(script, patience)
    assert [source.published for source in answer.sources] == [None]
    assert answer.text == "Often."


def test_a_date_without_zone_is_utc(script: Script, patience: Patience) -> None:
    script.steps = [(200, body(page(publishedDate="2026-05-09")))]
    assert ask(script, patience).sources[0].published == datetime(2026, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cost", "dollars"),
    [
        ({"total": 0.005}, Decimal("0.005")),
        ({"total": 0.1}, Decimal("0.1")),
        ({"total": 0}, Decimal(0)),
        (None, None),
        ({}, None),
        ({"total": "0.005"}, None),
        ({"total": -1}, None),
        ({"total": True}, None),
        (0.005, None),
    ],
)
def test_the_cost_is_exact_or_unknown_never_nothing(
    script: Script, patience: Patience, cost: object, dollars: Decimal | None
) -> None:
    script.steps = [(200, body(costDollars=cost))]
    found = ask(script, patience).cost
    assert found == dollars
    assert str(found) == str(dollars)


def test_what_is_too_long_is_cut(script: Script, patience: Patience) -> None:
    pages = [page(number, text="x" * 50_000, title="t" * 5_000) for number in range(100)]
    script.steps = [(200, body(*pages, answer="a" * 100_000))]
    answer = ask(script, patience)
    assert len(answer.sources) == MAX_SOURCES
    assert {len(source.text) for source in answer.sources} == {MAX_PAGE_TEXT}
    assert len(answer.text) == 10_000


def test_only_web_pages_are_sources(script: Script, patience: Patience) -> None:
    script.steps = [(200, body(page(url="javascript:alert(1)"), page(url=None), page(2)))]
    assert [source.url for source in ask(script, patience).sources] == ["https://news.example/2"]


def test_control_characters_are_replaced(script: Script, patience: Patience) -> None:
    script.steps = [(200, body(page(text="\x1b]0;owned\x07"), answer="a\x00b"))]
    answer = ask(script, patience)
    assert (answer.text, answer.sources[0].text) == ("a\ufffdb", "\ufffd]0;owned\ufffd")


@pytest.mark.parametrize(
    "unusable",
    [
        [],
        "text",
        {"citations": []},
        {"answer": "a"},
        {"answer": {}, "citations": []},
        {"answer": "a", "citations": ["x"]},
    ],
)
def test_an_unusable_answer_is_an_error(script: Script, patience: Patience, unusable: object) -> None:
    script.steps = [(200, unusable)]
    with pytest.raises(ServiceError, match="the search service"):
        ask(script, patience)


@pytest.mark.parametrize(
    ("status", "tag"),
    [(400, "INVALID_REQUEST"), (401, "INVALID_API_KEY"), (402, "NO_MORE_CREDITS"), (403, "")],
)
def test_a_no_is_not_asked_again_and_keeps_the_key_to_itself(
    script: Script, patience: Patience, status: int, tag: str
) -> None:
    script.steps = [(status, {"error": f"key {KEY} refused", "tag": tag, "requestId": "r"})]
    with pytest.raises(ServiceError) as caught:
        ask(script, patience)
    assert not isinstance(caught.value, Unavailable)
    assert (caught.value.status, caught.value.code) == (status, tag)
    assert KEY not in str(caught.value)
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "trouble", [(429, {"error": "rate limit exceeded"}), (503, {}), httpx2.ReadError("")]
)
def test_trouble_is_asked_again_until_patience_ends(
    script: Script, patience: Patience, trouble: object
) -> None:
    script.steps = [trouble, (200, body())]
    assert ask(script, patience).text == "Often."
    script.steps = [trouble]
    with pytest.raises(Unavailable):
        ask(script, patience)


@pytest.mark.parametrize("key", ["", "a\nb", "schlüssel"])
def test_a_key_that_cannot_be_a_header_is_a_wrong_setting(script: Script, key: str) -> None:
    async def run() -> None:
        async with script.client() as http:
            ExaSearch("https://search.example", key, http)

    with pytest.raises(SettingsError, match="EXA_API_KEY"):
        asyncio.run(run())
