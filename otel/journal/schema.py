"""The tables of a journal, and the steps that bring an older file up to date: append a function, that is all."""

import sqlite3
from collections.abc import Callable

from otel.errors import JournalError

APPLICATION_ID = 0x4F54454C
"""Tells a journal from any other SQLite file ("OTEL"); files of version 1 do not have it."""
PLAUSIBLE_VERSION = 255
"""A number above this was not written by a later release but is damage."""

_FIRST = """
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB NOT NULL UNIQUE, signal TEXT NOT NULL, created REAL NOT NULL,
    items INTEGER NOT NULL, bytes INTEGER NOT NULL, crc INTEGER NOT NULL, codec TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX batch_signal ON batch (signal, id, items, bytes);
CREATE TABLE destination (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', answered REAL,
    owner TEXT NOT NULL DEFAULT '', lease REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE cursor (
    destination TEXT NOT NULL, signal TEXT NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (destination, signal)) WITHOUT ROWID;
CREATE TABLE dead (
    id INTEGER PRIMARY KEY, destination TEXT NOT NULL, batch INTEGER NOT NULL, signal TEXT NOT NULL,
    items INTEGER NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE ledger (
    destination TEXT NOT NULL, signal TEXT NOT NULL, entry TEXT NOT NULL, reason TEXT NOT NULL, items INTEGER NOT NULL,
    PRIMARY KEY (destination, signal, entry, reason)) WITHOUT ROWID
"""


def _begin(connection: sqlite3.Connection) -> None:
    for statement in _FIRST.split(";"):
        connection.execute(statement)


def _count_what_is_removed(connection: sqlite3.Connection) -> None:
    """`total` is how many items of the signal were ever journaled, up to and with this entry: when entries or the
    ledger cannot be read any more, the totals around the gap say how many items are missing."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("ALTER TABLE batch ADD COLUMN total INTEGER NOT NULL DEFAULT 0")
    connection.execute(
        "INSERT INTO ledger SELECT '', signal, 'removed', '', items - "
        "(SELECT coalesce(sum(b.items), 0) FROM batch b WHERE b.signal = ledger.signal) "
        "FROM ledger WHERE destination = '' AND entry = 'journaled'"
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_begin, _count_what_is_removed)
SCHEMA_VERSION = len(MIGRATIONS)
TABLES = {"batch", "destination", "cursor", "dead", "ledger"}


def migrate(connection: sqlite3.Connection, path: object) -> None:
    """Bring the file up to date inside the caller's transaction. Raises JournalError for one that a later release
    wrote, and sqlite3.DatabaseError for one that is no journal."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if SCHEMA_VERSION < version <= PLAUSIBLE_VERSION:
        raise JournalError(f"{path}: written by a newer version (schema {version}, known {SCHEMA_VERSION})")
    if not is_journal(connection, version):
        raise sqlite3.DatabaseError("not a journal")
    for step in MIGRATIONS[version:]:
        step(connection)
    if version < SCHEMA_VERSION:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def is_journal(connection: sqlite3.Connection, version: int) -> bool:
    """Whether the file has what its version promises; an empty one is a journal yet to be made."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version == 0:
        return application == 0 and not found
    return 0 < version <= SCHEMA_VERSION and application in (0, APPLICATION_ID) and found >= TABLES
