"""A database file that only its owner can read, or a Postgres database; opened, migrated, and of one account."""

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from coliseum.errors import LedgerError, SettingsError
from coliseum.services.ledger import schema

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_TIMEOUT_MS = 5000
WRITING = "coliseum_writing"
PRIVATE = 0o600


@contextmanager
def open_engine(url: str) -> Iterator[Engine]:
    """An engine with every connection set up for money: nothing is reported written that a power cut could
    take back. Raises SettingsError for an address, LedgerError for a place, that cannot hold a ledger."""
    address = _address(url)
    is_file = address.get_backend_name() == "sqlite"
    if is_file:
        _make_private(Path(address.database or ""))
    engine = _sqlite(address) if is_file else create_engine(address, pool_pre_ping=True)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that may write: all of it is committed or nothing. Raises LedgerError."""
    with told("written"), engine.connect() as connection:
        marked = connection.execution_options(**{WRITING: True})
        with marked.begin():
            yield marked


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view for reading. Raises LedgerError."""
    with told("read"), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def told(verb: str) -> Iterator[None]:
    """Turn a database error into one line without the row it was about."""
    try:
        yield
    except SQLAlchemyError as wrong:
        raise LedgerError(f"the ledger cannot be {verb}: {_line(wrong)}") from wrong


def add_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert unless a row of that key is there; whether it was inserted. (Postgres does not tell by the
    number of rows, hence RETURNING.)"""
    key = next(iter(table.primary_key))
    dialect = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = dialect(table).values(row).on_conflict_do_nothing().returning(key)
    return connection.execute(statement).first() is not None


def migrate(engine: Engine, facts: Mapping[str, str]) -> None:
    """Bring the schema up to date and pin the facts (venue, mode) at the first opening. Raises LedgerError for
    a newer schema, SettingsError for a database of another venue or mode; then nothing was changed."""
    with writing(engine) as connection:
        script = ScriptDirectory(str(MIGRATIONS))
        _refuse_newer(connection, script)
        if inspect(connection).has_table(schema.facts.name):
            _refuse_foreign(connection, facts)
        command.upgrade(_config(connection), "head")
        for name, value in facts.items():
            add_new(connection, schema.facts, {"name": name, "value": value})


def _config(connection: Connection) -> Config:
    config = Config()
    # A percent sign in the path would be read as an interpolation.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _refuse_newer(connection: Connection, script: ScriptDirectory) -> None:
    options = {"version_table": schema.VERSION_TABLE}
    heads = MigrationContext.configure(connection, opts=options).get_current_heads()
    known = {revision.revision for revision in script.walk_revisions()}
    if unknown := set(heads) - known:
        raise LedgerError(
            f"the ledger was written by a newer coliseum (schema {', '.join(sorted(unknown))}); "
            "install that version or use another state folder"
        )


def _refuse_foreign(connection: Connection, facts: Mapping[str, str]) -> None:
    rows = connection.execute(select(schema.facts.c.name, schema.facts.c.value))
    pinned: dict[str, str] = {row.name: row.value for row in rows}
    if any(pinned.get(name, value) != value for name, value in facts.items()):
        theirs = " ".join(pinned.get(name, "?") for name in facts)
        ours = " ".join(facts.values())
        raise SettingsError(f"the ledger belongs to {theirs}, not to {ours}; each has a database of its own")


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError as wrong:
        raise SettingsError("the database URL is not a URL like sqlite:///coliseum.db") from wrong
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise SettingsError(f"the ledger lives in sqlite or postgresql, not in {address.get_backend_name()}")
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise SettingsError("the ledger needs a file: sqlite:///path/to/coliseum.db")
    return address


def _make_private(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        try:
            os.fchmod(handle, PRIVATE)
        finally:
            os.close(handle)
    except OSError as wrong:
        raise LedgerError(f"the ledger {path} cannot be opened for writing: {wrong.strerror}") from wrong


def _sqlite(address: URL) -> Engine:
    engine = create_engine(address)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, record: object) -> None:
    # The driver must not begin transactions by itself: it would do so too late, after the first read.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    # The busy timeout does not cover this change, which two that open a new file at once both want to make.
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once, so that what it read still holds when it writes.
    kind = "IMMEDIATE" if connection.get_execution_options().get(WRITING) else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {kind}")


def _line(wrong: SQLAlchemyError) -> str:
    cause = getattr(wrong, "orig", None) or wrong
    return str(cause).partition("\n")[0][:200]
