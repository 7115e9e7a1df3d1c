"""What became of every item, counted in the transaction in which it came about.

For every signal `journaled = kept + removed + lost`, and for every destination that wants it
`journaled + replayed = delivered + queued + dropped + dead + lost`, at every moment."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from otel.batch import Batch, Signal
from otel.journal.entries import Chunk

OWN = ""
"""The ledger's name for the journal itself."""
SIGNALS = frozenset(signal.value for signal in Signal)
_COUNT = (
    "INSERT INTO ledger VALUES (?, ?, ?, ?, ?) ON CONFLICT (destination, signal, entry, reason) "
    "DO UPDATE SET items = items + excluded.items RETURNING items"
)
_STANDINGS = """
SELECT d.name, c.signal, d.state, d.reason,
    (SELECT coalesce(sum(items), 0) FROM batch b WHERE b.signal = c.signal AND b.id > c.last),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'delivered'), 0),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'dropped'), 0),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'dead'), 0),
    (SELECT min(created) FROM batch b WHERE b.signal = c.signal AND b.id > c.last),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'lost'), 0),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'replayed'), 0)
FROM destination d JOIN cursor c ON c.destination = d.name
    LEFT JOIN ledger l ON l.destination = d.name AND l.signal = c.signal
GROUP BY d.name, c.signal ORDER BY d.name, c.signal
"""
_OWN = """
SELECT l.signal, sum(l.items) FILTER (WHERE l.entry = 'journaled'),
    (SELECT coalesce(sum(items), 0) FROM batch b WHERE b.signal = l.signal),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'removed'), 0),
    coalesce(sum(l.items) FILTER (WHERE l.entry = 'lost'), 0)
FROM ledger l WHERE l.destination = '' AND l.signal <> '' GROUP BY l.signal
"""


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
    lost: int = 0
    """In a journal that was damaged, before they were delivered."""
    replayed: int = 0
    """Sent again, so that they are counted a second time."""

    @property
    def accounted(self) -> int:
        """Equals what was journaled of the signal, always."""
        return self.queued + self.delivered + self.dropped + self.dead + self.lost - self.replayed


@dataclass(frozen=True, slots=True)
class Letter:
    """A part of an entry that will never be taken, and why."""

    batch: Batch
    reason: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the journal itself says of one signal, in items."""

    signal: str
    journaled: int
    kept: int
    removed: int
    lost: int

    @property
    def missing(self) -> int:
        return self.journaled - self.kept - self.removed - self.lost


def count(
    connection: sqlite3.Connection, destination: str, signal: str, entry: str, reason: str, items: int
) -> int:
    """Add to one line of the ledger; the line's new value."""
    ((total,),) = connection.execute(_COUNT, (destination, signal, entry, reason, items)).fetchall()
    return int(total)


def standings(connection: sqlite3.Connection) -> tuple[Standing, ...]:
    """Raises sqlite3.DataError for values that cannot have been written."""
    found = []
    for name, signal, state, reason, *rest in connection.execute(_STANDINGS):
        _ensure_whole(*rest[:4], *rest[5:])
        found.append(Standing(name, signal_of(signal), state, reason, *rest))
    return tuple(found)


def holdings(connection: sqlite3.Connection) -> tuple[Holdings, ...]:
    """Raises sqlite3.DataError for values that cannot have been written."""
    rows = [(signal, journaled or 0, *rest) for signal, journaled, *rest in connection.execute(_OWN)]
    for _, *counts in rows:
        _ensure_whole(*counts)
    return tuple(Holdings(*row) for row in rows)


def signal_of(text: object) -> Signal:
    if not isinstance(text, str) or text not in SIGNALS:
        raise sqlite3.DataError("a signal that does not exist")
    return Signal(text)


def _ensure_whole(*counts: object) -> None:
    if not all(isinstance(number, int) for number in counts):
        raise sqlite3.DataError("a count that is no number")


def totals(connection: sqlite3.Connection) -> dict[str, int]:
    rows = connection.execute(
        "SELECT entry, sum(items) FROM ledger WHERE destination = ? GROUP BY entry", (OWN,)
    )
    return {"journaled": 0, "lost_in_memory": 0} | dict(rows)


def differences(connection: sqlite3.Connection) -> Iterator[tuple[str, str, int]]:
    """Destination (or OWN), signal and the items by which it does not balance; more than none is damage."""
    own = {held.signal: held for held in holdings(connection)}
    for held in own.values():
        if held.missing:
            yield OWN, held.signal, held.missing
    for standing in standings(connection):
        journaled = own[standing.signal].journaled if standing.signal in own else 0
        if journaled != standing.accounted:
            yield standing.destination, standing.signal, journaled - standing.accounted


def pass_over(connection: sqlite3.Connection, destination: str, chunk: Chunk) -> int:
    """Move a place to the chunk's end; the items it passed over. Counting those, and not what was read before, keeps
    the balance when another process has sent or trimmed the same entries meanwhile. The place stays when entries
    before the chunk wait again, because they were replayed."""
    place = {
        "destination": destination,
        "signal": chunk.batch.signal,
        "first": chunk.first,
        "last": chunk.last,
    }
    (passed, skipped) = connection.execute(
        "SELECT coalesce(sum(items), 0), coalesce(min(id) < :first, 0) FROM batch WHERE signal = :signal "
        "AND id <= :last AND id > (SELECT last FROM cursor WHERE destination = :destination AND signal = :signal)",
        place,
    ).fetchone()
    if skipped:
        return 0
    connection.execute(
        "UPDATE cursor SET last = max(last, :last) WHERE destination = :destination AND signal = :signal",
        place,
    )
    return int(passed)


def keep_dead(
    connection: sqlite3.Connection, destination: str, entry: int, batch: Batch, items: int, reason: str
) -> None:
    """Keep bytes that were not taken, and count their items as dead."""
    connection.execute(
        "INSERT INTO dead (destination, batch, signal, items, reason, body) VALUES (?,?,?,?,?,?)",
        (destination, entry, batch.signal, items, reason, batch.payload),
    )
    count(connection, destination, batch.signal, "dead", reason, items)


def place(connection: sqlite3.Connection, destination: str, signal: str) -> None:
    """Give a destination its place before the first entry that is kept; one that has a place keeps it."""
    values = (destination, signal)
    if not connection.execute("INSERT OR IGNORE INTO cursor VALUES (?, ?, 0)", values).rowcount:
        return
    for held in holdings(connection):
        if held.signal == signal and (gone := held.journaled - held.kept):
            count(connection, destination, signal, "dropped", "removed before it was added", gone)


def replay(connection: sqlite3.Connection, destination: str, since: float) -> int:
    """Move a destination's places back to the first entry of `since` or later; how many items wait again."""
    again = 0
    for signal, last in connection.execute(
        "SELECT signal, last FROM cursor WHERE destination = ?", (destination,)
    ).fetchall():
        (first,) = connection.execute(
            "SELECT min(id) FROM batch WHERE signal = ? AND id <= ? AND created >= ?", (signal, last, since)
        ).fetchone()
        if first is not None:
            again += _go_back(connection, destination, signal, first, last)
    return again


def _go_back(connection: sqlite3.Connection, destination: str, signal: str, first: int, last: int) -> int:
    (items,) = connection.execute(
        "SELECT coalesce(sum(items), 0) FROM batch WHERE signal = ? AND id BETWEEN ? AND ?",
        (signal, first, last),
    ).fetchone()
    connection.execute(
        "UPDATE cursor SET last = ? WHERE destination = ? AND signal = ?", (first - 1, destination, signal)
    )
    count(connection, destination, signal, "replayed", "", items)
    return int(items)
