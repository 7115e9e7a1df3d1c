"""Trace ids go to the hosts on the list and to nobody else; baggage goes to nobody."""

from collections.abc import Iterator

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.trace import SpanKind

from otel.propagation import TrustedHosts, TrustedPropagator
from otel.testing import Answer, FaultServer, Recording, recording
from tests.otel.clients import CLIENTS, Send


@pytest.fixture(params=CLIENTS)
def send(request: pytest.FixtureRequest) -> Send:
    return CLIENTS[request.param]


@pytest.fixture
def stranger(server: FaultServer) -> str:
    """The same server under a name that is not on the list."""
    return server.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def running(server: FaultServer) -> Iterator[Recording]:
    with recording(trace_context_hosts=("127.0.0.1",)) as running:
        yield running


@pytest.fixture
def carrying_baggage() -> Iterator[None]:
    token = context.attach(baggage.set_baggage("gen_ai.agent.name", "scout"))
    yield
    context.detach(token)


def sampled(traceparent: str) -> bool:
    return bool(int(traceparent.rpartition("-")[2], 16) & 1)


@pytest.mark.usefixtures("carrying_baggage")
def test_a_trusted_host_is_told_the_span_of_its_own_request(
    running: Recording, server: FaultServer, send: Send
) -> None:
    with trace.get_tracer("tests").start_as_current_span("job"):
        send(f"{server.url}/markets")
    (request,) = (span for span in running.spans() if span.kind == SpanKind.CLIENT.value + 1)
    headers = server.requests[0].headers
    assert headers["traceparent"].startswith(f"00-{request.trace_id}-{request.span_id}-")
    assert sampled(headers["traceparent"])
    assert "baggage" not in headers


@pytest.mark.usefixtures("carrying_baggage")
def test_a_stranger_is_told_nothing_and_its_span_is_kept(
    running: Recording, server: FaultServer, stranger: str, send: Send
) -> None:
    with trace.get_tracer("tests").start_as_current_span("job"):
        assert send(f"{stranger}/markets") == 404
        send(f"{server.url}/markets")
        send(f"{stranger}/markets")
    told = [
        ("traceparent" in r.headers, "baggage" in r.headers, "tracestate" in r.headers)
        for r in server.requests
    ]
    assert told == [(False, False, False), (True, False, False), (False, False, False)]
    assert len(running.spans()) == 4


def test_a_request_that_is_sampled_out_is_no_secret_to_the_trusted_and_none_to_strangers(
    server: FaultServer, stranger: str, send: Send
) -> None:
    with recording(trace_context_hosts=("127.0.0.1",), sample_ratio=0.0) as running:
        send(f"{stranger}/markets")
        send(f"{server.url}/markets")
        assert running.spans() == ()
    assert "traceparent" not in server.requests[0].headers
    assert not sampled(server.requests[1].headers["traceparent"])


def test_a_redirect_from_a_trusted_host_to_a_stranger_takes_nothing_along(
    server: FaultServer, running: Recording, send: Send
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost") + "/markets"
    server.script(Answer(status=302, headers={"Location": elsewhere}))
    assert send(f"{server.url}/markets", follow_redirects=True) == 404
    assert "traceparent" in server.requests[0].headers
    assert server.requests[1].headers["host"].startswith("localhost")
    assert "traceparent" not in server.requests[1].headers


def test_a_port_can_be_named(server: FaultServer, send: Send) -> None:
    port = server.url.rpartition(":")[2]
    with recording(trace_context_hosts=(f"127.0.0.1:{port}", "localhost:1")):
        send(f"{server.url}/markets")
        send(f"{server.url}/markets".replace("127.0.0.1", "localhost"))
    assert ["traceparent" in request.headers for request in server.requests] == [True, False]


def test_anything_else_that_asks_for_headers_gets_them(running: Recording) -> None:
    """A hand-off through a queue is not a request to a stranger."""
    carrier: dict[str, str] = {}
    with trace.get_tracer("tests").start_as_current_span("job") as span:
        propagate.inject(carrier)
    assert f"{span.get_span_context().trace_id:032x}" in carrier["traceparent"]
    assert carrier.keys() == {"traceparent"}
    extracted = trace.get_current_span(propagate.extract(carrier)).get_span_context()
    assert extracted.trace_id == span.get_span_context().trace_id


def test_only_trace_context_is_spoken() -> None:
    assert TrustedPropagator().fields == {"traceparent", "tracestate"}


@pytest.mark.parametrize(
    ("hosts", "host", "trusted"),
    [
        (("api.example",), "API.example", True),
        ((" API.example ", ""), "api.example", True),
        (("api.example",), "evil-api.example", False),
        (("api.example",), "api.example.evil", False),
        (("example",), "api.example", False),
        ((), "", False),
        (("",), "", False),
    ],
)
def test_hosts_are_compared_whole(hosts: tuple[str, ...], host: str, trusted: bool) -> None:
    with recording(), trace.get_tracer("tests").start_as_current_span("request") as span:
        TrustedHosts(hosts).note(span, host, 443)
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
    assert bool(carrier) is trusted
