"""How much a journal may hold, and how it is brought back below that in small steps."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from otel.journal.ledger import OWN, count

FULL, DISK = "journal full", "disk nearly full"
LEAST_BYTES = 16 * 1024**2
"""A journal of this size is left alone on a full disk: removing it would not save the disk."""
STEP_ENTRIES = 512
"""The most that one step removes, since an append waits for it."""
STEP_PAGES = 2048
LETTERS_SHARE = 8
"""Dead letters may take one part in so many of the limit; their counts stay."""


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a journal may take."""

    max_bytes: int = 2 * 1024**3
    """Of the file, without pages that are free."""
    floor: int = 1024**3
    """Of the disk: with less free than this, the oldest entries go."""
    keep_seconds: float = 86_400.0
    """So long an entry is kept that everybody has, for destinations that are added or asked to have it again."""
    look_bytes: int = 256 * 1024
    """So much is appended between two looks."""
    look_seconds: float = 60.0
    free: Callable[[Path], int] = field(default=free_bytes)


USUAL = Limits()


def used(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    ((pages,), (unused,), (size,)) = (
        connection.execute(f"PRAGMA {name}").fetchone()
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - unused) * size)


def remove_old(connection: sqlite3.Connection, before: float, most: int) -> int:
    """Remove up to `most` entries that everybody has and that are older than `before`; how many were."""
    rows = connection.execute(
        "DELETE FROM batch WHERE id IN (SELECT id FROM batch WHERE created < ? AND id <= "
        "(SELECT coalesce(min(last), 0) FROM cursor c WHERE c.signal = batch.signal) ORDER BY id LIMIT ?) "
        "RETURNING signal, items",
        (before, most),
    ).fetchall()
    for signal, items in rows:
        count(connection, OWN, signal, "removed", "", items)
    return len(rows)


def shrink(connection: sqlite3.Connection, max_bytes: int, reason: str, most: int) -> int:
    """Remove the oldest entries until the file holds at most `max_bytes`, counting them as dropped for those who still
    wanted them; up to `most`, and how many were."""
    removed = 0
    while removed < most and used(connection) > max_bytes and _drop_oldest(connection, reason):
        removed += 1
    return removed


def _drop_oldest(connection: sqlite3.Connection, reason: str) -> bool:
    row = connection.execute("SELECT id, signal, items FROM batch ORDER BY id LIMIT 1").fetchone()
    if row is None:
        return False
    entry, signal, items = row
    waiting = connection.execute(
        "SELECT destination FROM cursor WHERE signal = ? AND last < ?", (signal, entry)
    )
    for (name,) in waiting.fetchall():
        count(connection, name, signal, "dropped", reason, items)
    count(connection, OWN, signal, "removed", "", items)
    connection.execute("DELETE FROM batch WHERE id = ?", (entry,))
    return True


def forget_letters(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Remove the oldest dead letters while they take more than their share."""
    (size,) = connection.execute("SELECT coalesce(sum(length(body)), 0) FROM dead").fetchone()
    while size > max_bytes // LETTERS_SHARE:
        (number, length) = connection.execute(
            "SELECT id, length(body) FROM dead ORDER BY id LIMIT 1"
        ).fetchone()
        connection.execute("DELETE FROM dead WHERE id = ?", (number,))
        size -= max(length, 1)


def give_back(connection: sqlite3.Connection, pages: int = STEP_PAGES) -> None:
    """Return free pages to the disk."""
    connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
