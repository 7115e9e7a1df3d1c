"""A test kit: an OTLP receiver that misbehaves on demand, and the layer itself with its store to look into."""

import contextlib
import gzip
import json
import socket
import ssl
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from opentelemetry import metrics
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics import MeterProvider

from otel.batch import Batch, Signal
from otel.config import Config
from otel.destination import Destination
from otel.store.ingest import Ingest
from otel.store.queries import LogRow, PointRow, SpanRow, Store
from otel.telemetry import Telemetry, start

SIGNALS = {
    "/v1/traces": Signal.TRACES,
    "/v1/logs": Signal.LOGS,
    "/v1/metrics": Signal.METRICS_CUMULATIVE,
}
_RESPONSES: Mapping[Signal, tuple[Any, str]] = {
    Signal.TRACES: (ExportTraceServiceResponse, "rejected_spans"),
    Signal.LOGS: (ExportLogsServiceResponse, "rejected_log_records"),
    Signal.METRICS_CUMULATIVE: (ExportMetricsServiceResponse, "rejected_data_points"),
}
HANG_SECONDS = 30.0
"""The longest that an answer is held back, should a test forget to release it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived: header names in lower case, the body without its compression."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    port: int
    """The client's port: the same for requests on one connection."""

    @property
    def signal(self) -> Signal:
        return SIGNALS[self.path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request is answered with. `keep` stores its content; `hang` then waits for `release`; `cut` closes the
    connection in the middle of the body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    keep: bool = False
    hang: bool = False
    cut: bool = False
    rejected: int = 0
    message: str = ""


def ok() -> Answer:
    return Answer(keep=True)


def status(code: int, *, retry_after: str = "", body: str = "") -> Answer:
    """Refuse with a status code, keeping nothing; a redirect says where to."""
    headers = {"Retry-After": retry_after} if retry_after else {}
    if 300 <= code < 400:
        headers["Location"] = "/elsewhere"
    return Answer(status=code, headers=headers, body=body.encode())


def partial_success(rejected: int, message: str = "") -> Answer:
    """Accept, and say that so many items were not taken."""
    return Answer(keep=True, rejected=rejected, message=message)


def hang() -> Answer:
    """Accept the connection and the request, and say nothing until `FaultServer.release`."""
    return Answer(hang=True)


def cut() -> Answer:
    """Promise more than is sent, and close the connection."""
    return Answer(body=b"x" * 64, cut=True)


def stored_then_silent() -> Answer:
    """Take the content, but let the sender wait for the answer until it gives up."""
    return Answer(keep=True, hang=True)


def _usual(request: Request) -> Answer:
    return ok() if request.path in SIGNALS else status(404)


class FaultServer:
    """An OTLP/HTTP receiver on a free loopback port that answers as it is told; also stands for Logfire's
    `/v1/info`. Use as a context manager; safe from any thread.

    What it was told to keep can be read as rows; what comes twice is kept once."""

    def __init__(
        self, *, project_url: str = "https://logfire.test/project", tls: ssl.SSLContext | None = None
    ) -> None:
        self.project_url = project_url
        self.tls = tls
        self.token = ""
        """When set, `/v1/info` refuses every other token."""
        self.info: Answer | None = None
        """When set, the answer of `/v1/info` whatever the token."""
        self.requests: list[Request] = []
        self._script: list[Answer] = []
        self._otherwise: Callable[[Request], Answer] = _usual
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._arrived = threading.Condition(self._lock)
        self._port = 0
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._kept = folder / "kept.db"
        self._ingest = Ingest(self._kept)
        self._stack.callback(self._ingest.close)
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self.refuse()
        self._stack.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._port}"

    def script(self, *answers: Answer) -> None:
        """Answer the next requests so, one each; then as before."""
        with self._lock:
            self._script = list(answers)

    def always(self, answer: Answer | Callable[[Request], Answer]) -> None:
        """Answer so from now on, whenever no script is left."""
        self._otherwise = answer if callable(answer) else lambda request: answer

    def release(self) -> None:
        """Let every hanging answer go, now and from now on."""
        self._released.set()

    def refuse(self) -> None:
        """Close the port and every connection: from now on connecting is refused. What hangs must be released
        before."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def accept(self) -> None:
        """Open the port (again, the same one)."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        self._server.start()

    def wait_for(self, requests: int, timeout: float = 5.0) -> bool:
        """Whether that many requests have arrived, waiting for them at most `timeout` seconds."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.requests) >= requests, timeout)

    def spans(self) -> tuple[SpanRow, ...]:
        return self._read(Store.spans)

    def logs(self) -> tuple[LogRow, ...]:
        return self._read(Store.logs)

    def points(self) -> tuple[PointRow, ...]:
        return self._read(Store.points)

    def _read(self, question: Callable[[Store], tuple[Any, ...]]) -> tuple[Any, ...]:
        with self._lock:
            if not self._kept.exists():
                return ()
            with Store.open(self._kept) as store:
                return question(store)

    def answer(self, request: Request) -> Answer:
        """Note a request and choose its answer; called by the server's threads."""
        if request.path == "/v1/info":
            return self._info(request)
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
            scripted = self._script.pop(0) if self._script else None
        answer = scripted or self._otherwise(request)
        if answer.keep and request.path in SIGNALS:
            with self._lock:
                self._ingest.add(Batch(request.signal, request.body, 0))
        return answer

    def _info(self, request: Request) -> Answer:
        if self.info is not None:
            return self.info
        if self.token and request.headers.get("authorization") != self.token:
            return status(401, body='{"detail": "Invalid token"}')
        return Answer(body=json.dumps({"project_name": "test", "project_url": self.project_url}).encode())

    def hold(self) -> None:
        """Wait for `release`; called by the server's threads."""
        self._released.wait(HANG_SECONDS)


