"""Puts OTLP batches into the store: each span once by (trace, span), each record and point once by its content."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from otel.batch import Batch, Signal
from otel.errors import StoreError
from otel.forks import ForkGate
from otel.store.queries import SpanRow, declared_cost
from otel.store.schema import connect

_ROLL_UP = """
INSERT INTO trace VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (trace_id) DO UPDATE SET
    root = CASE WHEN excluded.root != '' THEN excluded.root ELSE root END,
    start_ns = min(start_ns, excluded.start_ns), end_ns = max(end_ns, excluded.end_ns), spans = spans + excluded.spans,
    errors = errors + excluded.errors, input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens, calls_usd = calls_usd + excluded.calls_usd,
    declared_usd = coalesce(excluded.declared_usd, declared_usd)
"""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Ingest:
    """The writing side of the store, for one thread at a time; the file is opened at the first batch."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._gate = ForkGate()

    def add(self, batch: Batch) -> int:
        """Store one batch in one transaction; how many of its items could not be read (all or none).
        Raises StoreError when the file cannot be written: nothing of the batch is then stored."""
        try:
            with self._gate:
                if self._connection is None:
                    self._connection = connect(self._path)
                return self._add(self._connection, batch)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path}: {error}") from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _add(self, connection: sqlite3.Connection, batch: Batch) -> int:
        connection.execute("BEGIN IMMEDIATE")
        try:
            match batch.signal:
                case Signal.TRACES:
                    _add_traces(connection, ExportTraceServiceRequest.FromString(batch.payload))
                case Signal.LOGS:
                    _add_logs(connection, ExportLogsServiceRequest.FromString(batch.payload))
                case Signal.METRICS_DELTA | Signal.METRICS_CUMULATIVE:
                    _add_points(connection, ExportMetricsServiceRequest.FromString(batch.payload))
            connection.execute("COMMIT")
        except DecodeError:
            connection.execute("ROLLBACK")
            return batch.items
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return 0


def read_spans(request: ExportTraceServiceRequest) -> Iterator[SpanRow]:
    """The spans of an export request as rows."""
    for group in request.resource_spans:
        yield from _group(group)


def _group(group: ResourceSpans) -> Iterator[SpanRow]:
    resource = _plain(group.resource.attributes)
    for scope in group.scope_spans:
        for span in scope.spans:
            yield _span(span, scope.scope.name, resource)


def _span(span: Span, scope: str, resource: dict[str, Any]) -> SpanRow:
    return SpanRow(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        kind=span.kind,
        start_ns=_time(span.start_time_unix_nano),
        end_ns=_time(span.end_time_unix_nano),
        status=span.status.code,
        message=span.status.message,
        scope=scope,
        attributes=_plain(span.attributes),
        events=[
            {"name": e.name, "time_ns": e.time_unix_nano, "attributes": _plain(e.attributes)}
            for e in span.events
        ],
        links=[
            {"trace_id": k.trace_id.hex(), "span_id": k.span_id.hex(), "attributes": _plain(k.attributes)}
            for k in span.links
        ],
        resource=resource,
    )


def _add_traces(connection: sqlite3.Connection, request: ExportTraceServiceRequest) -> None:
    resources, traces = _Resources(connection), dict[str, _Trace]()
    for group in request.resource_spans:
        resource = resources.number(group.resource)
        for span in _group(group):
            if _add_span(connection, span, resource):
                new, known = _roll_up(span), traces.get(span.trace_id)
                traces[span.trace_id] = known.plus(new) if known else new
    connection.executemany(_ROLL_UP, traces.values())


def _add_span(connection: sqlite3.Connection, span: SpanRow, resource: int) -> bool:
    """Whether it was not there yet."""
    row = (
        *(span.trace_id, span.span_id, span.parent_span_id, span.name, span.kind, span.start_ns, span.end_ns),
        *(span.status, span.message, span.scope, resource, _json(span.attributes)),
        *(_json(part) if part else "[]" for part in (span.events, span.links)),
    )
    added = connection.execute("INSERT OR IGNORE INTO span VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", row)
    return added.rowcount == 1


