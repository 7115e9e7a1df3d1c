"""Builds OTLP batches by hand, and reads them back, without the code under test."""

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal

NS = 1_000_000_000


def pair(key: str, value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"key": key, "value": {"bool_value": value}}
        case int():
            return {"key": key, "value": {"int_value": value}}
        case float():
            return {"key": key, "value": {"double_value": value}}
        case bytes():
            return {"key": key, "value": {"bytes_value": value}}
        case list():
            values = [pair("", item)["value"] for item in value]
            return {"key": key, "value": {"array_value": {"values": values}}}
        case dict():
            values = [pair(k, v) for k, v in value.items()]
            return {"key": key, "value": {"kvlist_value": {"values": values}}}
        case _:
            return {"key": key, "value": {"string_value": value}}


def pairs(attributes: dict[str, Any] | None) -> list[dict[str, Any]]:
    return [pair(key, value) for key, value in (attributes or {}).items()]


def span(
    name: str,
    number: int = 1,
    *,
    trace: int = 1,
    parent: int = 0,
    start: float = 1.0,
    seconds: float = 1.0,
    error: str = "",
    attributes: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One span; its times are in seconds."""
    return {
        "trace_id": trace.to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "parent_span_id": parent.to_bytes(8, "big") if parent else b"",
        "name": name,
        "start_time_unix_nano": int(start * NS),
        "end_time_unix_nano": int((start + seconds) * NS),
        "attributes": pairs(attributes),
        "status": {"code": 2, "message": error} if error else {},
        **more,
    }


def spans(*rows: dict[str, Any], resource: dict[str, Any] | None = None) -> Batch:
    group: Any = {
        "resource": {"attributes": pairs(resource or {"service.name": "made"})},
        "scope_spans": [{"scope": {"name": "tests"}, "spans": list(rows)}],
    }
    payload = ExportTraceServiceRequest(resource_spans=[group]).SerializeToString()
    return Batch(Signal.TRACES, payload, len(rows))


def named(*names: str) -> Batch:
    """Spans with these names, each its own trace."""
    return spans(*(span(name, trace=1 + abs(hash(name)) % 2**60) for name in names))


def log(
    body: Any,
    *,
    trace: int = 1,
    span: int = 1,
    at: float = 1.5,
    attributes: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "trace_id": trace.to_bytes(16, "big"),
        "span_id": span.to_bytes(8, "big"),
        "time_unix_nano": int(at * NS),
        "severity_number": 9,
        "body": pair("", body)["value"],
        "attributes": pairs(attributes),
        **more,
    }


def logs(*rows: dict[str, Any]) -> Batch:
    group: Any = {
        "resource": {"attributes": pairs({"service.name": "made"})},
        "scope_logs": [{"scope": {"name": "tests.logger"}, "log_records": list(rows)}],
    }
    payload = ExportLogsServiceRequest(resource_logs=[group]).SerializeToString()
    return Batch(Signal.LOGS, payload, len(rows))


def points(*values: int, name: str = "made.count", signal: Signal = Signal.METRICS_CUMULATIVE) -> Batch:
    rows = [{"time_unix_nano": n * NS, "as_int": value} for n, value in enumerate(values, start=1)]
    metric: Any = {"name": name, "unit": "1", "sum": {"data_points": rows, "is_monotonic": True}}
    group: Any = {"scope_metrics": [{"metrics": [metric]}]}
    payload = ExportMetricsServiceRequest(resource_metrics=[group]).SerializeToString()
    return Batch(signal, payload, len(rows))


def names(batch: Batch) -> list[str]:
    """Of the spans in a batch, in order."""
    request = ExportTraceServiceRequest.FromString(batch.payload)
    return [s.name for group in request.resource_spans for scope in group.scope_spans for s in scope.spans]
