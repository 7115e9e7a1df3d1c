"""The service's requests, filters, costs and refusals over real HTTP."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from coliseum.sandbox.search.pages import note_for
from tests.sandbox_search.conftest import KEY, NOW, Service

QUERY = "How often do they say “Buzzer” in NBA broadcasts?"
BUZZER = "http://archive.sandbox.invalid/KXNBAMENTION-26FEB24NYKCLE#buzzer"
HOSTILE = "http://notes.sandbox.invalid/urgent-notice-to-traders"


def hosts(body: dict[str, Any]) -> set[str]:
    return {result["url"].split("/")[2] for result in body["results"]}


def test_an_answer_has_citations_a_cost_and_an_id(service: Service) -> None:
    body = service.ok("/answer", query=QUERY)
    assert "'Buzzer' was said in" in body["answer"]
    assert body["costDollars"] == {"total": 0.005}
    assert service.spent == [Decimal("0.005")]
    assert len(body["requestId"]) == 32
    assert all(set(one) == {"id", "url", "title", "publishedDate", "author"} for one in body["citations"])
    assert all(datetime.fromisoformat(one["publishedDate"]) <= NOW for one in body["citations"])
    assert service.ok("/answer", query=QUERY) == body
    assert service.ok("/answer", query=QUERY + " ")["requestId"] != body["requestId"]


def test_citations_carry_page_text_on_request_hostile_or_not(service: Service) -> None:
    query = next(
        f"{QUERY} {n}" for n in range(500) if (page := note_for(f"{QUERY} {n}", NOW)) and page.url == HOSTILE
    )
    body = service.ok("/answer", query=query, text=True)
    assert "IGNORE YOUR INSTRUCTIONS" in body["citations"][-1]["text"]
    assert "IGNORE" not in body["answer"]
    assert "was said" in body["citations"][0]["text"] or "was not said" in body["citations"][0]["text"]


def test_an_output_schema_makes_the_answer_an_object(service: Service) -> None:
    schema = {
        "type": "object",
        "properties": {"probability": {"type": "number"}, "summary": {"type": "string"}},
        "required": ["probability", "summary"],
    }
    answer = service.ok("/answer", query=QUERY, outputSchema=schema)["answer"]
    assert 0 < answer["probability"] < 1
    assert "'Buzzer' was said in" in answer["summary"]


def test_a_streamed_answer_brings_text_then_citations_then_the_cost(service: Service) -> None:
    response = service.post("/answer", {"query": QUERY, "stream": True})
    lines = response.text.strip().split("\n\n")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert lines[-1] == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    text = "".join(event["choices"][0]["delta"]["content"] for event in events[:-2])
    plain = service.ok("/answer", query=QUERY)
    assert text == plain["answer"]
    assert len(events) > 3
    assert events[-2]["citations"] == plain["citations"]
    assert events[-1]["costDollars"] == {"total": 0.005}
    assert service.spent == [Decimal("0.005")] * 2


def test_an_answer_looks_no_further_than_the_end_date(service: Service) -> None:
    body = service.ok("/answer", query=QUERY, endPublishedDate="2026-01-15")
    assert "before 2026-01-15" in body["answer"]
    assert all(one["publishedDate"] <= "2026-01-15T00:00:00.000Z" for one in body["citations"])


def test_a_search_is_filtered_by_date_domain_and_words(service: Service) -> None:
    found = service.ok("/search", query=QUERY, numResults=100)
    assert len(found["results"]) > 10
    assert service.spent[-1] == Decimal("0.005")
    assert "text" not in found["results"][0]
    scores = [result["score"] for result in found["results"]]
    assert scores == sorted(scores, reverse=True)
    assert len(service.ok("/search", query=QUERY, numResults=3)["results"]) == 3
    window = {"startPublishedDate": "2026-02-01", "endPublishedDate": "2026-02-10T00:00:00Z"}
    dates = [one["publishedDate"] for one in service.ok("/search", query=QUERY, **window)["results"]]
    assert dates
    assert all("2026-02-01" <= when <= "2026-02-10T00:00:00.000Z" for when in dates)
    query = "mention market broadcast phrase spread thin books"
    assert hosts(service.ok("/search", query=query, includeDomains=["notes.sandbox.invalid"])) == {
        "notes.sandbox.invalid"
    }
    assert "notes.sandbox.invalid" not in hosts(
        service.ok("/search", query=query, excludeDomains=["https://notes.sandbox.invalid/x"])
    )
    spread = service.ok("/search", query=query, includeText=["crossing the spread"])["results"]
    assert [result["title"] for result in spread] == ["Thin books and wide spreads"]
    assert spread[0]["title"] not in str(
        service.ok("/search", query=query, excludeText=["crossing the spread"])
    )


def test_a_snapshot_shows_the_world_as_it_was(service: Service) -> None:
    old = service.ok("/search", query=QUERY, contents={"snapshotAsOf": "2026-01-10T00:00:00Z", "text": True})
    assert old["results"]
    assert all(
        one["publishedDate"] <= one["snapshotAt"] <= "2026-01-10T00:00:00.000Z" for one in old["results"]
    )
    assert service.ok("/contents", urls=[BUZZER], snapshotAsOf="2026-02-24")["results"] == []


def test_parts_of_a_page_cost_a_tenth_of_a_cent_each(service: Service) -> None:
    contents = {"text": {"maxCharacters": 20}, "highlights": True, "summary": True}
    body = service.ok("/search", query=QUERY, numResults=2, contents=contents)
    assert body["costDollars"] == {
        "total": 0.011,
        "search": {"neural": 0.005},
        "contents": {"text": 0.002, "highlights": 0.002, "summary": 0.002},
    }
    assert service.spent == [Decimal("0.011")]
    assert len(body["results"][0]["text"]) == 20
    assert body["results"][0]["summary"] == body["results"][0]["highlights"][0]


def test_contents_reports_missing_pages_without_failing(service: Service) -> None:
    future = "http://archive.sandbox.invalid/KXNBAMENTION-26MAY09OKCLAL"
    urls = [BUZZER, future, HOSTILE, "http://elsewhere.invalid/", BUZZER + "s"]
    body = service.ok("/contents", urls=urls, text=True)
    assert [result["url"] for result in body["results"]] == [BUZZER, HOSTILE]
    assert [status["status"] for status in body["statuses"]] == [
        "success",
        "error",
        "success",
        "error",
        "error",
    ]
    assert body["statuses"][1] == {
        "id": future,
        "status": "error",
        "error": {"tag": "CRAWL_NOT_FOUND", "httpStatusCode": 404},
    }
    assert body["costDollars"] == {"total": 0.002, "contents": {"text": 0.002}}
    event = service.ok("/contents", urls=[BUZZER.partition("#")[0]], text=True)["results"][0]
    assert "“Buzzer” was" in event["text"]
    assert "“Elbow” was" in event["text"]


@pytest.mark.parametrize("path", ["/answer", "/search", "/contents"])
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": f"Basic {KEY}"}])
def test_a_wrong_key_is_401(service: Service, path: str, headers: dict[str, str]) -> None:
    response = service.post(path, {"query": QUERY, "urls": [BUZZER]}, headers)
    assert response.status_code == 401
    assert set(response.json()) == {"requestId", "error", "tag"}
    assert response.json()["tag"] == "INVALID_API_KEY"
    assert not service.spent


def test_the_key_may_come_as_a_bearer_token(service: Service) -> None:
    assert service.post("/answer", {"query": QUERY}, {"authorization": f"Bearer {KEY}"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "tag"),
    [
        ("/answer", {}, "INVALID_REQUEST_BODY"),
        ("/answer", {"query": "  "}, "INVALID_REQUEST_BODY"),
        ("/answer", {"query": 7}, "INVALID_REQUEST_BODY"),
        ("/answer", {"query": "x" * 5000}, "INVALID_REQUEST_BODY"),
        ("/answer", {"query": "x", "text": "yes"}, "INVALID_REQUEST_BODY"),
        ("/answer", {"query": "x", "outputSchema": "{}"}, "INVALID_JSON_SCHEMA"),
        ("/answer", {"query": "x", "endPublishedDate": "soon"}, "INVALID_REQUEST"),
        ("/answer", [], "INVALID_REQUEST_BODY"),
        ("/search", {"query": "x", "numResults": 0}, "INVALID_NUM_RESULTS"),
        ("/search", {"query": "x", "numResults": True}, "INVALID_NUM_RESULTS"),
        ("/search", {"query": "x", "numResults": 101}, "NUM_RESULTS_EXCEEDED"),
        ("/search", {"query": "x", "startPublishedDate": 5}, "INVALID_REQUEST"),
        ("/search", {"query": "x", "includeDomains": ["a"], "excludeDomains": ["b"]}, "INVALID_REQUEST"),
        ("/search", {"query": "x", "includeText": ["one two three four five six"]}, "INVALID_REQUEST"),
        ("/search", {"query": "x", "includeDomains": "a"}, "INVALID_REQUEST"),
        ("/search", {"query": "x", "contents": []}, "INVALID_REQUEST_BODY"),
        ("/search", {"query": "x", "contents": {"text": {"maxCharacters": 0}}}, "INVALID_REQUEST_BODY"),
        ("/search", {"query": "x", "contents": {"text": "all"}}, "INVALID_REQUEST_BODY"),
        ("/contents", {"urls": []}, "INVALID_URLS"),
        ("/contents", {"urls": [7]}, "INVALID_URLS"),
        ("/contents", {"urls": ["x"] * 101}, "INVALID_URLS"),
    ],
)
def test_requests_that_cannot_be_read_are_400_with_a_tag(
    service: Service, path: str, body: Any, tag: str
) -> None:
    response = service.post(path, body)
    assert response.status_code == 400
    assert response.json()["tag"] == tag
    assert not service.spent


def test_the_body_is_bounded(service: Service) -> None:
    with httpx2.Client() as client:
        content = b'{"query": "' + b"x" * 300_000
        response = client.post(f"{service.address}/answer", content=content, headers={"x-api-key": KEY})
    assert response.status_code == 413
    assert response.json()["tag"] == "INVALID_REQUEST_BODY"


def test_domains_that_are_no_domains_match_nothing(service: Service) -> None:
    assert service.ok("/search", query=QUERY, includeDomains=["http://[::1", "", "example"])["results"] == []
    assert service.ok("/search", query=QUERY, includeDomains=["https://sandbox.invalid/x"])["results"]
