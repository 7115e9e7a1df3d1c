"""An append-only record of encoded telemetry in one SQLite file; every reader keeps its own place in it.

Any number of processes may append and read. Each destination has one cursor per signal; what it was handed,
what it refused and what was dropped is counted in the ledger in the same transaction that moves the cursor, so
that for every destination and signal `journaled = delivered + queued + dropped + dead` holds at every moment.

The file is WAL with synchronous=FULL: a batch that `append` returned for survives a crash of the process and of
the machine. Not for network file systems, where SQLite's locks and WAL do not work.
"""

import os
import sqlite3
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from otel.batch import Batch, Signal, join
from otel.errors import JournalError
from otel.process import has_ended
from otel.wal import use_wal

SCHEMA_VERSION = 1
_SCHEMA = """
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
    PRIMARY KEY (destination, signal, entry, reason)) WITHOUT ROWID;
"""
_COUNT = (
    "INSERT INTO ledger VALUES (?, ?, ?, ?, ?) ON CONFLICT (destination, signal, entry, reason) "
    "DO UPDATE SET items = items + excluded.items"
)
_SIZES = "SELECT bytes FROM batch WHERE signal = ? AND id > ? ORDER BY id LIMIT ?"
_ENTRIES = """
SELECT id, created, items, crc, codec, body, bytes FROM batch WHERE signal = ? AND id > ? ORDER BY id LIMIT ?
"""
_STANDINGS = """
SELECT d.name, c.signal, d.state, d.reason,
    (SELECT coalesce(sum(items), 0) FROM batch b WHERE b.signal = c.signal AND b.id > c.last),
    (SELECT min(created) FROM batch b WHERE b.signal = c.signal AND b.id > c.last),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'delivered'), 0),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'dropped'), 0),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'dead'), 0)
FROM destination d JOIN cursor c ON c.destination = d.name
    LEFT JOIN ledger l ON l.destination = d.name AND l.signal = c.signal
GROUP BY d.name, c.signal ORDER BY d.name, c.signal
"""
OWN = ""
"""The ledger's name for the journal itself."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a destination is to be handed next: `batch` joins the entries `first` to `last` of one signal."""

    first: int
    last: int
    entries: int
    oldest: float
    batch: Batch


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one destination stands with one signal; counts are items, `oldest` is seconds since the epoch."""

    destination: str
    signal: Signal
    state: str
    reason: str
    queued: int
    delivered: int
    dropped: int
    dead: int
    oldest: float | None


class Journal:
    """Opened per process, safe from any thread; a child after a fork opens connections of its own.

    Every method raises JournalError when the file cannot be used."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._now = now
        self._idle: list[sqlite3.Connection] = []
        self._lending = threading.Lock()
        self._inherited: list[sqlite3.Connection] = []
        self._pid = os.getpid()
        self._closed = False
        try:
            with self._write() as connection:
                self._migrate(connection)
        except JournalError:
            self.close()
            raise

    def append(self, batches: Sequence[Batch], *, lost: int = 0) -> None:
        """Keep `batches` in one transaction; on return they survive a crash. `lost` items that never reached the
        disk are counted beside them."""
        rows = [self._row(batch) for batch in batches]
        with self._write() as connection:
            connection.executemany(
                "INSERT INTO batch (uuid, signal, created, items, bytes, crc, codec, body) VALUES (?,?,?,?,?,?,?,?)",
                rows,
            )
            connection.executemany(_COUNT, [(OWN, b.signal, "journaled", "", b.items) for b in batches])
            if lost:
                connection.execute(_COUNT, (OWN, "", "lost_in_memory", "journal could not be written", lost))

    def _row(self, batch: Batch) -> tuple[object, ...]:
        body = zstandard.ZstdCompressor(level=1).compress(batch.payload)
        crc = zlib.crc32(batch.payload)
        return (
            uuid.uuid4().bytes,
            batch.signal,
            self._now(),
            batch.items,
            len(batch.payload),
            crc,
            "zstd",
            body,
        )

    def register(self, destination: str, signals: Collection[Signal]) -> None:
        """Give a destination its place at the beginning of what is kept; one that has a place keeps it. A pause
        ends, since whoever starts again may have mended the key or the address."""
        with self._write() as connection:
            connection.execute(
                "INSERT INTO destination (name, state) VALUES (?, 'active') ON CONFLICT (name) "
                "DO UPDATE SET state = 'active', reason = ''",
                (destination,),
            )
            for signal in sorted(signals):
                self._place(connection, destination, signal)

    def _place(self, connection: sqlite3.Connection, destination: str, signal: Signal) -> None:
        place = (destination, signal)
        if not connection.execute("INSERT OR IGNORE INTO cursor VALUES (?, ?, 0)", place).rowcount:
            return
        (removed,) = connection.execute(
            "SELECT (SELECT coalesce(sum(items), 0) FROM ledger WHERE destination = :own AND signal = :signal) - "
            "(SELECT coalesce(sum(items), 0) FROM batch WHERE signal = :signal)",
            {"own": OWN, "signal": signal},
        ).fetchone()
        if removed:
            connection.execute(_COUNT, (*place, "dropped", "removed before it was added", removed))

    def claim(self, destination: str, owner: str, seconds: float) -> bool:
        """Become (or stay) the one sender of a destination for at least half of so many seconds. False while
        another is; one whose process has ended is succeeded at once. `owner` begins with `process.identity()`
        and a slash."""
        (holder, lease), now = self._holder(destination), self._now()
        if holder == owner and lease > now + seconds / 2:
            return True  # nothing to write, so nothing to wait for
        if holder not in ("", owner) and lease > now and not has_ended(holder.partition("/")[0]):
            return False
        with self._write() as connection:
            cursor = connection.execute(
                "UPDATE destination SET owner = ?, lease = ? WHERE name = ? AND owner = ? AND lease = ?",
                (owner, now + seconds, destination, holder, lease),
            )
            return cursor.rowcount == 1

    def _holder(self, destination: str) -> tuple[str, float]:
        rows = self._query("SELECT owner, lease FROM destination WHERE name = ?", (destination,))
        return (rows[0][0], rows[0][1]) if rows else ("", 0.0)

    def release(self, destination: str, owner: str) -> None:
        """Let another process send at once."""
        with self._write() as connection:
            connection.execute(
                "UPDATE destination SET owner = '', lease = 0 WHERE name = ? AND owner = ?",
                (destination, owner),
            )

    def next_for(self, destination: str, *, max_bytes: int, max_entries: int = 1024) -> Chunk | None:
        """The oldest undelivered entries of one signal, joined up to `max_bytes` (at least one entry). None when
        the destination has everything. A damaged entry is set aside as dead and left out."""
        while (found := self._oldest_signal(destination)) is not None:
            signal, last = found
            sizes = self._query(_SIZES, (signal, last, max_entries))
            rows = self._query(_ENTRIES, (signal, last, _fitting(sizes, max_bytes)))
            chunk, damaged = _chunk(signal, rows)
            if chunk is not None:
                return chunk
            if damaged is None:
                return None
            self._set_aside(destination, signal, *damaged, "damaged entry")
        return None

    def _oldest_signal(self, destination: str) -> tuple[Signal, int] | None:
        rows = self._query(
            "SELECT c.signal, c.last, (SELECT min(id) FROM batch b WHERE b.signal = c.signal AND b.id > c.last) AS n "
            "FROM cursor c WHERE c.destination = ? AND n IS NOT NULL ORDER BY n LIMIT 1",
            (destination,),
        )
        return (Signal(rows[0][0]), rows[0][1]) if rows else None

    def advance(self, destination: str, chunk: Chunk, *, rejected: int = 0, reason: str = "") -> None:
        """The chunk was taken, but for `rejected` of its items: move on and count, in one transaction."""
        signal = chunk.batch.signal
        with self._write() as connection:
            passed = self._move(connection, destination, signal, chunk.last)
            refused = min(max(rejected, 0), passed)
            connection.execute(_COUNT, (destination, signal, "delivered", "", passed - refused))
            if refused:
                connection.execute(_COUNT, (destination, signal, "dead", reason or "rejected", refused))
            self._answered(connection, destination, "active", "")

    def bury(self, destination: str, chunk: Chunk, reason: str) -> None:
        """The chunk will never be taken: keep its bytes as a dead letter, move on and count."""
        self._set_aside(destination, chunk.batch.signal, chunk.last, chunk.batch.payload, reason)

    def _set_aside(self, destination: str, signal: Signal, last: int, body: bytes, reason: str) -> None:
        with self._write() as connection:
            passed = self._move(connection, destination, signal, last)
            if passed:
                connection.execute(
                    "INSERT INTO dead (destination, batch, signal, items, reason, body) VALUES (?,?,?,?,?,?)",
                    (destination, last, signal, passed, reason, body),
                )
                connection.execute(_COUNT, (destination, signal, "dead", reason, passed))

    def mark(self, destination: str, state: str, reason: str) -> None:
        """Note how a destination stands ("active", "later", "paused") and why."""
        with self._write() as connection:
            self._answered(connection, destination, state, reason)

    def behind(self, destination: str) -> int:
        """How many items wait for a destination."""
        return sum(s.queued for s in self.standings() if s.destination == destination)

    def standings(self) -> tuple[Standing, ...]:
        """Every destination and signal, from one consistent view of the file."""
        return tuple(
            Standing(name, Signal(signal), state, reason, queued, delivered, dropped, dead, oldest)
            for name, signal, state, reason, queued, oldest, delivered, dropped, dead in self._query(
                _STANDINGS
            )
        )

    def totals(self) -> dict[str, int]:
        """Items the journal itself has counted: `journaled` and `lost_in_memory`."""
        rows = self._query(
            "SELECT entry, sum(items) FROM ledger WHERE destination = ? GROUP BY entry", (OWN,)
        )
        return {"journaled": 0, "lost_in_memory": 0} | dict(rows)

    def trim(self, max_bytes: int, *, keep_seconds: float = 86_400.0) -> None:
        """Remove what everybody has and is older than `keep_seconds`; above `max_bytes` of bodies remove the
        oldest entries all the same and count them as dropped for those who still wanted them."""
        with self._write() as connection:
            connection.execute(
                "DELETE FROM batch WHERE created < ? AND id <= "
                "(SELECT coalesce(min(last), 0) FROM cursor c WHERE c.signal = batch.signal)",
                (self._now() - keep_seconds,),
            )
            size = connection.execute("SELECT coalesce(sum(length(body)), 0) FROM batch").fetchone()[0]
            while size > max_bytes:
                size -= self._drop_oldest(connection)

    def _drop_oldest(self, connection: sqlite3.Connection) -> int:
        entry, signal, items, size = connection.execute(
            "SELECT id, signal, items, length(body) FROM batch ORDER BY id LIMIT 1"
        ).fetchone()
        waiting = connection.execute(
            "SELECT destination FROM cursor WHERE signal = ? AND last < ?", (signal, entry)
        )
        dropped = [(name, signal, "dropped", "journal full", items) for (name,) in waiting]
        connection.executemany(_COUNT, dropped)
        connection.execute("DELETE FROM batch WHERE id = ?", (entry,))
        return int(size)

    def close(self) -> None:
        """Close every connection, one in use as soon as it comes back; afterwards every method raises."""
        with self._lending:
            self._closed = True
            for connection in self._idle if self._pid == os.getpid() else ():
                connection.close()
            self._idle.clear()

    def _move(self, connection: sqlite3.Connection, destination: str, signal: Signal, last: int) -> int:
        """Move a cursor forward; the items it passed over. Counting those, and not what was read before, keeps
        the balance when another process has sent or trimmed the same entries meanwhile."""
        place = {"destination": destination, "signal": signal, "last": last}
        (passed,) = connection.execute(
            "SELECT coalesce(sum(items), 0) FROM batch WHERE signal = :signal AND id <= :last AND id > "
            "(SELECT last FROM cursor WHERE destination = :destination AND signal = :signal)",
            place,
        ).fetchone()
        connection.execute(
            "UPDATE cursor SET last = max(last, :last) WHERE destination = :destination AND signal = :signal",
            place,
        )
        return int(passed)

    def _answered(self, connection: sqlite3.Connection, destination: str, state: str, reason: str) -> None:
        connection.execute(
            "UPDATE destination SET state = ?, reason = ?, answered = ? WHERE name = ?",
            (state, reason, self._now(), destination),
        )

    def _query(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        with self._borrow() as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._borrow() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _borrow(self) -> Iterator[sqlite3.Connection]:
        """A connection for one thread at a time. There are as many as were ever used at once."""
        try:
            connection = self._take() or self._connect()
            try:
                yield connection
            finally:
                self._give_back(connection)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{self.path}: {error}") from error

    def _take(self) -> sqlite3.Connection | None:
        with self._lending:
            if self._closed:
                raise JournalError(f"{self.path}: closed")
            if (
                self._pid != os.getpid()
            ):  # a parent's connections must be neither used nor closed in its child
                self._inherited += self._idle
                self._idle, self._pid = [], os.getpid()
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lending:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        self.path.touch(mode=0o600)
        connection = sqlite3.connect(self.path, timeout=5.0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            use_wal(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA journal_size_limit=16777216")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"{self.path}: written by a newer version (schema {version}, known {SCHEMA_VERSION})"
            )
        if version < 1:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _fitting(sizes: Sequence[tuple[int]], max_bytes: int) -> int:
    """How many entries from the front fit into `max_bytes`; at least one."""
    total = 0
    for count, (size,) in enumerate(sizes):
        total += size
        if total > max_bytes:
            return max(count, 1)
    return max(len(sizes), 1)


def _chunk(signal: Signal, rows: Sequence[Any]) -> tuple[Chunk | None, tuple[int, bytes] | None]:
    """Join rows, stopping before a damaged one; a damaged first one is given back instead."""
    batches: list[Batch] = []
    last = 0
    for id_, _, items, crc, codec, body, length in rows:
        payload = _payload(codec, body, length, crc)
        if payload is None:
            if not batches:
                return None, (id_, body)
            break
        batches.append(Batch(signal, payload, items))
        last = id_
    if not batches:
        return None, None
    return Chunk(rows[0][0], last, len(batches), rows[0][1], join(batches)), None


def _payload(codec: str, body: bytes, length: int, crc: int) -> bytes | None:
    if codec != "zstd":
        return None
    try:
        if zstandard.frame_content_size(body) != length:  # a damaged header may ask for any amount of memory
            return None
        payload = zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError:
        return None
    return payload if zlib.crc32(payload) == crc else None
