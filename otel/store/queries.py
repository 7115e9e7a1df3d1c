"""Questions to the local store: which traces there are, and what happened in one of them."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from otel.errors import StoreError
from otel.store.schema import connect_for_reading

ERROR = 2
"""The status code of a failed span."""


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One trace in one line; times are nanoseconds since the epoch. `cost_usd` is what the root declares, else the
    sum over its model calls."""

    trace_id: str
    root: str
    start_ns: int
    end_ns: int
    spans: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: float

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span as it was stored; ids are lower-case hex, `parent_span_id` is empty for a root."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    message: str
    scope: str
    attributes: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    resource: dict[str, Any]
    running: bool = False
    """It has not ended; `end_ns` is the time of the question."""

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def failed(self) -> bool:
        return self.status == ERROR


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log record; `severity` is OpenTelemetry's number (9 information, 13 warning, 17 error)."""

    trace_id: str
    span_id: str
    time_ns: int
    severity: int
    logger: str
    event_name: str
    body: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PointRow:
    """One metric data point; `value` is {"value": n}, or {"count": n, "sum": x} of a histogram."""

    name: str
    unit: str
    kind: str
    time_ns: int
    attributes: dict[str, Any]
    value: dict[str, Any]


def declared_cost(attributes: Mapping[str, Any]) -> float | None:
    """Dollars that a span says it cost in all (an attribute `<namespace>.cost_usd`), or None."""
    for key, value in attributes.items():
        if key.endswith(".cost_usd") and key.count(".") == 1 and isinstance(value, int | float):
            return float(value)
    return None


class Store:
    """The reading side; may be used while another process writes. Methods raise StoreError."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open for reading; raises StoreError when nothing is stored there."""
        connection = connect_for_reading(path)
        try:
            yield cls(connection, path)
        finally:
            connection.close()

    def traces(self, *, limit: int = 50, errors_only: bool = False) -> tuple[TraceRow, ...]:
        """The latest traces, newest first."""
        rows = self._query(
            "SELECT trace_id, root, start_ns, end_ns, spans, errors, input_tokens, output_tokens, "
            "coalesce(declared_usd, calls_usd) FROM trace WHERE errors >= ? ORDER BY start_ns DESC LIMIT ?",
            (int(errors_only), limit),
        )
        return tuple(TraceRow(*row) for row in rows)

    def find_trace(self, prefix: str) -> str:
        """The full id of the one trace that begins with `prefix`; raises StoreError for none or several."""
        if not prefix or set(prefix.lower()) - set("0123456789abcdef"):
            raise StoreError(f"{prefix!r} is not a trace id; give its first hex digits")
        rows = self._query(
            "SELECT trace_id FROM trace WHERE trace_id LIKE ? LIMIT 2", (prefix.lower() + "%",)
        )
        if len(rows) != 1:
            raise StoreError(f"{'no trace begins' if not rows else 'several traces begin'} with {prefix}")
        return str(rows[0][0])

    def spans(self, trace_id: str | None = None) -> tuple[SpanRow, ...]:
        """The spans of one trace, or all, in order of their start."""
        rows = self._query(
            "SELECT trace_id, span_id, parent_span_id, name, kind, start_ns, end_ns, status, message, scope, "
            "span.attributes, events, links, r.attributes FROM span JOIN resource r ON r.id = span.resource "
            "WHERE :trace IS NULL OR trace_id = :trace ORDER BY start_ns, end_ns DESC",
            {"trace": trace_id},
        )
        return tuple(SpanRow(*row[:10], *map(json.loads, row[10:])) for row in rows)

    def logs(self, trace_id: str | None = None) -> tuple[LogRow, ...]:
        """The log records of one trace, or all, in order of time."""
        rows = self._query(
            "SELECT trace_id, span_id, time_ns, severity, logger, event_name, body, attributes FROM log "
            "WHERE :trace IS NULL OR trace_id = :trace ORDER BY time_ns",
            {"trace": trace_id},
        )
        return tuple(LogRow(*row[:7], *map(json.loads, row[7:])) for row in rows)

    def points(self, name: str | None = None) -> tuple[PointRow, ...]:
        """The data points of one metric, or all, in order of time."""
        rows = self._query(
            "SELECT name, unit, kind, time_ns, attributes, value FROM point "
            "WHERE :name IS NULL OR name = :name ORDER BY time_ns",
            {"name": name},
        )
        return tuple(PointRow(*row[:4], *map(json.loads, row[4:])) for row in rows)

    def _query(self, statement: str, values: Sequence[object] | Mapping[str, object]) -> list[Any]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error
