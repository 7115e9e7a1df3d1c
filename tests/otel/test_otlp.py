"""What an OTLP endpoint answers decides what happens next, and nothing but OTLP is sent to it."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from otel.batch import Batch, Signal
from otel.config import Config, OtlpTarget
from otel.destination import Outcome, Verdict
from otel.destinations.jaeger import open_jaeger
from otel.destinations.logfire import open_logfire
from otel.destinations.otlp import OtlpHttp, all_signals, open_otlp
from otel.otlp_target import SignalOptions
from otel.testing import (
    Answer,
    FaultServer,
    cut,
    hang,
    partial_success,
    status,
    stored_then_silent,
)
from tests.otel.making import log, logs, points, span, spans

KEY = "canary-key-0123456789"
BATCHES = (
    spans(span("a")),
    logs(log("a")),
    points(1),
)


@pytest.fixture
def endpoint(server: FaultServer) -> Iterator[OtlpHttp]:
    target = OtlpTarget.at(server.url, headers={"authorization": f"Bearer {KEY}"}, timeout=0.3)
    opened = OtlpHttp("there", target, signals=all_signals(target, delta=False), delta=False)
    yield opened
    opened.close()


def test_each_signal_goes_to_its_own_address_and_arrives_whole(
    endpoint: OtlpHttp, server: FaultServer
) -> None:
    for batch in BATCHES:
        assert endpoint.deliver(batch) == Outcome.delivered()
    assert [r.path for r in server.requests] == ["/v1/traces", "/v1/logs", "/v1/metrics"]
    assert [r.body for r in server.requests] == [batch.payload for batch in BATCHES]
    assert ([s.name for s in server.spans()], [r.body for r in server.logs()]) == (["a"], ["a"])
    assert [p.value for p in server.points()] == [{"value": 1}]


def test_a_request_is_compressed_protobuf_with_the_key_it_was_given(
    endpoint: OtlpHttp, server: FaultServer
) -> None:
    endpoint.deliver(spans(span("a" * 10_000)))
    headers = server.requests[0].headers
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["content-encoding"] == "gzip"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert int(headers["content-length"]) < 500


def test_each_signal_has_its_own_headers_patience_and_compression(server: FaultServer) -> None:
    own = {
        "logs": SignalOptions(headers={"x-logs": "l"}, timeout=0.1),
        "metrics": SignalOptions(headers={"x-all": "a"}, gzip=False),
    }
    target = OtlpTarget.at(server.url, headers={"x-all": "a"}, own=own, timeout=0.4)
    there = OtlpHttp("there", target, signals=all_signals(target, delta=False), delta=False)
    for batch in BATCHES:
        assert there.deliver(batch) == Outcome.delivered()
    traces, logs_, metrics = (request.headers for request in server.requests)
    assert ("x-all" in traces, "x-logs" in traces, traces["content-encoding"]) == (True, False, "gzip")
    assert ("x-all" in logs_, logs_["x-logs"]) == (False, "l")
    assert ("x-all" in metrics, "content-encoding" in metrics) == (True, False)
    assert [r.body for r in server.requests] == [batch.payload for batch in BATCHES]
    server.always(hang())
    waited = []
    for batch in BATCHES[:2]:
        began = time.monotonic()
        assert there.deliver(batch).verdict is Verdict.LATER
        waited.append(time.monotonic() - began)
    assert waited[0] > 0.35 > waited[1]
    there.close()


def test_requests_share_one_connection(endpoint: OtlpHttp, server: FaultServer) -> None:
    server.script(Answer(), status(503), partial_success(1, "why"), status(400, body="bad"))
    for _ in range(6):
        endpoint.deliver(BATCHES[0])
    assert len({request.port for request in server.requests}) == 1


@pytest.mark.parametrize("code", [301, 302, 307, 308, 401, 403, 404, 405, 407])
def test_a_wrong_key_or_address_pauses(endpoint: OtlpHttp, server: FaultServer, code: int) -> None:
    """Redirects too: what is posted to a page is not delivered."""
    server.always(status(code))
    outcome = endpoint.deliver(BATCHES[0])
    assert (outcome.verdict, outcome.reason) == (Verdict.PAUSED, f"HTTP {code}")
    assert len(server.requests) == 1, "not followed"


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_place_that_is_away_or_busy_is_asked_later(
    endpoint: OtlpHttp, server: FaultServer, code: int
) -> None:
    server.always(status(code))
    assert endpoint.deliver(BATCHES[0]) == Outcome.later(f"HTTP {code}")


@pytest.mark.parametrize("code", [400, 409, 415, 422])
def test_a_batch_that_will_never_be_taken_is_refused(
    endpoint: OtlpHttp, server: FaultServer, code: int
) -> None:
    server.always(status(code, body="what is this"))
    assert endpoint.deliver(BATCHES[0]) == Outcome.refused(f"HTTP {code}: what is this")


def test_a_batch_that_is_too_large_is_refused_for_its_size(endpoint: OtlpHttp, server: FaultServer) -> None:
    server.always(status(413))
    assert endpoint.deliver(BATCHES[0]) == Outcome.refused("HTTP 413", too_large=True)


@pytest.mark.parametrize(
    ("header", "seconds"), [("17", 17.0), ("0", 0.0), ("soon", None), ("-5", None), ("99999999", 3600.0)]
)
def test_the_wait_that_is_asked_for_is_reported(
    endpoint: OtlpHttp, server: FaultServer, header: str, seconds: float | None
) -> None:
    server.always(status(429, retry_after=header))
    assert endpoint.deliver(BATCHES[0]).retry_after == seconds


@pytest.mark.parametrize(("ahead", "least", "most"), [(60, 50.0, 60.0), (-60, 0.0, 0.0)])
def test_the_wait_may_be_given_as_a_date(
    endpoint: OtlpHttp, server: FaultServer, ahead: int, least: float, most: float
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    server.always(status(503, retry_after=date))
    found = endpoint.deliver(BATCHES[0]).retry_after
    assert found is not None
    assert least <= found <= most


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: str(batch.signal))
def test_items_that_were_not_taken_are_counted(endpoint: OtlpHttp, server: FaultServer, batch: Batch) -> None:
    server.always(partial_success(3, "too old"))
    assert endpoint.deliver(batch) == Outcome.delivered(rejected=3, reason="too old")


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"<html>fine</html>", b"{}"])
def test_an_accepting_answer_that_is_no_protobuf_is_an_acceptance(
    endpoint: OtlpHttp, server: FaultServer, body: bytes
) -> None:
    server.always(Answer(body=body))
    assert endpoint.deliver(BATCHES[0]) == Outcome.delivered()


def test_what_the_other_side_says_is_shown_without_the_key_and_without_escapes(
    endpoint: OtlpHttp, server: FaultServer
) -> None:
    said = f"\x1b[31mkey {KEY} is\nwrong" + "!" * 5000
    server.script(status(401, body=said), partial_success(1, said))
    for _ in range(2):
        reason = endpoint.deliver(BATCHES[0]).reason
        assert KEY not in reason
        assert "is wrong!" in reason
        assert reason.isprintable()
        assert len(reason) < 250


def test_a_closed_port_is_asked_later(endpoint: OtlpHttp, server: FaultServer) -> None:
    server.refuse()
    assert endpoint.deliver(BATCHES[0]).verdict is Verdict.LATER
    server.accept()
    assert endpoint.deliver(BATCHES[0]) == Outcome.delivered()


def test_an_answer_that_breaks_off_is_asked_later(endpoint: OtlpHttp, server: FaultServer) -> None:
    server.script(cut())
    outcome = endpoint.deliver(BATCHES[0])
    assert outcome.verdict is Verdict.LATER
    assert "broke off" in outcome.reason


@pytest.mark.parametrize(("answer", "kept"), [(hang(), 0), (stored_then_silent(), 1)])
def test_silence_is_asked_later_and_what_came_twice_counts_once(
    endpoint: OtlpHttp, server: FaultServer, answer: Answer, kept: int
) -> None:
    server.script(answer)
    assert endpoint.deliver(BATCHES[0]).verdict is Verdict.LATER
    assert len(server.spans()) == kept
    assert endpoint.deliver(BATCHES[0]) == Outcome.delivered()
    assert len(server.spans()) == 1


def test_closing_while_a_delivery_hangs_does_not_raise(endpoint: OtlpHttp, server: FaultServer) -> None:
    server.script(hang())
    delivering = threading.Thread(target=endpoint.deliver, args=(BATCHES[0],))
    delivering.start()
    assert server.wait_for(1)
    endpoint.close()
    server.release()
    delivering.join(5)
    assert not delivering.is_alive()


def test_neither_proxies_nor_netrc_touch_a_request(
    endpoint: OtlpHttp, server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    target = OtlpTarget.at(server.url)
    bare = OtlpHttp("bare", target, signals=all_signals(target, delta=False), delta=False)
    assert bare.deliver(BATCHES[0]) == Outcome.delivered()
    assert "authorization" not in server.requests[0].headers
    bare.close()


def test_the_headers_of_one_destination_never_reach_another(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK's own exporters merge OTEL_EXPORTER_OTLP_HEADERS into every endpoint's."""
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-otlp-key={KEY}",
        "TELEMETRY_JAEGER_ENDPOINT": server.url,
        "LOGFIRE_TOKEN": "pylf_v1_eu_abcdefgh",
        "LOGFIRE_BASE_URL": server.url,
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    config = Config.from_env(env, service="s")
    sent = {}
    for open_it in (open_otlp, open_jaeger, open_logfire):
        for destination in open_it(config):
            destination.deliver(BATCHES[0])
            sent[destination.name] = server.requests[-1].headers
            destination.close()
    assert sent["otlp"]["x-otlp-key"] == KEY
    assert "authorization" not in sent["otlp"]
    for other in ("jaeger", "logfire"):
        assert KEY not in str(sent[other])


def test_only_signals_with_an_address_are_wanted() -> None:
    target = OtlpTarget(traces="http://localhost/t", logs="", metrics="http://localhost/m")
    assert all_signals(target, delta=True) == {Signal.TRACES, Signal.METRICS_DELTA}
    assert all_signals(target, delta=False) == {Signal.TRACES, Signal.METRICS_CUMULATIVE}


def test_jaeger_is_offered_traces_only() -> None:
    (jaeger,) = open_jaeger(Config(service="s"))
    assert jaeger.signals == {Signal.TRACES}
    jaeger.close()


def test_without_an_endpoint_there_is_no_destination() -> None:
    assert open_otlp(Config(service="s")) == ()
