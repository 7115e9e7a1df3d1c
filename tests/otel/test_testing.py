"""The test kit does what the tests of this and other programs rely on."""

import logging
import socket

import pytest
import requests
from opentelemetry import metrics, trace

from otel.testing import Answer, FaultServer, cut, ok, partial_success, recording, status
from tests.otel.making import log, logs, points, span, spans


def post(
    server: FaultServer, path: str = "/v1/traces", body: bytes = b"", **more: object
) -> requests.Response:
    return requests.post(f"{server.url}{path}", data=body, timeout=5, **more)  # type: ignore[arg-type]


def test_a_recording_shows_what_has_ended_so_far() -> None:
    with recording() as running:
        assert (running.spans(), running.logs()) == ((), ())
        with trace.get_tracer("tests").start_as_current_span("job"):
            logging.getLogger("coliseum").warning("a line")
            metrics.get_meter("tests").create_counter("orders").add(2)
            assert (running.spans(), len(running.logs())) == ((), 1)
        assert [s.name for s in running.spans()] == ["job"]
        assert [p.value for p in running.points() if p.name == "orders"] == [{"value": 2}]


def test_a_recording_takes_settings_of_the_layer_and_leaves_no_folder() -> None:
    with recording(service="other") as running:
        trace.get_tracer("tests").start_span("job").end()
        assert running.spans()[0].resource["service.name"] == "other"
        assert running.home.is_dir()
    assert not running.home.exists()


def test_the_server_keeps_what_it_accepts_once(server: FaultServer) -> None:
    assert (server.spans(), server.logs(), server.points()) == ((), (), ())
    for _ in range(2):
        assert post(server, body=spans(span("a")).payload).status_code == 200
        post(server, "/v1/logs", logs(log("b")).payload)
        post(server, "/v1/metrics", points(3).payload)
    assert [s.name for s in server.spans()] == ["a"]
    assert [r.body for r in server.logs()] == ["b"]
    assert [p.value for p in server.points()] == [{"value": 3}]
    assert len(server.requests) == 6


def test_a_script_comes_first_and_then_what_is_always_so(server: FaultServer) -> None:
    server.always(status(429, retry_after="7"))
    server.script(ok(), status(413), partial_success(1))
    codes = [post(server, body=spans(span("a")).payload) for _ in range(4)]
    assert [c.status_code for c in codes] == [200, 413, 200, 429]
    assert codes[3].headers["Retry-After"] == "7"
    assert codes[2].content


def test_an_answer_can_depend_on_the_request(server: FaultServer) -> None:
    server.always(lambda request: status(400) if b"poison" in request.body else ok())
    assert post(server, body=spans(span("poison")).payload).status_code == 400
    assert post(server, body=spans(span("fine")).payload).status_code == 200
    assert [s.name for s in server.spans()] == ["fine"]


def test_a_cut_answer_is_shorter_than_it_promised(server: FaultServer) -> None:
    server.script(cut())
    with pytest.raises(requests.exceptions.RequestException):
        post(server)


def test_refusing_closes_the_port_and_accepting_opens_the_same_one(server: FaultServer) -> None:
    url = server.url
    server.refuse()
    server.refuse()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    server.accept()
    assert server.url == url
    assert post(server).status_code == 200


def test_other_addresses_are_not_found_unless_an_answer_is_given(server: FaultServer) -> None:
    assert post(server, "/markets").status_code == 404
    server.always(Answer(body=b"{}", keep=True))
    assert post(server, "/markets").content == b"{}"
    assert [r.path for r in server.requests] == ["/markets", "/markets"]


def test_it_stands_for_logfire(server: FaultServer) -> None:
    server.token = "right"
    for token, code in (("right", 200), ("wrong", 401)):
        answer = requests.get(f"{server.url}/v1/info", headers={"Authorization": token}, timeout=5)
        assert answer.status_code == code
    assert server.requests == [], "only what brings telemetry is noted"
