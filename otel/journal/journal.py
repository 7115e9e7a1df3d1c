"""The journal's verbs, each one transaction on one SQLite file.

Any number of processes may append and read. Each destination has one cursor per signal; what it was handed, what it
refused and what was dropped is counted in the ledger in the same transaction that moves the cursor.

The file is WAL with synchronous=FULL: a batch that `append` returned for survives a crash of the process and of the
machine. A file that is damaged, replaced or deleted, at opening or later, is set aside and succeeded by a new one
with all that could be read. Not for network file systems, where SQLite's locks and WAL do not work.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otel.batch import Batch, Signal
from otel.errors import JournalError
from otel.journal import ledger
from otel.journal.check import faults
from otel.journal.connections import Connections
from otel.journal.entries import NEXT, OLDEST, SIZES, Chunk, Entry, chunk_of, fitting
from otel.journal.faults import require_sound
from otel.journal.ledger import OWN, Letter, Standing, count
from otel.journal.limits import (
    DISK,
    FULL,
    LEAST_BYTES,
    STEP_ENTRIES,
    USUAL,
    Limits,
    forget_letters,
    give_back,
    remove_old,
    shrink,
    used,
)
from otel.journal.mending import Mender, mended
from otel.journal.patching import unread_commits
from otel.journal.schema import migrate
from otel.process import has_ended

logger = logging.getLogger("otel.journal")

Also = Callable[[sqlite3.Connection], Sequence[Batch]]
"""Something done in the transaction of an append; done again when the transaction has to be."""
EVERYTHING = 2**62


class Journal:
    """Opened per process, safe from any thread; a child after a fork opens connections of its own.

    Every method raises JournalError when the file can neither be used nor replaced."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time, limits: Limits = USUAL) -> None:
        self.path = path
        self._now = now
        self._limits = limits
        self._connections = Connections(path)
        self._appended_bytes, self._looked = 0, now()
        self.mender = Mender(path, self._connections, now)
        try:
            self._open()
        except JournalError:
            self.close()
            raise

    @mended
    def _open(self) -> None:
        with self._write() as connection:
            if unread_commits(self.path):
                raise sqlite3.DataError("the WAL is damaged")
            require_sound(connection, self.path)
            migrate(connection, self.path)
            for name, signal, items in ledger.differences(connection):
                raise sqlite3.DataError(f"the ledger does not balance: {name or 'own'} {signal} {items:+}")

    def append(self, batches: Sequence[Batch], *, lost: int = 0, also: Also | None = None) -> None:
        """Keep `batches` in one transaction; on return they survive a crash. `lost` items that never reached the
        disk are counted beside them. `also` is done in the same transaction, and what it gives back is kept too."""
        entries = [Entry.of(batch) for batch in batches]
        self._append(entries, lost, also)
        self._appended_bytes += sum(len(entry.body) for entry in entries)
        self._look()

    @mended
    def _append(self, entries: Sequence[Entry], lost: int, also: Also | None) -> None:
        with self._write() as connection:
            if (
                entries
                and connection.execute("SELECT 1 FROM batch WHERE uuid = ?", (entries[0].key,)).fetchone()
            ):
                return  # it was saved from the file that was in use before
            self._keep(connection, entries)
            if also is not None:
                self._keep(connection, [Entry.of(batch) for batch in also(connection)])
            if lost:
                count(connection, OWN, "", "lost_in_memory", "journal could not be written", lost)

    def _keep(self, connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        now = self._now()
        for entry in entries:
            total = count(connection, OWN, entry.batch.signal, "journaled", "", entry.batch.items)
            connection.execute(
                "INSERT INTO batch (uuid, signal, created, items, bytes, crc, codec, body, total) "
                "VALUES (?,?,?,?,?,?,?,?,?)",
                entry.row(now, total),
            )

    @mended
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
                ledger.place(connection, destination, signal)

    @mended
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

    @mended
    def release(self, destination: str, owner: str) -> None:
        """Let another process send at once."""
        with self._write() as connection:
            connection.execute(
                "UPDATE destination SET owner = '', lease = 0 WHERE name = ? AND owner = ?",
                (destination, owner),
            )

    @mended
    def next_for(self, destination: str, *, max_bytes: int, max_entries: int = 1024) -> Chunk | None:
        """The oldest undelivered entries of one signal, joined up to `max_bytes` (at least one entry). None when
        the destination has everything. A damaged entry is set aside as dead and left out."""
        while (found := self._oldest_signal(destination)) is not None:
            signal, last = found
            sizes = self._query(SIZES, (signal, last, max_entries))
            chunk, damaged = chunk_of(signal, self._query(NEXT, (signal, last, fitting(sizes, max_bytes))))
            if chunk is not None:
                return chunk
            if damaged is None:
                return None
            number, body = damaged
            self.bury(destination, Chunk(number, number, 1, 0.0, Batch(signal, body, 0)), "damaged entry")
        return None

    def _oldest_signal(self, destination: str) -> tuple[Signal, int] | None:
        with self._connections.lend() as connection:
            row = connection.execute(OLDEST, (destination,)).fetchone()
            return (ledger.signal_of(row[0]), row[1]) if row else None

    def advance(self, destination: str, chunk: Chunk, *, rejected: int = 0, reason: str = "") -> None:
        """The chunk was taken, but for `rejected` of its items: move on and count, in one transaction."""
        self.settle(destination, chunk, (), {reason: rejected})

    @mended
    def settle(
        self, destination: str, chunk: Chunk, letters: Sequence[Letter], rejected: Mapping[str, int]
    ) -> None:
        """The chunk was taken in parts, but for `letters`, whose bytes are kept, and the `rejected` items (by
        reason) of parts that were taken: move on and count, in one transaction."""
        signal = chunk.batch.signal
        with self._write() as connection:
            left = ledger.pass_over(connection, destination, chunk)
            for letter in letters if left else ():
                items = min(letter.batch.items, left)
                ledger.keep_dead(connection, destination, chunk.last, letter.batch, items, letter.reason)
                left -= items
            for reason, refused in rejected.items():
                items = min(max(refused, 0), left)
                if items:
                    count(connection, destination, signal, "dead", reason or "rejected", items)
                left -= items
            if left:
                count(connection, destination, signal, "delivered", "", left)
            self._answered(connection, destination, "active", "")

    @mended
    def bury(self, destination: str, chunk: Chunk, reason: str) -> None:
        """The chunk will never be taken: keep its bytes as a dead letter, move on and count."""
        with self._write() as connection:
            passed = ledger.pass_over(connection, destination, chunk)
            if passed:
                ledger.keep_dead(connection, destination, chunk.last, chunk.batch, passed, reason)

    @mended
    def mark(self, destination: str, state: str, reason: str) -> None:
        """Note how a destination stands ("active", "later", "paused") and why."""
        with self._write() as connection:
            self._answered(connection, destination, state, reason)

    def _answered(self, connection: sqlite3.Connection, destination: str, state: str, reason: str) -> None:
        connection.execute(
            "UPDATE destination SET state = ?, reason = ?, answered = ? WHERE name = ?",
            (state, reason, self._now(), destination),
        )

    @mended
    def replay(self, destination: str, since: float) -> int:
        """Let a destination have again what was journaled at `since` (seconds since the epoch) or later and is
        still kept; how many items. The ledger counts them as replayed, and once more as what becomes of them."""
        with self._write() as connection:
            return ledger.replay(connection, destination, since)

    def behind(self, destination: str) -> int:
        """How many items wait for a destination."""
        return sum(s.queued for s in self.standings() if s.destination == destination)

    @mended
    def standings(self) -> tuple[Standing, ...]:
        """Every destination and signal, from one consistent view of the file."""
        with self._connections.lend() as connection:
            return ledger.standings(connection)

    @mended
    def totals(self) -> dict[str, int]:
        """Items the journal itself has counted: `journaled`, `lost_in_memory`; where it happened, `removed` and
        `lost` (in a damaged file); and how often a file was `set aside`."""
        with self._connections.lend() as connection:
            return ledger.totals(connection)

    def check(self) -> tuple[str, ...]:
        """What is wrong with the file, its entries, the places of destinations and the ledger; empty when every
        item is accounted for. Reads all of it and changes nothing."""
        with self._connections.lend() as connection:
            connection.execute("BEGIN")
            try:
                return tuple(faults(connection))
            finally:
                connection.execute("ROLLBACK")

    @mended
    def trim(self, max_bytes: int, *, keep_seconds: float = 86_400.0) -> None:
        """Remove what everybody has and is older than `keep_seconds`; above `max_bytes` of the file remove the
        oldest entries all the same and count them as dropped for those who still wanted them."""
        with self._write() as connection:
            remove_old(connection, self._now() - keep_seconds, EVERYTHING)
            forget_letters(connection, max_bytes)
            shrink(connection, max_bytes, FULL, EVERYTHING)
        with self._connections.lend() as connection:
            give_back(connection)

    def _look(self) -> None:
        """Every now and then after an append: a small step towards the limits."""
        now = self._now()
        if self._appended_bytes < self._limits.look_bytes and now - self._looked < self._limits.look_seconds:
            return
        self._appended_bytes, self._looked = 0, now
        try:
            self._step_to_limits()
        except JournalError as error:
            logger.warning("the journal's limits could not be kept: %s", error)

    @mended
    def _step_to_limits(self) -> None:
        limits = self._limits
        with self._write() as connection:
            removed = remove_old(connection, self._now() - limits.keep_seconds, STEP_ENTRIES)
            forget_letters(connection, limits.max_bytes)
            removed += shrink(connection, limits.max_bytes, FULL, STEP_ENTRIES)
            short = limits.floor - limits.free(self.path.parent)
            if short > 0:
                target = max(used(connection) - short, LEAST_BYTES)
                removed += shrink(connection, target, DISK, STEP_ENTRIES)
        if removed:
            with self._connections.lend() as connection:
                give_back(connection)

    def begin_in_child(self) -> None:
        """Right after a fork, in the child: what other threads of the parent held at that moment is free here."""
        self._connections.begin_in_child()
        self.mender.begin_in_child()

    def close(self) -> None:
        """Close every connection, one in use as soon as it comes back; afterwards every method raises."""
        self._connections.close()

    def _query(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        with self._connections.lend() as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._connections.write() as connection:
            yield connection
