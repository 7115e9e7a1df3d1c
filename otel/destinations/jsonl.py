"""Appends OTLP JSON, one export request a line, to files that any OTLP tool can read."""

import base64
import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal
from otel.config import Config
from otel.destination import Destination, Outcome

_REQUESTS: dict[Signal, Any] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS_CUMULATIVE: ExportMetricsServiceRequest,
}
_FILES = {Signal.TRACES: "traces", Signal.LOGS: "logs", Signal.METRICS_CUMULATIVE: "metrics"}
_IDS = ("traceId", "spanId", "parentSpanId")


class JsonLines:
    """traces.jsonl, logs.jsonl and metrics.jsonl in one folder; mode 0600; ids in hex as OTLP JSON wants them."""

    name = "jsonl"
    signals = frozenset(_REQUESTS)
    max_bytes = 1024**2

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, batch: Batch) -> Outcome:
        try:
            request = _REQUESTS[batch.signal].FromString(batch.payload)
        except DecodeError:
            return Outcome.refused("not an OTLP request")
        line = json.dumps(otlp_json(request), separators=(",", ":"), ensure_ascii=False)
        path = self._folder / f"{_FILES[batch.signal]}.jsonl"
        try:
            path.touch(mode=0o600)
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            return Outcome.later(f"{path}: {error.strerror}")
        return Outcome.delivered()

    def close(self) -> None:
        pass


def otlp_json(request: Any) -> Any:
    """An OTLP request as OTLP JSON: protobuf's JSON but for ids in hex and enums as numbers."""
    return _hex_ids(MessageToDict(request, use_integers_for_enums=True))


def _hex_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: base64.b64decode(v).hex() if k in _IDS else _hex_ids(v) for k, v in value.items()}
    return [_hex_ids(item) for item in value] if isinstance(value, list) else value


def open_jsonl(config: Config) -> tuple[Destination, ...]:
    return (JsonLines(config.home),)
