"""Replaces a damaged, replaced or deleted journal by a new one that holds what could be saved."""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from otel.errors import JournalError
from otel.journal.balance import rebalance
from otel.journal.connections import Line, connect, limit
from otel.journal.files import beside, exclusive, finish, identity
from otel.journal.ledger import OWN, count
from otel.journal.patching import patched
from otel.journal.salvage import salvage
from otel.journal.schema import SCHEMA_VERSION, is_journal, migrate

logger = logging.getLogger("otel.journal")

SALVAGE_SECONDS = 5.0
"""A program waits for this; what was not read by then stays in the file that was set aside, and counts as lost."""
SET_ASIDE = "set aside"
"""The ledger's line for how often this happened, by reason."""


def recover(path: Path, line: Line | None, reason: str, now: float) -> None:
    """Set the file aside and put a new one in its place with what could be read, through `line` where the file cannot
    be opened any more. Does nothing when another process has done it. Raises JournalError when the disk takes
    nothing; then everything is as it was."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(path):
            if not _is_mended(path, line):
                _replace(path, line, reason, now)
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"{path}: damaged ({reason}), and cannot be replaced: {error}") from error


def _is_mended(path: Path, line: Line | None) -> bool:
    """Whether another process was faster."""
    if not path.exists() and beside(path, ".salvaged").exists():
        finish(path, 0.0)
        return True
    if line is None:
        return _opens(path)
    if identity(path) in (None, line.file) or identity(beside(path, "-wal")) in (None, line.wal):
        return False
    return _opens(path)


def _opens(path: Path) -> bool:
    with contextlib.suppress(sqlite3.Error), closing(connect(path).connection) as connection:
        return is_journal(connection, SCHEMA_VERSION)
    return False


def _replace(path: Path, line: Line | None, reason: str, now: float) -> None:
    salvaged = beside(path, ".salvaged")
    beginning = beside(path, ".salvaging")
    for leftover in (salvaged, beginning):
        leftover.unlink(missing_ok=True)
    with _source(path, line) as source:
        lost, kept = _build(beginning, source, reason)
        beginning.rename(salvaged)
        aside = finish(path, now)
    logger.error(
        "%s: %s; %d items were saved, %d are lost, %s",
        *(path, reason, kept, lost, f"the old file is {aside.name}" if aside else "the old file is gone"),
    )


@contextmanager
def _source(path: Path, line: Line | None) -> Iterator[sqlite3.Connection | None]:
    """What can be read from: a file that was taken away through the line that still leads to it, and a damaged one
    through a copy. Locked against other writers where it still can be."""
    copy = beside(path, ".salvaging-copy")
    if line:
        with contextlib.suppress(sqlite3.Error):
            line.connection.execute("BEGIN IMMEDIATE")
    try:
        connection = line.connection if line and not line.leads_to(path) else patched(path, copy)
        if connection is not None:
            limit(connection, 2 * SALVAGE_SECONDS)
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        yield connection
        if connection is not None:
            connection.close()
    finally:
        for suffix in ("", "-wal", "-shm"):
            beside(copy, suffix).unlink(missing_ok=True)


def _build(path: Path, source: sqlite3.Connection | None, reason: str) -> tuple[int, int]:
    """Make a whole journal at `path`; items lost and items kept."""
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        target.execute("PRAGMA auto_vacuum=INCREMENTAL")
        target.execute("PRAGMA synchronous=FULL")
        target.execute("BEGIN IMMEDIATE")
        migrate(target, path)
        ledger = source is not None and salvage(source, target, SALVAGE_SECONDS)
        lost = rebalance(target, reason, ledger=ledger)
        count(target, OWN, "", SET_ASIDE, reason, 1)
        (kept,) = target.execute("SELECT coalesce(sum(items), 0) FROM batch").fetchone()
        target.execute("COMMIT")
    return lost, int(kept)
