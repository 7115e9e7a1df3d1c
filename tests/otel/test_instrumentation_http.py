"""Every attempt of every HTTP client is one span with a readable name and a clean address."""

from collections.abc import Iterator

import pytest

from otel.instrumentation.http import STABILITY, clean_url
from otel.store import SpanRow
from otel.testing import Answer, FaultServer, Recording, recording, status
from tests.otel.clients import CLIENTS, Send


@pytest.fixture(params=CLIENTS)
def send(request: pytest.FixtureRequest) -> Send:
    return CLIENTS[request.param]


@pytest.fixture
def running() -> Iterator[Recording]:
    with recording() as running:
        yield running


def only_span(running: Recording) -> SpanRow:
    (span,) = running.spans()
    return span


def test_a_request_is_one_client_span_by_the_stable_conventions(
    running: Recording, server: FaultServer, send: Send
) -> None:
    server.always(Answer(body=b"{}"))
    assert send(f"{server.url}/markets", "POST") == 200
    span = only_span(running)
    assert (span.name, span.kind) == ("POST 127.0.0.1 /markets", 3)
    assert span.attributes["http.request.method"] == "POST"
    assert span.attributes["url.full"] == f"{server.url}/markets"
    assert span.attributes["server.address"] == "127.0.0.1"
    assert span.attributes["http.response.status_code"] == 200
    assert not span.failed
    assert not {"http.method", "http.url", "http.status_code"} & span.attributes.keys()
    durations = {p.name for p in running.points() if p.name.startswith("http.client")}
    assert durations == {"http.client.request.duration"}


def test_a_client_that_exists_already_is_watched(server: FaultServer) -> None:
    import httpx2

    with httpx2.Client(trust_env=False) as client:
        with recording() as running:
            client.get(f"{server.url}/markets")
            assert len(running.spans()) == 1
        client.get(f"{server.url}/markets")
    assert "traceparent" not in server.requests[1].headers


@pytest.mark.parametrize("code", [404, 429, 503])
def test_a_failing_answer_is_a_failed_span(
    running: Recording, server: FaultServer, send: Send, code: int
) -> None:
    server.always(status(code))
    send(f"{server.url}/markets")
    span = only_span(running)
    assert span.failed
    assert (span.attributes["http.response.status_code"], span.attributes["error.type"]) == (code, str(code))


def test_no_answer_is_a_failed_span(running: Recording, server: FaultServer, send: Send) -> None:
    server.refuse()
    with pytest.raises(Exception, match=r"(?i)connect"):
        send(f"{server.url}/markets")
    span = only_span(running)
    assert span.failed
    assert span.attributes["error.type"] == "ConnectError"


def test_a_client_can_name_its_route_and_its_repetition(
    running: Recording, server: FaultServer, send: Send
) -> None:
    extensions = {"route": "kalshi /markets/{ticker}", "resend_count": 2}
    send(f"{server.url}/markets/KX-1", extensions=extensions)
    span = only_span(running)
    assert span.name == "GET kalshi /markets/{ticker}"
    assert span.attributes["url.template"] == "/markets/{ticker}"
    assert span.attributes["http.request.resend_count"] == 2


def test_a_route_without_a_service_is_a_name_too(running: Recording, server: FaultServer, send: Send) -> None:
    send(f"{server.url}/x", extensions={"route": "/markets", "resend_count": 0})
    span = only_span(running)
    assert (span.name, span.attributes["url.template"]) == ("GET /markets", "/markets")
    assert "http.request.resend_count" not in span.attributes


@pytest.mark.parametrize(("header", "count"), [("1", 1), ("0", None), ("many", None)])
def test_the_retry_header_of_model_clients_is_read(
    running: Recording, server: FaultServer, send: Send, header: str, count: int | None
) -> None:
    send(f"{server.url}/v1/messages", headers={"x-stainless-retry-count": header})
    assert only_span(running).attributes.get("http.request.resend_count") == count


def test_credentials_in_an_address_are_not_kept(running: Recording, server: FaultServer, send: Send) -> None:
    address = server.url.replace("://", "://me:hunter22@")
    send(f"{address}/markets?api_key=canary&status=open&cursor=abc#here")
    span = only_span(running)
    assert span.attributes["url.full"] == f"{server.url}/markets?api_key=REDACTED&status=open&cursor=abc"
    assert "canary" not in str(span)
    assert "hunter22" not in str(span)


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("https://host/path", "https://host/path"),
        ("https://u:p@host:8443/path?a=1", "https://host:8443/path?a=1"),
        ("https://u:p@x@host/", "https://host/"),
        ("https://host/?X-Amz-Signature=abc&b=", "https://host/?X-Amz-Signature=REDACTED&b="),
        (
            "https://host/?access_token=a&access_token=b",
            "https://host/?access_token=REDACTED&access_token=REDACTED",
        ),
        ("https://host/?q=a%20b%26token", "https://host/?q=a+b%26token"),
        ("https://[::1]:80/?password=x", "https://[::1]:80/?password=REDACTED"),
    ],
)
def test_addresses_are_cleaned(address: str, clean: str) -> None:
    assert clean_url(address) == clean


def test_the_switch_to_stable_conventions_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    with recording():
        assert os.environ[STABILITY] == "http"
    assert STABILITY not in os.environ
    monkeypatch.setenv(STABILITY, "http/dup")
    with recording():
        assert os.environ[STABILITY] == "http/dup", "somebody chose"
    assert os.environ[STABILITY] == "http/dup"


def test_requests_that_carry_telemetry_are_not_watched(server: FaultServer) -> None:
    from otel.config import OtlpTarget

    with recording(destinations=("store", "otlp"), otlp=OtlpTarget.at(server.url)) as running:
        import logging

        logging.getLogger("coliseum").warning("one line")
        assert running.telemetry.force_flush(5)
        assert running.telemetry.force_flush(5)
        assert running.spans() == ()
        assert len(running.logs()) == 1
    assert all("traceparent" not in request.headers for request in server.requests)


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("/v1/messages", "/v1/messages"),
        ("/markets/KXMENTION-25NOV-A/orderbook", "/markets/{}/orderbook"),
        ("/orders/0b7c5a3e-9d1f-4c58-8f43-2f4b7ad0f1aa", "/orders/{}"),
    ],
)
def test_a_name_is_shared_by_requests_that_differ_in_an_id(
    running: Recording, server: FaultServer, path: str, shared: str
) -> None:
    CLIENTS["httpx2"](f"{server.url}{path}")
    assert only_span(running).name == f"GET 127.0.0.1 {shared}"
