"""Tells a damaged file from a disk that takes nothing for now, by SQLite's codes and not by the text of an error."""

import contextlib
import sqlite3
from pathlib import Path

from otel.journal.schema import SCHEMA_VERSION, is_journal

_CERTAIN = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_INTERRUPT,  # our own limit: see connections.limit
}
_CERTAIN_EXTENDED = {
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_READONLY_DBMOVED,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
}
# what a damaged file can cause, and a mistake of ours or a small memory as well
_POSSIBLE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM}


def is_damage(error: Exception, connection: sqlite3.Connection | None) -> bool:
    """Whether the file itself is at fault. `connection` is asked where the error alone cannot say."""
    if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.ProgrammingError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return True  # raised by us, or by Python for text that cannot be decoded
    if code & 0xFF in _CERTAIN or code in _CERTAIN_EXTENDED:
        return True
    if connection is None:  # it was only being opened, so no statement of ours can be wrong
        return bool(code & 0xFF == sqlite3.SQLITE_ERROR)
    return code & 0xFF in _POSSIBLE and not _is_sound(connection)


SMALL_BYTES = 64 * 1024**2
"""Up to this size a whole look at the file costs less than a second, so it is taken at every opening."""


def require_sound(connection: sqlite3.Connection, path: Path) -> None:
    """Raises sqlite3.DataError for a file whose pages contradict one another. A statement over such a file may go
    round in circles, so it is found before any is made; a large file is not looked through."""
    if path.stat().st_size > SMALL_BYTES:
        return
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DataError(f"the file contradicts itself: {str(found)[:100]}")


def _is_sound(connection: sqlite3.Connection) -> bool:
    with contextlib.suppress(sqlite3.Error):
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        return bool(found == "ok" and is_journal(connection, SCHEMA_VERSION))
    return False
