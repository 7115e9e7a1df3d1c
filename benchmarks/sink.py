"""A loopback server in a process of its own: takes OTLP as fast as it can (or as slowly as told), and answers tools.

It parses nothing while it is being measured against: bodies are kept as they came and counted when asked. Spoken to
by plain HTTP: `/v1/...` takes OTLP, `/quote/...` answers what an agent's tool asks, `/count?name=x` counts the
different spans of that name.
"""

import asyncio
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import urlopen

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

QUOTE = json.dumps({"ticker": "KXSKY-26-BLUE", "yes_bid": "0.41", "yes_ask": "0.43", "rules": "blue. " * 30})
PROJECT = json.dumps({"project_name": "bench", "project_url": "http://127.0.0.1/bench"})


class Sink:
    """The parent's handle on a running sink."""

    def __init__(self, url: str) -> None:
        self.url = url

    def count(self, name: str) -> dict[str, int]:
        """Different `spans` of that name, and `requests` with OTLP in all."""
        counted: dict[str, int] = self._ask(f"/count?name={quote(name)}")
        return counted

    def _ask(self, path: str) -> Any:
        with urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def running(delay: float = 0.0) -> Iterator[Sink]:
    """A sink that answers OTLP after `delay` seconds, for as long as the block lasts (or this process lives)."""
    command = [sys.executable, "-m", "benchmarks.sink", str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Sink(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


class _Server:
    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._bodies: list[tuple[str, bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                answer = await self._answer(head[0].split(" ")[1], headers.get("content-encoding", ""), body)
                length = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n"
                writer.write(length.encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def _answer(self, target: str, encoding: str, body: bytes) -> bytes:
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/count":
                return json.dumps(self._count(query["name"])).encode()
            case "/v1/info":
                return PROJECT.encode()
            case "/v1/traces" | "/v1/logs" | "/v1/metrics":
                await asyncio.sleep(self._delay)
                self._bodies.append((f"{parts.path} {encoding}".strip(), body))
                return b""
            case _:
                return QUOTE.encode()

    def _count(self, name: str) -> dict[str, int]:
        seen = set()
        for kind, body in self._bodies:
            if kind.startswith("/v1/traces"):
                payload = gzip.decompress(body) if kind.endswith("gzip") else body
                seen |= _ids(ExportTraceServiceRequest.FromString(payload), name)
        return {"spans": len(seen), "requests": len(self._bodies)}


def _ids(request: ExportTraceServiceRequest, name: str) -> set[tuple[bytes, bytes]]:
    """Logfire sends a span that is still open under another id; it is known by an attribute."""
    spans = (s for group in request.resource_spans for scope in group.scope_spans for s in scope.spans)
    return {
        (span.trace_id, span.span_id)
        for span in spans
        if span.name == name and not any(a.key == "logfire.pending_parent_id" for a in span.attributes)
    }


async def _main() -> None:
    server = await asyncio.start_server(_Server(float(sys.argv[1])).serve, "127.0.0.1", 0, limit=2**26)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # ends with whoever started it


if __name__ == "__main__":
    asyncio.run(_main())
