"""The tables of the local store, and how a connection to them is opened."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otel.errors import StoreError
from otel.wal import use_wal

SCHEMA_VERSION = 1
_TABLES = """
CREATE TABLE resource (id INTEGER PRIMARY KEY, attributes TEXT NOT NULL UNIQUE);
CREATE TABLE span (
    trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_span_id TEXT NOT NULL, name TEXT NOT NULL,
    kind INTEGER NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, status INTEGER NOT NULL,
    message TEXT NOT NULL, scope TEXT NOT NULL, resource INTEGER NOT NULL, attributes TEXT NOT NULL,
    events TEXT NOT NULL, links TEXT NOT NULL, PRIMARY KEY (trace_id, span_id)) WITHOUT ROWID;
CREATE TABLE log (
    digest BLOB PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, time_ns INTEGER NOT NULL,
    severity INTEGER NOT NULL, logger TEXT NOT NULL, event_name TEXT NOT NULL, body TEXT NOT NULL,
    attributes TEXT NOT NULL, resource INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX log_trace ON log (trace_id, time_ns);
CREATE INDEX log_time ON log (time_ns);
CREATE TABLE point (
    digest BLOB PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, kind TEXT NOT NULL, time_ns INTEGER NOT NULL,
    attributes TEXT NOT NULL, value TEXT NOT NULL, resource INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX point_name ON point (name, time_ns);
CREATE TABLE trace (
    trace_id TEXT PRIMARY KEY, root TEXT NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
    spans INTEGER NOT NULL, errors INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    calls_usd REAL NOT NULL, declared_usd REAL) WITHOUT ROWID;
CREATE INDEX trace_start ON trace (start_ns);
"""


def connect(path: Path) -> sqlite3.Connection:
    """A writing connection, the tables made where they are missing. Raises StoreError."""
    try:
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
        with _closed_on_error(connection):
            use_wal(connection)
            connection.execute("PRAGMA synchronous=NORMAL")  # the journal holds everything until it is here
            _migrate(path, connection)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: {error}") from error
    return connection


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """Raises StoreError when there is no store or it is of a newer version."""
    if not path.is_file():
        raise StoreError(f"{path}: nothing has been stored here yet")
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, timeout=5.0, check_same_thread=False)
        with _closed_on_error(connection):
            _check(path, connection)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
    return connection


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _migrate(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if _check(path, connection) == 0:
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _check(path: Path, connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise StoreError(f"{path}: written by a newer version (schema {version}, known {SCHEMA_VERSION})")
    return int(version)
