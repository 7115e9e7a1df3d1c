"""What runs at this moment: the spans that have not ended, of every process that writes to a journal."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from otel.errors import StoreError
from otel.open_span_table import still_open
from otel.store.ingest import read_spans
from otel.store.queries import SpanRow, Store


def open_spans(journal: Path, trace_id: str | None = None) -> tuple[SpanRow, ...]:
    """The spans of one trace, or of all, that have a checkpoint and have not ended, in order of their start: running,
    or failed with "process died". Raises StoreError when the file cannot be read."""
    try:
        rows = [
            replace(span, running=runs)
            for request, runs in still_open(journal)
            for span in read_spans(request)
        ]
    except sqlite3.Error as error:
        raise StoreError(f"{journal}: {error}") from error
    return tuple(sorted((r for r in rows if trace_id in (None, r.trace_id)), key=lambda row: row.start_ns))


def all_spans(store: Store, journal: Path, trace_id: str | None = None) -> tuple[SpanRow, ...]:
    """Stored spans and open ones together, each once, in order of their start."""
    unfinished = open_spans(journal, trace_id)  # first: what ends meanwhile is found among the stored
    stored = store.spans(trace_id)
    known = {(span.trace_id, span.span_id) for span in stored}
    more = (span for span in unfinished if (span.trace_id, span.span_id) not in known)
    return tuple(sorted((*stored, *more), key=lambda span: (span.start_ns, -span.end_ns)))
