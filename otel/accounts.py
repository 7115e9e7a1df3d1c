"""Reads the journal's books through a connection that cannot write, so that looking disturbs nobody."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from otel.errors import JournalError

_WAITING = """
SELECT c.destination, c.signal, coalesce(sum(b.items), 0), min(b.created)
FROM cursor c LEFT JOIN batch b ON b.signal = c.signal AND b.id > c.last GROUP BY c.destination, c.signal
"""
_OUTCOMES = ("delivered", "dropped", "dead")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One destination and signal: counts are items, times are seconds since the epoch."""

    destination: str
    signal: str
    state: str
    reason: str
    answered: float | None
    queued: int
    delivered: int
    dropped: dict[str, int] = field(default_factory=dict)
    """Items by the reason for which they were removed before it had them."""
    dead: dict[str, int] = field(default_factory=dict)
    """Items by the reason for which it will never take them."""
    oldest: float | None = None
    lost: int = 0
    """Items that were in a file that was damaged, before it had them."""
    replayed: int = 0
    """Items that were sent again, so that they are counted a second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The whole file at one moment. `created` is what programs ended and noted here: what was kept and what was lost
    before it could be."""

    created: int
    journaled: int
    lost_in_memory: dict[str, int]
    accounts: tuple[Account, ...]

    @property
    def lost(self) -> int:
        return sum(self.lost_in_memory.values())


def read_books(path: Path) -> Books:
    """Everything from one consistent view, also while other processes write. Raises JournalError when there is no
    journal or it cannot be read."""
    with reading(path) as connection:
        connection.execute("BEGIN")
        return _books(connection)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing; errors of SQLite inside the block become JournalError."""
    if not path.is_file():  # SQLite would make one
        raise JournalError(f"{path}: nothing has been recorded here yet")
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5.0, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise JournalError(f"{path}: {error}") from error


def _books(connection: sqlite3.Connection) -> Books:
    counts: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for destination, signal, entry, reason, items in connection.execute(
        "SELECT destination, signal, entry, reason, sum(items) FROM ledger GROUP BY 1, 2, 3, 4"
    ):
        counts[destination, signal, entry][reason] = items
    journaled = sum(
        sum(c.values()) for (name, _, entry), c in counts.items() if (name, entry) == ("", "journaled")
    )
    lost: dict[str, int] = defaultdict(int)
    for (name, _, entry), reasons in counts.items():
        for reason, items in reasons.items() if (name, entry) == ("", "lost_in_memory") else ():
            lost[reason] += items
    return Books(
        created=journaled + sum(lost.values()),
        journaled=journaled,
        lost_in_memory=dict(lost),
        accounts=tuple(_accounts(connection, counts)),
    )


def _accounts(
    connection: sqlite3.Connection, counts: dict[tuple[str, str, str], dict[str, int]]
) -> Iterator[Account]:
    states = {
        row[0]: row[1:] for row in connection.execute("SELECT name, state, reason, answered FROM destination")
    }
    for destination, signal, queued, oldest in sorted(connection.execute(_WAITING)):
        state, reason, answered = states.get(destination, ("unknown", "", None))
        delivered, dropped, dead = (counts.get((destination, signal, entry), {}) for entry in _OUTCOMES)
        yield Account(
            destination=destination,
            signal=signal,
            state=state,
            reason=reason,
            answered=answered,
            queued=queued,
            delivered=sum(delivered.values()),
            dropped={reason: items for reason, items in dropped.items() if items},
            dead={reason: items for reason, items in dead.items() if items},
            oldest=oldest,
            lost=sum(counts.get((destination, signal, "lost"), {}).values()),
            replayed=sum(counts.get((destination, signal, "replayed"), {}).values()),
        )
