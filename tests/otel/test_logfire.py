"""Logfire's cloud is an OTLP endpoint whose address and key come from a token."""

from typing import Any

import pytest

from otel.batch import Batch, Signal
from otel.config import Config, Content, OtlpTarget
from otel.destination import Outcome
from otel.destinations import DESTINATIONS
from otel.destinations.logfire import Probe, base_url, open_logfire, probe
from otel.destinations.logfire_display import for_display
from otel.testing import Answer, FaultServer, hang, status
from tests.otel.making import log, logs, points, span, spans

TOKEN = "pylf_v1_eu_0123456789abcdef"


@pytest.mark.parametrize(
    ("token", "address"),
    [
        (TOKEN, "https://logfire-eu.pydantic.dev"),
        ("pylf_v1_us_abc", "https://logfire-us.pydantic.dev"),
        ("pylf_v22_eu_abc", "https://logfire-eu.pydantic.dev"),
        ("pylf_v1_mars_abc", "https://logfire-us.pydantic.dev"),
        ("an-old-token", "https://logfire-us.pydantic.dev"),
        ("", "https://logfire-us.pydantic.dev"),
    ],
)
def test_the_region_stands_in_the_token(token: str, address: str) -> None:
    assert base_url(token) == address


def test_an_address_of_ones_own_beats_the_region() -> None:
    assert base_url(TOKEN, "http://localhost:1") == "http://localhost:1"


def test_the_bare_token_is_the_key_and_metrics_are_deltas(server: FaultServer) -> None:
    config = Config(service="s", logfire_tokens=(TOKEN,), logfire_base_url=server.url)
    (destination,) = open_logfire(config)
    assert destination.name == "logfire"
    assert destination.signals == {Signal.TRACES, Signal.LOGS, Signal.METRICS_DELTA}
    assert destination.deliver(spans(span("a"))) == Outcome.delivered()
    assert destination.deliver(points(1, signal=Signal.METRICS_DELTA)) == Outcome.delivered()
    assert [r.path for r in server.requests] == ["/v1/traces", "/v1/metrics"]
    assert {r.headers["authorization"] for r in server.requests} == {TOKEN}
    destination.close()


def test_each_token_is_a_destination_so_that_a_wrong_one_holds_up_nobody(server: FaultServer) -> None:
    server.always(
        lambda request: (
            status(401) if request.headers["authorization"] == "wrong-token" else Answer(keep=True)
        )
    )
    config = Config(service="s", logfire_tokens=("wrong-token", TOKEN), logfire_base_url=server.url)
    wrong, right = open_logfire(config)
    assert (wrong.name, right.name) == ("logfire", "logfire-2")
    assert wrong.deliver(spans(span("a"))) == Outcome.paused("HTTP 401")
    assert right.deliver(spans(span("a"))) == Outcome.delivered()
    wrong.close()
    right.close()


def test_without_a_token_there_is_no_destination() -> None:
    assert open_logfire(Config(service="s")) == ()


def test_a_token_that_is_taken_shows_its_project(server: FaultServer) -> None:
    server.token = TOKEN
    assert probe(TOKEN, server.url) == Probe(True, project_url=server.project_url)


def test_a_token_that_is_refused_says_what_to_check(server: FaultServer) -> None:
    server.token = "another"
    found = probe(TOKEN, server.url)
    assert not found.accepted
    assert "LOGFIRE_TOKEN" in found.reason
    assert TOKEN not in found.reason


def test_no_answer_is_a_reason_not_an_error(server: FaultServer) -> None:
    server.refuse()
    found = probe(TOKEN, server.url, timeout=0.5)
    assert (found.accepted, found.reason) == (False, "Logfire does not answer (ConnectionError)")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(body=b"<html>"), "does not answer"),
        (Answer(body=b"[]"), "HTTP 200"),
        (Answer(body=b"{" * 5000), "does not answer"),
        (status(503), "HTTP 503"),
        (status(302), "HTTP 302"),
        (hang(), "does not answer (ReadTimeout)"),
    ],
)
def test_nonsense_is_a_reason_not_an_error(server: FaultServer, answer: Answer, reason: str) -> None:
    server.info = answer
    found = probe(TOKEN, server.url, timeout=0.2)
    assert not found.accepted
    assert reason in found.reason


def test_a_project_address_is_fit_to_be_shown(server: FaultServer) -> None:
    server.project_url = "https://x/\x1b[31m" + "y" * 1000
    found = probe(TOKEN, server.url)
    assert found.accepted
    assert found.project_url.isprintable()
    assert len(found.project_url) <= 300


def shown(destination_spans: Batch) -> list[dict[str, Any]]:
    """The attributes of each span as Logfire gets them."""
    with FaultServer() as server:
        config = Config(service="s", logfire_tokens=(TOKEN,), logfire_base_url=server.url)
        (destination,) = open_logfire(config)
        assert destination.deliver(destination_spans) == Outcome.delivered()
        destination.close()
        return [dict(span.attributes) for span in server.spans()]


def test_a_request_is_shown_by_method_host_and_path_without_its_query() -> None:
    url = {"http.request.method": "GET", "url.full": "https://me@host:8/a/b?key=1"}
    one, two, three = shown(
        spans(
            span("GET", 1, start=1, attributes=url),
            span("GET elsewhere", 2, start=2, attributes={"http.request.method": "GET"}),
            span("GET", 3, start=3, attributes=url | {"logfire.msg": "my own words"}),
        )
    )
    assert one["logfire.msg"] == "GET host:8/a/b"
    assert two["logfire.msg"] == "GET elsewhere"
    assert three["logfire.msg"] == "my own words"
    assert "logfire.level_num" not in one


def test_what_failed_has_the_level_of_an_error() -> None:
    refused = {"http.request.method": "GET", "http.response.status_code": 404}
    levels = [
        attributes.get("logfire.level_num")
        for attributes in shown(
            spans(
                span("failed", 1, start=1, error="why"),
                span("fine", 2, start=2),
                span("client", 3, start=3, kind=3, attributes=refused),
                span("server", 4, start=4, kind=2, attributes=refused),
                span("known", 5, start=5, error="why", attributes={"logfire.level_num": 13}),
            )
        )
    ]
    assert levels == [17, None, 17, None, 13]


def test_what_needs_nothing_is_passed_as_it_is() -> None:
    for batch in (
        spans(span("a", attributes={"x": 1})),
        points(1, signal=Signal.METRICS_DELTA),
        logs(log("a")),
    ):
        assert for_display(batch) is batch


def test_only_logfire_gets_them(server: FaultServer) -> None:
    failed = spans(span("a", error="why"))
    config = Config(service="s", otlp=OtlpTarget.at(server.url))
    (other,) = DESTINATIONS["otlp"](config)
    assert other.deliver(failed) == Outcome.delivered()
    other.close()
    assert server.requests[0].body == failed.payload


def test_what_is_not_to_be_said_is_not_said_in_the_message_either(server: FaultServer) -> None:
    given = {
        "logfire.msg": "canary",
        "http.request.method": "GET",
        "url.full": "https://host/path?canary",
        "gen_ai.prompt": "canary",
    }
    config = Config(
        service="s",
        logfire_tokens=(TOKEN, TOKEN + "2"),
        logfire_base_url=server.url,
        content={"logfire": Content.NONE},
    )
    for destination in DESTINATIONS["logfire"](config):
        assert destination.deliver(spans(span("a", error="canary", attributes=given))) == Outcome.delivered()
        destination.close()
    assert [b"canary" in request.body for request in server.requests] == [False, False]
    assert server.spans()[0].attributes["logfire.msg"] == "GET host/path"
