"""An append-only record of encoded telemetry in one SQLite file; every reader keeps its own place in it."""

from otel.journal.entries import Chunk
from otel.journal.journal import Also, Journal
from otel.journal.ledger import OWN, Letter, Standing
from otel.journal.limits import Limits

__all__ = ["OWN", "Also", "Chunk", "Journal", "Letter", "Limits", "Standing"]
