"""Runs the whole layer once in a folder of its own: start, a log record, a real HTTP request, an agent, a secret."""

import asyncio
import importlib.util
import logging
import secrets
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import zstandard
from opentelemetry import trace

from otel.config import Config
from otel.doctor.finding import Finding, fault, note, well
from otel.errors import OtelError
from otel.store.queries import Store
from otel.telemetry import start

INITIALISATION, LOGGING, HTTP, AGENT, CANARY = "initialisation", "logging", "http", "pydantic-ai", "redaction"
LOGGER = "doctor.rehearsal"
FLUSH_SECONDS = 3.0
MOST_BYTES = 16 * 1024**2


def rehearse() -> Iterator[Finding]:
    """Nothing of it reaches the program's own journal, store or destinations."""
    canary = f"canary-{secrets.token_hex(16)}"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        config = Config(service="otel-doctor", home=home, secrets=frozenset({canary}))
        with start(config) as telemetry:
            if not telemetry.running:
                said = "; ".join(telemetry.notices) or "no reason was given"
                yield fault(INITIALISATION, f"the layer did not start: {said}", "mend what it names")
                return
            acted = _act(canary)
            arrived = telemetry.force_flush(FLUSH_SECONDS, destination="store")
        yield from _arrived(home, arrived, acted)
        yield from leaks(home, canary)


def _act(canary: str) -> dict[str, str]:
    """What was done, each with the reason for which it could not be."""
    done = {}
    with trace.get_tracer("otel.doctor").start_as_current_span(
        "otel.doctor.rehearsal", attributes={"key": canary}
    ):
        for name, act in ((LOGGING, _log), (HTTP, _request), (AGENT, _run_agent)):
            try:
                done[name] = act(canary)
            except Exception as error:  # whatever a library does here is what is to be found out
                done[name] = f"{type(error).__name__} was raised"
    return done


def _log(canary: str) -> str:
    logging.getLogger(LOGGER).warning("a record of the rehearsal with %s", canary)
    return ""


def _request(canary: str) -> str:
    if importlib.util.find_spec("httpx2") is None:
        return "httpx2 is not installed"
    import httpx2

    with closing(_Server()) as server, httpx2.Client(trust_env=False, timeout=FLUSH_SECONDS) as client:
        client.get(f"{server.url}/rehearsal?token={canary}")
    return ""


def _run_agent(canary: str) -> str:
    if importlib.util.find_spec("pydantic_ai") is None:
        return "pydantic-ai is not installed"
    from pydantic_ai import Agent  # takes most of a second to import
    from pydantic_ai.models.test import TestModel

    # not run_sync, which leaves an event loop behind
    asyncio.run(Agent(TestModel(), name="rehearsal").run(f"say nothing of {canary}"))
    return ""


def _arrived(home: Path, flushed: bool, done: dict[str, str]) -> Iterator[Finding]:
    try:
        with Store.open(home / "store.db") as store:
            spans, logs = store.spans(), store.logs()
    except OtelError as error:
        yield fault(INITIALISATION, f"nothing was stored: {error}", "see the finding about the journal")
        return
    if not flushed or not any(span.name == "otel.doctor.rehearsal" for span in spans):
        yield fault(
            INITIALISATION, "a span did not reach the store in time", "see that the disk is not overloaded"
        )
    else:
        yield well(INITIALISATION, "the layer starts, and a span arrives")
    seen = {
        LOGGING: any(log.logger == LOGGER and log.span_id.strip("0") for log in logs),
        HTTP: any("http.request.method" in span.attributes for span in spans),
        AGENT: any(span.attributes.get("gen_ai.operation.name") == "chat" for span in spans),
    }
    for name, is_there in seen.items():
        yield _seen(name, is_there, done[name])


def _seen(name: str, is_there: bool, reason: str) -> Finding:
    if is_there:
        return well(name, "is recorded, inside its span")
    if reason.endswith("not installed"):
        return note(name, f"{reason}, so it is not recorded")
    return fault(
        name,
        f"was not recorded{f': {reason}' if reason else ''}",
        "see that nothing removes handlers from the root logger or undoes instrumentation; `pip check` finds versions "
        "that do not fit",
    )


def leaks(home: Path, canary: str) -> Iterator[Finding]:
    """Whether a secret stands in any file below `home`, packed or not."""
    found = sorted(
        {path.name for path in home.rglob("*") if path.is_file() and _holds(path, canary.encode())}
    )
    if found:
        yield fault(
            CANARY,
            f"a planted secret was stored in {', '.join(found)}",
            "stop the program and report this: a secret that it was told of was not removed",
        )
    else:
        yield well(CANARY, "a planted secret is in no stored byte")


def _holds(path: Path, needle: bytes) -> bool:
    content = path.read_bytes()
    if needle in content:
        return True
    return content.startswith(b"SQLite format 3") and any(needle in value for value in _unpacked(path))


def _unpacked(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(path)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  # names come from the file itself
                yield from (unpack(value) for value in row if isinstance(value, bytes))


def unpack(value: bytes) -> bytes:
    """What a column holds, without its compression if it has one."""
    try:
        return zstandard.ZstdDecompressor().decompress(value, max_output_size=MOST_BYTES)
    except zstandard.ZstdError:
        return value


class _Server:
    """Answers every request on this machine with nothing."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Silent)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(1.0)


class _Silent(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
