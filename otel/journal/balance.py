"""Makes the ledger of a salvaged journal balance again: what cannot be accounted for is counted as lost."""

import sqlite3

from otel.journal.ledger import OWN, Standing, count, holdings, standings

ASSUMED = "assumed, its ledger was damaged"


def rebalance(connection: sqlite3.Connection, reason: str, *, ledger: bool) -> int:
    """Count what is missing; how many items of the journal that is. `ledger` says whether it could be read: if not,
    it is begun again from the totals in the entries and from the places of the destinations."""
    _recount(connection)
    _clear_places(connection)
    missing = {held.signal: held.missing for held in holdings(connection)}
    for signal, items in missing.items():
        if items:
            count(connection, OWN, signal, "lost", reason, items)
    journaled = {held.signal: held.journaled for held in holdings(connection)}
    for standing in standings(connection):
        expected = journaled.get(standing.signal, 0) - standing.accounted + standing.queued
        _settle(connection, standing, expected, missing.get(standing.signal, 0), reason, ledger=ledger)
    return sum(missing.values())


def _recount(connection: sqlite3.Connection) -> None:
    """Never fewer journaled than the entries themselves say, nor more kept than were journaled."""
    found = connection.execute(
        "SELECT signal, max(total), (SELECT total - items FROM batch f WHERE f.signal = b.signal ORDER BY id LIMIT 1) "
        "FROM batch b GROUP BY signal"
    ).fetchall()
    known = {held.signal for held in holdings(connection)}
    for signal, total, before in found:
        count(connection, OWN, signal, "journaled", "", 0)
        count(connection, OWN, signal, "removed", "", max(before, 0) if signal not in known else 0)
        (held,) = (h for h in holdings(connection) if h.signal == signal)
        count(connection, OWN, signal, "journaled", "", max(total - held.journaled, 0))
    for held in holdings(connection):
        if held.missing < 0:
            count(connection, OWN, held.signal, "journaled", "", -held.missing)


def _clear_places(connection: sqlite3.Connection) -> None:
    """A place that is beyond every entry is damage: begin again, since twice is better than never."""
    connection.execute(
        "UPDATE cursor SET last = 0 WHERE last > (SELECT seq FROM sqlite_sequence WHERE name = 'batch')"
    )
    connection.execute("DELETE FROM destination WHERE name NOT IN (SELECT destination FROM cursor)")
    connection.execute(
        "INSERT INTO destination (name, state) SELECT DISTINCT destination, 'active' FROM cursor "
        "WHERE destination NOT IN (SELECT name FROM destination)"
    )


def _settle(
    connection: sqlite3.Connection,
    standing: Standing,
    expected: int,
    missing: int,
    reason: str,
    *,
    ledger: bool,
) -> None:
    name, signal = standing.destination, standing.signal
    short = expected - standing.queued
    if not ledger and short > missing:
        count(connection, name, signal, "delivered", ASSUMED, short - missing)
        short = missing
    if short > 0 and not missing:
        short -= _go_back(connection, standing, expected)
    if short > 0:
        count(connection, name, signal, "lost", reason, short)
    elif short < 0:
        count(connection, name, signal, "replayed", reason, -short)


def _go_back(connection: sqlite3.Connection, standing: Standing, expected: int) -> int:
    """Every entry is there, and more of them should be waiting than do: the place was damaged. Move it to where the
    ledger says it was; how many items wait again."""
    last, waiting = 0, 0
    for number, items in connection.execute(
        "SELECT id, items FROM batch WHERE signal = ? ORDER BY id DESC", (standing.signal,)
    ).fetchall():
        if waiting + items > expected:
            last = number
            break
        waiting += items
    connection.execute(
        "UPDATE cursor SET last = ? WHERE destination = ? AND signal = ?",
        (last, standing.destination, standing.signal),
    )
    return waiting - standing.queued
