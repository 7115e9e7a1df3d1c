"""OTLP/gRPC: what a real server answers decides what happens next."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel.config import Config, OtlpTarget
from otel.destination import Destination, Outcome, Verdict
from otel.destinations import DESTINATIONS
from otel.destinations.otlp_grpc import OtlpGrpc
from tests.otel.certificates import Certificates
from tests.otel.making import log, logs, points, span, spans

KEY = "canary-key-0123456789"
BATCHES = (spans(span("a")), logs(log("a")), points(1))
CODES = grpc.StatusCode


@dataclass
class Receiver(grpc.GenericRpcHandler):  # type: ignore[misc]  # the library has no types
    """Answers every method with the same bytes, or the same error."""

    answer: bytes = b""
    code: Any = None
    details: str = ""
    retry_after: int | None = None
    calls: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def service(self, call: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(lambda body, context: self.take(call, body, context))

    def take(self, call: Any, body: bytes, context: Any) -> bytes:
        self.calls.append((call.method, body, dict(call.invocation_metadata)))
        if self.retry_after is not None:
            context.set_trailing_metadata([("grpc-status-details-bin", self.status())])
        if self.code is not None:
            context.abort(self.code, self.details)
        return self.answer

    def status(self) -> bytes:
        info = RetryInfo()
        info.retry_delay.seconds = self.retry_after
        detail = AnyMessage()
        detail.Pack(info)
        return bytes(Status(code=8, details=[detail]).SerializeToString())


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def address(receiver: Receiver) -> Iterator[str]:
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, [receiver])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"http://127.0.0.1:{port}"
        server.stop(0).wait()


def target(address: str, **more: Any) -> OtlpTarget:
    headers = {"Authorization": f"Bearer {KEY}"}
    return OtlpTarget(
        traces=address, logs=address, metrics=address, headers=headers, grpc=True, timeout=2.0, **more
    )


@pytest.fixture
def endpoint(address: str) -> Iterator[Destination]:
    (opened,) = DESTINATIONS["otlp"](Config(service="s", otlp=target(address)))
    assert isinstance(opened, OtlpGrpc)
    yield opened
    opened.close()


def test_each_signal_goes_to_its_own_service_and_arrives_as_it_is(
    endpoint: Destination, receiver: Receiver
) -> None:
    for batch in BATCHES:
        assert endpoint.deliver(batch) == Outcome.delivered()
    assert [method.split(".")[-1] for method, _, _ in receiver.calls] == [
        "TraceService/Export",
        "LogsService/Export",
        "MetricsService/Export",
    ]
    assert [body for _, body, _ in receiver.calls] == [batch.payload for batch in BATCHES]
    assert {headers["authorization"] for _, _, headers in receiver.calls} == {f"Bearer {KEY}"}


def test_items_that_were_not_taken_are_counted(endpoint: Destination, receiver: Receiver) -> None:
    said: Any = {"rejected_spans": 3, "error_message": "too old"}
    receiver.answer = ExportTraceServiceResponse(partial_success=said).SerializeToString()
    assert endpoint.deliver(BATCHES[0]) == Outcome.delivered(rejected=3, reason="too old")


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (CODES.UNAUTHENTICATED, Verdict.PAUSED),
        (CODES.PERMISSION_DENIED, Verdict.PAUSED),
        (CODES.UNIMPLEMENTED, Verdict.PAUSED),
        (CODES.UNAVAILABLE, Verdict.LATER),
        (CODES.INTERNAL, Verdict.LATER),
        (CODES.ABORTED, Verdict.LATER),
        (CODES.DATA_LOSS, Verdict.LATER),
        (CODES.RESOURCE_EXHAUSTED, Verdict.LATER),
        (CODES.INVALID_ARGUMENT, Verdict.REFUSED),
        (CODES.FAILED_PRECONDITION, Verdict.REFUSED),
    ],
)
def test_what_happens_next_is_decided_by_the_status(
    endpoint: Destination, receiver: Receiver, code: Any, verdict: Verdict
) -> None:
    receiver.code, receiver.details = code, f"\x1b[31mkey {KEY} is wrong"
    outcome = endpoint.deliver(BATCHES[0])
    assert outcome.verdict is verdict
    assert code.name in outcome.reason
    assert KEY not in outcome.reason
    assert outcome.reason.isprintable()


def test_only_what_can_be_too_large_is_halved(endpoint: Destination, receiver: Receiver) -> None:
    """The same status means "busy", and then a request of any size has to wait."""
    receiver.code = CODES.RESOURCE_EXHAUSTED
    large = spans(span("x" * 100_000))
    assert endpoint.deliver(large) == Outcome.refused("gRPC RESOURCE_EXHAUSTED", too_large=True)
    receiver.retry_after = 17
    assert endpoint.deliver(large) == Outcome.later("gRPC RESOURCE_EXHAUSTED", retry_after=17.0)


def test_a_closed_port_is_asked_later() -> None:
    there = OtlpGrpc("there", target("http://127.0.0.1:9"), delta=False)
    assert there.deliver(BATCHES[0]).verdict is Verdict.LATER
    there.close()
    assert there.deliver(BATCHES[0]).verdict is Verdict.LATER


def test_the_channel_is_encrypted_and_both_sides_are_known(tmp_path: Path, receiver: Receiver) -> None:
    made = Certificates(tmp_path)
    credentials = grpc.ssl_server_credentials(
        [(made.server_key.read_bytes(), made.server.read_bytes())], made.authority.read_bytes(), True
    )
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, [receiver])
        port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        known = {
            "certificate": made.authority,
            "client_certificate": made.client,
            "client_key": made.client_key,
        }
        address = f"https://127.0.0.1:{port}"
        for details, verdict in (
            (known, Verdict.DELIVERED),
            ({"certificate": made.authority}, Verdict.LATER),
        ):
            there = OtlpGrpc("there", target(address, **details), delta=False)
            assert there.deliver(BATCHES[0]).verdict is verdict
            there.close()
        server.stop(0).wait()
    assert len(receiver.calls) == 1