class _Server(ThreadingHTTPServer):
    """Remembers its connections, so that stopping ends the threads of those that are kept alive."""

    daemon_threads = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], faults: FaultServer) -> None:
        super().__init__(address, _Handler)
        self.faults = faults
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), name="fault-server")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.faults.tls is None:
            return connection, address
        # the handshake is left to the connection's own thread
        return self.faults.tls.wrap_socket(connection, True, do_handshake_on_connect=False), address

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away is part of the game


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        request = self._request()
        answer = self.server.faults.answer(request)
        if answer.hang:
            self.server.faults.hold()
        self._send(answer, answer.body or _success(request, answer))

    def _request(self) -> Request:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.headers.get("Content-Encoding"):
            case "gzip":
                body = gzip.decompress(body)
            case "deflate":
                body = zlib.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, body, self.client_address[1])

    def _send(self, answer: Answer, body: bytes) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer.cut else body)
        self.close_connection = self.close_connection or answer.cut


def _success(request: Request, answer: Answer) -> bytes:
    if not (answer.rejected or answer.message):
        return b""
    response, count = _RESPONSES[request.signal]
    said = {"error_message": answer.message, count: answer.rejected}
    return bytes(response(partial_success=said).SerializeToString())


class Recording:
    """The running layer of a test, and what has reached its store so far."""

    def __init__(self, telemetry: Telemetry, home: Path) -> None:
        self.telemetry = telemetry
        self.home = home

    def spans(self) -> tuple[SpanRow, ...]:
        """Every span that has ended, in order of start."""
        return self._read(Store.spans)

    def logs(self) -> tuple[LogRow, ...]:
        """Every log record that was emitted, in order of time."""
        return self._read(Store.logs)

    def points(self) -> tuple[PointRow, ...]:
        """Every metric data point, collected at this moment."""
        provider = metrics.get_meter_provider()
        if isinstance(provider, MeterProvider):
            provider.force_flush()
        return self._read(Store.points)

    def _read(self, question: Callable[[Store], tuple[Any, ...]]) -> tuple[Any, ...]:
        if not self.telemetry.force_flush(5.0, destination="store"):
            raise AssertionError("telemetry did not reach the store within 5 s")
        if not (self.home / "store.db").exists():
            return ()
        with Store.open(self.home / "store.db") as store:
            return question(store)


@contextmanager
def recording(*, extra: Sequence[Destination] = (), **overrides: Any) -> Iterator[Recording]:
    """Run the layer in a temporary folder with the store as destination; `overrides` are fields of Config."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"service": "test", "home": Path(folder), "destinations": ("store",), **overrides}
        config = Config(**settings)
        with start(config, extra=extra) as telemetry:
            yield Recording(telemetry, config.home)
