"""Verifies a journal: the file, every entry, every place, and that every item is accounted for."""

import sqlite3
from collections.abc import Iterator

from otel.journal.entries import payload_of
from otel.journal.ledger import OWN, differences

MOST_FAULTS = 100


def faults(connection: sqlite3.Connection) -> Iterator[str]:
    """One sentence each, inside the caller's transaction; none when all is well."""
    for find in (_file, _entries, _places, _balance):
        try:
            yield from find(connection)
        except sqlite3.Error as error:
            yield f"the file cannot be read: {error}"


def _file(connection: sqlite3.Connection) -> Iterator[str]:
    for (found,) in connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})"):
        if found != "ok":
            yield f"the file is damaged: {found}"


def _entries(connection: sqlite3.Connection) -> Iterator[str]:
    for number, signal, items, crc, codec, body, size in connection.execute(
        "SELECT id, signal, items, crc, codec, body, bytes FROM batch ORDER BY id"
    ):
        if payload_of(signal, items, crc, codec, body, size) is None:
            yield f"entry {number} ({signal}) is damaged: its CRC is wrong"


def _places(connection: sqlite3.Connection) -> Iterator[str]:
    for name, signal, last in connection.execute(
        "SELECT destination, signal, last FROM cursor WHERE last < 0 "
        "OR last > coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'batch'), 0)"
    ):
        yield f"the place of {name} in {signal} is {last}, where nothing was ever written"


def _balance(connection: sqlite3.Connection) -> Iterator[str]:
    for name, signal, items in differences(connection):
        whose = "the journal itself" if name == OWN else name
        yield f"the ledger of {whose} does not balance for {signal}: {items:+} items unaccounted for"
    for name, signal, entry, items in connection.execute(
        "SELECT destination, signal, entry, items FROM ledger WHERE items < 0"
    ):
        yield f"the ledger has {items} items {entry} for {name or 'the journal itself'} ({signal})"
