"""Lends connections to one SQLite file, each to one thread at a time, and notices when the file is not the same any
more."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from otel.errors import JournalError
from otel.forks import ForkGate
from otel.journal.faults import is_damage
from otel.journal.files import Identity, beside, identity, shared
from otel.wal import use_wal

LONGEST_USE_SECONDS = 15.0
"""A statement that runs on beyond this goes round in circles in a damaged file."""
INSTRUCTIONS_BETWEEN_LOOKS = 500_000


def limit(connection: sqlite3.Connection, seconds: float) -> None:
    """Let statements that still run in so many seconds end with SQLITE_INTERRUPT."""
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, INSTRUCTIONS_BETWEEN_LOOKS)


@dataclass(frozen=True, slots=True)
class Line:
    """A connection, and the files it was opened on."""

    connection: sqlite3.Connection
    file: Identity
    wal: Identity

    def leads_to(self, path: Path) -> bool:
        """Whether the file at `path` is the one that this connection writes to."""
        return identity(path) == self.file and identity(beside(path, "-wal")) == self.wal


class Damaged(JournalError):
    """The file is damaged or was taken away: it is to be mended, and the call made again. `line` is what still leads
    to what was in it; whoever catches this closes it."""

    def __init__(self, message: str, line: Line | None) -> None:
        super().__init__(message)
        self.line = line


class Connections:
    """As many as were ever used at once; a child after a fork gets its own. Raises JournalError, and Damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[Line] = []
        self._gate = ForkGate()
        self._lending = threading.Lock()
        self._inherited: list[Line] = []
        self._pid = os.getpid()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with."""
        with self._line() as line:
            yield line.connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction of its own, which is committed at the end and undone by an exception."""
        with self._line() as line:
            line.connection.execute("BEGIN IMMEDIATE")
            try:
                self._ensure_in_place(line)
                yield line.connection
                line.connection.execute("COMMIT")
            except BaseException:
                _undo(line.connection)
                raise
            self._ensure_in_place(line)  # else it is in a file that nobody will read

    def _ensure_in_place(self, line: Line) -> None:
        if not line.leads_to(self.path):
            raise sqlite3.DatabaseError("the file was moved, replaced or deleted")

    @contextmanager
    def _line(self) -> Iterator[Line]:
        with self._gate, self._lent_line() as line:
            yield line

    @contextmanager
    def _lent_line(self) -> Iterator[Line]:
        try:
            line = self._take() or self._connect()
        except (sqlite3.Error, OSError) as error:
            raise self._translated(error, None) from error
        limit(line.connection, LONGEST_USE_SECONDS)
        try:
            yield line
        except (sqlite3.Error, OSError) as error:
            translated = self._translated(error, line)
            if not isinstance(translated, Damaged):
                self._give_back(line)
            raise translated from error
        except BaseException:
            self._give_back(line)
            raise
        self._give_back(line)

    def _translated(self, error: Exception, line: Line | None) -> JournalError:
        message = f"{self.path}: {error}"
        if is_damage(error, line.connection if line else None):
            return Damaged(message, line)
        return JournalError(message)

    def _take(self) -> Line | None:
        with self._lending:
            if self._closed:
                raise JournalError(f"{self.path}: closed")
            if self._pid != os.getpid():
                # a parent's connections must be neither used nor closed in its child
                self._inherited += self._idle
                self._idle, self._pid = [], os.getpid()
            return self._idle.pop() if self._idle else None

    def _give_back(self, line: Line) -> None:
        with self._lending:
            if self._closed:
                line.connection.close()
            else:
                self._idle.append(line)

    def _connect(self) -> Line:
        with shared(self.path):
            return connect(self.path)

    def begin_in_child(self) -> None:
        """Right after a fork: another thread of the parent may have held the lock, and will never let go here."""
        self._lending = threading.Lock()

    def forget(self) -> None:
        """Close what lies idle, because another file has taken the place of the old one."""
        with self._lending:
            self._close_idle()

    def close(self) -> None:
        """Close every connection, one in use as soon as it comes back; afterwards nothing is lent."""
        with self._lending:
            self._closed = True
            self._close_idle()

    def _close_idle(self) -> None:
        for line in self._idle if self._pid == os.getpid() else ():
            line.connection.close()
        self._idle.clear()


def connect(path: Path) -> Line:
    """Open the file, or make it. The caller keeps it from being replaced meanwhile."""
    if identity(path) is None:
        path.touch(mode=0o600)
    elif path.stat().st_size == 0 and identity(beside(path, "-wal")):
        raise sqlite3.DatabaseError("cut down to nothing")  # SQLite would take it for new, and delete its WAL
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=16777216")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # makes the WAL
        return Line(connection, identity(path), identity(beside(path, "-wal")))
    except sqlite3.Error:
        connection.close()
        raise


def _undo(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
