"""Copies what can still be read of a damaged journal into a new one."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from otel.journal.entries import COLUMNS, payload_of
from otel.journal.ledger import SIGNALS
from otel.journal.schema import TABLES

BLOCK = 64
"""Entries read at once; where that fails, one by one."""
SEARCH_ENTRIES = 5_000_000
"""How far ids are tried when the file does not say where they begin or end."""
_OWN_TABLES = {
    "destination": "name, state, reason, answered, owner, lease",
    "cursor": "destination, signal, last",
    "ledger": "destination, signal, entry, reason, items",
    "dead": "id, destination, batch, signal, items, reason, body",
}


def salvage(source: sqlite3.Connection, target: sqlite3.Connection, seconds: float) -> bool:
    """Copy into an empty journal, newest entries first; stop after `seconds`, since a program waits. Whether the
    ledger could be read. Only entries whose CRC is right are taken."""
    deadline = time.monotonic() + seconds
    for table, columns in _OWN_TABLES.items():
        _copy(source, target, table, columns, _CHECKS[table])
    ledger = bool(target.execute("SELECT count(*) FROM ledger").fetchone()[0])
    _copy_further_tables(source, target)
    for row in _entries(source, deadline):
        if _is_whole(row):
            _insert(target, "batch", COLUMNS, row)
    _continue_ids(source, target)
    return ledger


def _entries(source: sqlite3.Connection, deadline: float) -> Iterator[Sequence[Any]]:
    columns = COLUMNS if _has_total(source) else COLUMNS.replace("total", "0")
    first, last = _bounds(source)
    for end in range(last, first - 1, -BLOCK):
        if time.monotonic() > deadline:
            return
        yield from _block(source, columns, max(end - BLOCK + 1, first), end)


def _block(source: sqlite3.Connection, columns: str, first: int, last: int) -> Iterator[Sequence[Any]]:
    statement = f"SELECT {columns} FROM batch NOT INDEXED WHERE id BETWEEN ? AND ?"  # noqa: S608 - our own names
    try:
        yield from source.execute(statement, (first, last)).fetchall()
    except (sqlite3.Error, MemoryError):
        for number in range(first, last + 1) if first < last else ():
            yield from _block(source, columns, number, number)


def _has_total(source: sqlite3.Connection) -> bool:
    return "total" in {row[1] for row in _rows(source, "PRAGMA table_info(batch)")}


def _bounds(source: sqlite3.Connection) -> tuple[int, int]:
    first = _number(source, "SELECT min(id) FROM batch NOT INDEXED")
    ends = (
        _number(source, "SELECT seq FROM sqlite_sequence WHERE name = 'batch'"),
        _number(source, "SELECT max(id) FROM batch NOT INDEXED"),
        _number(source, "SELECT max(id) FROM batch INDEXED BY batch_signal"),
    )
    last = max((end for end in ends if end is not None), default=BLOCK if first is None else first + BLOCK)
    return max(first or 1, last - SEARCH_ENTRIES, 1), last


def _number(source: sqlite3.Connection, statement: str) -> int | None:
    rows = list(_rows(source, statement))
    found = rows[0][0] if rows else None
    return found if isinstance(found, int) and 0 < found < 2**48 else None


def _continue_ids(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """No id is given twice, so that what a place was moved to stays behind it."""
    (_, last), (newest,) = (
        _bounds(source),
        target.execute("SELECT coalesce(max(id), 0) FROM batch").fetchone(),
    )
    used = newest if _number(source, "SELECT seq FROM sqlite_sequence WHERE name = 'batch'") is None else last
    target.execute("DELETE FROM sqlite_sequence WHERE name = 'batch'")
    target.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('batch', ?)", (max(used, newest),))


def _copy(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    table: str,
    columns: str,
    fits: Callable[[Sequence[Any]], bool],
) -> None:
    for row in _rows(source, f"SELECT {columns} FROM {table}"):  # noqa: S608 - our own names
        if fits(row):
            _insert(target, table, columns, row)


def _copy_further_tables(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Others keep small tables of their own in this file; their rows are taken as they are."""
    named = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    for name, statement in list(_rows(source, named)):
        if name in TABLES or not isinstance(name, str) or not name.isidentifier():
            continue
        try:
            target.execute(statement)
        except (sqlite3.Error, TypeError):
            continue
        for row in _rows(source, f"SELECT * FROM {name}"):  # noqa: S608 - an identifier
            marks = ", ".join("?" * len(row))
            _try(target, f"INSERT OR IGNORE INTO {name} VALUES ({marks})", row)  # noqa: S608 - an identifier


def _insert(target: sqlite3.Connection, table: str, columns: str, row: Sequence[Any]) -> None:
    marks = ", ".join("?" * len(row))
    statement = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
    _try(target, statement, row)


def _try(target: sqlite3.Connection, statement: str, row: Sequence[Any]) -> None:
    try:
        target.execute(statement, row)
    except sqlite3.OperationalError:
        raise  # the disk takes nothing: then this is not the time to salvage
    except sqlite3.Error:
        return  # a value that cannot be: the row is damaged


def _rows(source: sqlite3.Connection, statement: str) -> Iterator[Any]:
    """As many rows as can be read."""
    try:
        yield from source.execute(statement)
    except (sqlite3.Error, MemoryError):
        return


def _is_whole(row: Sequence[Any]) -> bool:
    _, _, signal, created, items, size, crc, codec, body, total = row
    if signal not in SIGNALS or not isinstance(created, float) or not isinstance(total, int):
        return False
    return payload_of(signal, items, crc, codec, body, size) is not None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < 2**53


_CHECKS: dict[str, Callable[[Sequence[Any]], bool]] = {
    "destination": lambda row: all(isinstance(v, str) for v in (row[0], row[1], row[2], row[4])),
    "cursor": lambda row: isinstance(row[0], str) and row[1] in SIGNALS and _is_count(row[2]),
    "ledger": lambda row: all(isinstance(v, str) for v in row[:4]) and _is_count(row[4]),
    "dead": lambda row: row[3] in SIGNALS and _is_count(row[4]) and isinstance(row[6], bytes),
}
