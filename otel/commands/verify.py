"""Whether the books balance, and whether the traces of a stretch are what traces should be."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from otel.accounts import reading
from otel.commands.output import AsJson, Home, home_folder, notice, show, show_json
from otel.commands.replay import moment_of
from otel.errors import StoreError
from otel.journal.check import faults
from otel.store.queries import Store
from otel.tree import clean
from otel.verification import Breach, breaches

MOST_TRACES = 10_000
SETTLED_NS = 30 * 10**9
"""A trace to which something came within so many nanoseconds may still be running."""
SHOWN = 50


def verify(
    context: typer.Context,
    home: Home = None,
    as_json: AsJson = False,
    since: Annotated[str, typer.Option(help="30m, 2h, 1d, or a time like 2026-01-31T12:00.")] = "1d",
    running: Annotated[
        bool, typer.Option("--running", help="Also traces that may still be running.")
    ] = False,
) -> None:
    """Check that every item is accounted for, and that every finished trace is whole: one root, no orphans, and model
    calls with tokens and cost. Exit code 1 when something is not so."""
    folder, now = home_folder(context, home), time.time()
    beginning = int(moment_of(since, now=now) * 1e9)
    books = _balance(folder / "journal.db")
    until = int(now * 1e9) - (0 if running else SETTLED_NS)
    traces, found = _traces(folder / "store.db", beginning, until)
    if as_json:
        show_json({"traces": traces, "books": books, "breaches": [asdict(breach) for breach in found]})
    else:
        show(*_lines(books, found))
        notice(f"{traces:,} traces since {since}: {len(found):,} breaches; books: {len(books):,} errors")
    if books or found:
        raise typer.Exit(1)


def _balance(path: Path) -> tuple[str, ...]:
    with reading(path) as connection:  # opening a damaged journal for writing would put it aside
        connection.execute("BEGIN")
        return tuple(faults(connection))


def _traces(path: Path, beginning: int, until: int) -> tuple[int, list[Breach]]:
    if not path.is_file():
        raise StoreError(f"{path}: nothing has been stored here yet")
    with Store.open(path) as store:
        rows = [
            row
            for row in store.traces(limit=MOST_TRACES)
            if row.start_ns >= beginning and row.end_ns <= until
        ]
        found = [b for row in rows for b in breaches(store.spans(row.trace_id), store.logs(row.trace_id))]
    return len(rows), found


def _lines(books: tuple[str, ...], found: list[Breach]) -> Iterator[Text]:
    for error in books:
        yield Text(f"✗ books: {clean(error, 300)}", style="red")
    for breach in found[:SHOWN]:
        yield Text(f"✗ {breach.trace_id[:8]} {breach.rule}: {clean(breach.text, 200)}", style="red")
    if len(found) > SHOWN:
        rules = Counter(breach.rule for breach in found)
        yield Text("… " + ", ".join(f"{count:,} {rule}" for rule, count in rules.most_common()))
