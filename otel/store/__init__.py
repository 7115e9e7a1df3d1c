"""What happened here, kept in one SQLite file for questions; it can be rebuilt from the journal."""

from otel.store.queries import LogRow, SpanRow, Store, TraceRow

__all__ = ["LogRow", "SpanRow", "Store", "TraceRow"]
