"""Puts a SQLite file into WAL mode, also when several processes open it for the first time at once."""

import sqlite3
import time

PATIENCE_SECONDS = 5.0


def use_wal(connection: sqlite3.Connection) -> None:
    """Write-ahead logging, which persists in the file. Raises sqlite3.OperationalError when somebody holds the file
    for longer than a few seconds: SQLite's own busy timeout does not cover this change."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