class _Trace(NamedTuple):
    """What some spans add to the row of their trace."""

    trace_id: str
    root: str
    start_ns: int
    end_ns: int
    spans: int
    errors: int
    input_tokens: int
    output_tokens: int
    calls_usd: float
    declared_usd: float | None

    def plus(self, other: "_Trace") -> "_Trace":
        return _Trace(
            self.trace_id,
            other.root or self.root,
            min(self.start_ns, other.start_ns),
            max(self.end_ns, other.end_ns),
            self.spans + other.spans,
            self.errors + other.errors,
            _within(self.input_tokens + other.input_tokens),
            _within(self.output_tokens + other.output_tokens),
            self.calls_usd + other.calls_usd,
            self.declared_usd if other.declared_usd is None else other.declared_usd,
        )


def _roll_up(span: SpanRow) -> _Trace:
    """What one span adds to its trace. Tokens and dollars count where a model was called ("chat"), so that
    totals which agents report again on their own spans are not added twice; what the root itself declares to
    have cost is kept beside them."""
    root = not span.parent_span_id
    attributes = span.attributes
    chat = attributes.get("gen_ai.operation.name") == "chat"
    cost = attributes.get("operation.cost")
    return _Trace(
        span.trace_id,
        span.name if root else "",
        span.start_ns,
        span.end_ns,
        1,
        int(span.failed),
        _number(attributes.get("gen_ai.usage.input_tokens")) if chat else 0,
        _number(attributes.get("gen_ai.usage.output_tokens")) if chat else 0,
        float(cost) if chat and isinstance(cost, int | float) else 0.0,
        declared_cost(attributes) if root else None,
    )


def _time(nanoseconds: int) -> int:
    """OTLP's times are unsigned and SQLite's numbers signed: what nobody can mean becomes the latest time there is."""
    return min(nanoseconds, 2**63 - 1)


def _within(number: int) -> int:
    """Two numbers that SQLite takes can have a sum that it does not."""
    return max(-(2**63), min(number, 2**63 - 1))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _add_logs(connection: sqlite3.Connection, request: ExportLogsServiceRequest) -> None:
    resources = _Resources(connection)
    for group in request.resource_logs:
        resource = resources.number(group.resource)
        for scope in group.scope_logs:
            for record in scope.log_records:
                row = (
                    _digest(record, resource),
                    record.trace_id.hex(),
                    record.span_id.hex(),
                    _time(record.time_unix_nano or record.observed_time_unix_nano),
                    record.severity_number,
                    scope.scope.name,
                    record.event_name,
                    _text(_value(record.body)),
                    _json(_plain(record.attributes)),
                    resource,
                )
                connection.execute("INSERT OR IGNORE INTO log VALUES (?,?,?,?,?,?,?,?,?,?)", row)


def _add_points(connection: sqlite3.Connection, request: ExportMetricsServiceRequest) -> None:
    resources = _Resources(connection)
    for group in request.resource_metrics:
        resource = resources.number(group.resource)
        for metric in (m for scope in group.scope_metrics for m in scope.metrics):
            kind = metric.WhichOneof("data") or "gauge"
            for point in getattr(metric, kind).data_points:
                row = (
                    _digest(point, resource, metric.name),
                    metric.name,
                    metric.unit,
                    kind,
                    _time(point.time_unix_nano),
                    _json(_plain(point.attributes)),
                    _json(_point(kind, point)),
                    resource,
                )
                connection.execute("INSERT OR IGNORE INTO point VALUES (?,?,?,?,?,?,?,?)", row)


def _point(kind: str, point: Any) -> dict[str, Any]:
    if kind in ("sum", "gauge"):
        return {"value": point.as_int if point.WhichOneof("value") == "as_int" else point.as_double}
    return {"count": point.count, "sum": point.sum}


class _Resources:
    """The numbers of resources; for one batch, which names the same ones again and again."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[bytes, int] = {}

    def number(self, resource: Resource) -> int:
        key = resource.SerializeToString()
        if key not in self._known:
            self._known[key] = self._look_up(_json(_plain(resource.attributes)))
        return self._known[key]

    def _look_up(self, attributes: str) -> int:
        self._connection.execute("INSERT OR IGNORE INTO resource (attributes) VALUES (?)", (attributes,))
        found = self._connection.execute("SELECT id FROM resource WHERE attributes = ?", (attributes,))
        return int(found.fetchone()[0])


def _digest(message: Message, *more: object) -> bytes:
    encoded = message.SerializeToString(deterministic=True)
    return hashlib.blake2b(encoded + repr(more).encode(), digest_size=16).digest()


def _plain(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in attributes}


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case "string_value":  # most are
            return value.string_value
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _plain(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
        case None:
            return None
        case kind:
            return getattr(value, kind)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return _ENCODER.encode(value)
