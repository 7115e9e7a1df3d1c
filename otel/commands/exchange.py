"""Traces in and out of the local store as OTLP JSON, which any OpenTelemetry tool reads and writes."""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from google.protobuf.json_format import ParseDict, ParseError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal
from otel.commands.output import Home, home_folder, notice, show_json
from otel.config import Config
from otel.errors import StoreError
from otel.redaction import Redactor
from otel.store.ingest import Ingest
from otel.store.queries import LogRow, SpanRow, Store

MOST_BYTES = 256 * 1024**2
"""The largest file that is read into memory."""
_REQUESTS: dict[str, tuple[Signal, Any, str, str]] = {
    "resourceSpans": (Signal.TRACES, ExportTraceServiceRequest, "scopeSpans", "spans"),
    "resourceLogs": (Signal.LOGS, ExportLogsServiceRequest, "scopeLogs", "logRecords"),
    "resourceMetrics": (Signal.METRICS_CUMULATIVE, ExportMetricsServiceRequest, "scopeMetrics", "metrics"),
}
_IDS = ("traceId", "spanId", "parentSpanId")


def export(
    context: typer.Context,
    trace_id: Annotated[str, typer.Argument(help="A trace id, or its first digits.")],
    form: Annotated[Literal["otlp-json"], typer.Option("--format", help="One form so far.")] = "otlp-json",
    home: Home = None,
) -> None:
    """One trace with its log records as OTLP JSON: one request a line, spans first."""
    with Store.open(home_folder(context, home) / "store.db") as store:
        found = store.find_trace(trace_id)
        spans, logs = store.spans(found), store.logs(found)
    show_json({"resourceSpans": [_span_group(span) for span in spans]}, indent=None)
    if logs:
        show_json({"resourceLogs": [_log_group(log) for log in logs]}, indent=None)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="OTLP JSON: one request, or one on each line.")],
    home: Home = None,
) -> None:
    """Put spans, log records and metrics of a file into the local store. What is there already is not stored twice."""
    folder = home_folder(context, home)
    redactor = Redactor(Config.from_env(context.obj, service="otel").secrets)
    batches = [_batch(redactor, file, request) for request in _requests(file)]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}") from error
    ingest = Ingest(folder / "store.db")
    try:
        refused = sum(ingest.add(batch) for batch in batches)
    finally:
        ingest.close()
    notice(f"{sum(batch.items for batch in batches) - refused:,} items read from {file}")


def _requests(file: Path) -> Iterator[Any]:
    """One JSON value, over several lines or not; or one value a line."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise StoreError(f"{file}: larger than {MOST_BYTES:,} bytes; split it by lines")
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file}: cannot be read ({type(error).__name__})") from error
    try:
        yield json.loads(text)
    except (ValueError, RecursionError):
        yield from _lines(file, text)


def _lines(file: Path, text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise StoreError(f"{file}: line {number} is not JSON") from error


def _batch(redactor: Redactor, file: Path, value: Any) -> Batch:
    field = next((name for name in _REQUESTS if isinstance(value, dict) and name in value), "")
    if not field:
        raise StoreError(f"{file}: not OTLP JSON (neither {', '.join(_REQUESTS)})")
    signal, request, scopes, rows = _REQUESTS[field]
    try:
        parsed = ParseDict(_bytes_ids(value), request(), ignore_unknown_fields=True)
        items = sum(len(s.get(rows, ())) for group in value[field] for s in group.get(scopes, ()))
    except (ParseError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise StoreError(f"{file}: not OTLP JSON ({type(error).__name__})") from error
    return Batch(signal, redactor.encoded(parsed), items)


def _bytes_ids(value: Any) -> Any:
    """OTLP JSON has ids in hex where protobuf's JSON has base64."""
    if isinstance(value, dict):
        return {k: _base64(v) if k in _IDS else _bytes_ids(v) for k, v in value.items()}
    return [_bytes_ids(item) for item in value] if isinstance(value, list) else value


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode("ascii")


def _span_group(span: SpanRow) -> dict[str, Any]:
    row = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_span_id} if span.parent_span_id else {}),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _pairs(span.attributes),
        "events": [
            {"name": e["name"], "timeUnixNano": str(e["time_ns"]), "attributes": _pairs(e["attributes"])}
            for e in span.events
        ],
        "links": [
            {"traceId": k["trace_id"], "spanId": k["span_id"], "attributes": _pairs(k["attributes"])}
            for k in span.links
        ],
        "status": {"code": span.status, **({"message": span.message} if span.message else {})},
    }
    scopes = [{"scope": {"name": span.scope}, "spans": [row]}]
    return {"resource": {"attributes": _pairs(span.resource)}, "scopeSpans": scopes}


def _log_group(log: LogRow) -> dict[str, Any]:
    row = {
        "timeUnixNano": str(log.time_ns),
        "severityNumber": log.severity,
        **({"eventName": log.event_name} if log.event_name else {}),
        "body": {"stringValue": log.body},
        "attributes": _pairs(log.attributes),
        "traceId": log.trace_id,
        "spanId": log.span_id,
    }
    return {"scopeLogs": [{"scope": {"name": log.logger}, "logRecords": [row]}]}


def _pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case dict():
            return {"kvlistValue": {"values": _pairs(value)}}
        case Sequence() if not isinstance(value, str):
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case None:
            return {}
        case _:
            return {"stringValue": str(value)}
