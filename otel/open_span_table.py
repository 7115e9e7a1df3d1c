"""The table of spans that have not ended, kept in the journal's file so that a killed process takes none with it.

A span stands here from its first checkpoint until it ends, and is removed in the transaction that appends it to the
journal: whatever instant a process is killed at, a span is here or in the journal, never in both. What a dead process
left here is moved to the journal, ended and marked, by the first process that looks.
"""

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel.batch import Batch, Signal
from otel.process import can_judge, has_ended

logger = logging.getLogger("otel.open_spans")

DIED = "process died"
NEVER_ENDED = "never ended"
DIED_MARK = "otel.process_died"
SILENT_SECONDS = 60.0
"""After so long without a sign of life a process counts as dead that cannot be judged from here: one of another
container, or of this machine before it was started again."""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS open_span (
        trace_id BLOB NOT NULL, span_id BLOB NOT NULL, owner TEXT NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (trace_id, span_id)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS open_span_owner (owner TEXT PRIMARY KEY, seen REAL NOT NULL) WITHOUT ROWID",
)

Key = tuple[bytes, bytes]
"""Trace id and span id."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a process notes in one transaction: spans written anew, spans that ended, and that it lives."""

    owner: str
    now: float
    written: Sequence[tuple[Key, bytes]] = ()
    ended: Sequence[Key] = ()
    everything: bool = field(default=False, kw_only=True)
    """The process closes: its remaining spans are given to the journal as never ended."""

    def apply(self, connection: sqlite3.Connection) -> Sequence[Batch]:
        _prepare(connection)
        connection.executemany("DELETE FROM open_span WHERE trace_id = ? AND span_id = ?", self.ended)
        connection.executemany(
            "INSERT OR REPLACE INTO open_span VALUES (?, ?, ?, ?)",
            [(*key, self.owner, body) for key, body in self.written],
        )
        if self.everything:
            return _take(connection, self.owner, self.now, NEVER_ENDED)
        connection.execute("INSERT OR REPLACE INTO open_span_owner VALUES (?, ?)", (self.owner, self.now))
        return ()


def rescue(connection: sqlite3.Connection, now: float) -> Sequence[Batch]:
    """Take out what dead processes left, as batches of ended spans; each was seen alive last at its end."""
    _prepare(connection)
    owners = connection.execute("SELECT owner, seen FROM open_span_owner").fetchall()
    return [
        batch
        for owner, seen in owners
        if _is_dead(owner, now - seen)
        for batch in _take(connection, owner, seen, DIED)
    ]


def still_open(path: Path) -> Iterator[tuple[ExportTraceServiceRequest, bool]]:
    """Every span in the table, and whether it still runs; one whose process is dead is given as ended. Nothing where
    there is no table."""
    if not path.is_file():
        return
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'open_span'").fetchone():
            return
        rows = connection.execute(
            "SELECT owner, seen, body FROM open_span JOIN open_span_owner USING (owner)"
        )
        now = time.time()
        for owner, seen, body in rows:
            dead = _is_dead(owner, now - seen)
            request = _ended(body, seen, DIED) if dead else _ended(body, now, "")
            if request is not None:
                yield request, not dead


def _prepare(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:  # here and not at opening: the file may have been replaced since
        connection.execute(statement)


def _is_dead(owner: str, silent: float) -> bool:
    process = owner.partition("/")[0]
    return has_ended(process) or (silent > SILENT_SECONDS and not can_judge(process))


def _take(connection: sqlite3.Connection, owner: str, at: float, reason: str) -> Sequence[Batch]:
    bodies = connection.execute("SELECT body FROM open_span WHERE owner = ?", (owner,)).fetchall()
    connection.execute("DELETE FROM open_span WHERE owner = ?", (owner,))
    connection.execute("DELETE FROM open_span_owner WHERE owner = ?", (owner,))
    requests = (_ended(body, at, reason) for (body,) in bodies)
    return [Batch(Signal.TRACES, r.SerializeToString(), 1) for r in requests if r is not None]


def _ended(body: bytes, at: float, reason: str) -> ExportTraceServiceRequest | None:
    """The span of a checkpoint with an end; failed where there is a reason. None when it cannot be read."""
    try:
        request: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        logger.warning("a checkpoint of an open span cannot be read and is left out")
        return None
    for span in _spans(request):
        last = max((event.time_unix_nano for event in span.events), default=0)
        span.end_time_unix_nano = max(int(at * 1e9), span.start_time_unix_nano, last)
        if reason:
            _fail(span, reason)
    return request


def _fail(span: Span, reason: str) -> None:
    span.status.code = Status.STATUS_CODE_ERROR
    span.status.message = reason
    if reason == DIED:
        span.attributes.add(key=DIED_MARK).value.bool_value = True


def _spans(request: ExportTraceServiceRequest) -> Iterable[Span]:
    return (span for group in request.resource_spans for scope in group.scope_spans for span in scope.spans)
