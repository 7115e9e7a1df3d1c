"""Where every destination stands, once or over and over."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from otel.accounts import Account, Books, read_books
from otel.commands.output import SIGNALS, AsJson, Home, home_folder, notice, show, show_json, table
from otel.tree import clean, duration


def status(
    context: typer.Context,
    home: Home = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")] = 2.0,
) -> None:
    """Where every destination stands: what waits, what was delivered, what was not, and why."""
    path = home_folder(context, home) / "journal.db"
    _look(path, as_json=as_json, watch=watch)
    while watch:
        try:
            time.sleep(every)
        except KeyboardInterrupt:
            return
        _look(path, as_json=as_json, watch=watch)


def _look(path: Path, *, as_json: bool, watch: bool) -> None:
    books = read_books(path)
    if as_json:
        show_json(_facts(path, books), indent=None if watch else 2)  # watched, it is one line a look
        return
    show(_accounts(books.accounts), *_reasons(books), new_page=watch)
    notice(
        f"{books.created:,} items ended, {books.journaled:,} items recorded, "
        f"{books.lost:,} lost in memory · {path}"
    )


def _facts(path: Path, books: Books) -> Mapping[str, Any]:
    return {
        "journal": str(path),
        "created": books.created,
        "journaled": books.journaled,
        "lost_in_memory": books.lost,
        "lost_by_reason": books.lost_in_memory,
        "destinations": [_row(account) for account in books.accounts],
    }


def _row(account: Account) -> Mapping[str, Any]:
    return {
        **asdict(account),
        "dropped": sum(account.dropped.values()),
        "dead": sum(account.dead.values()),
        "dropped_by_reason": account.dropped,
        "dead_by_reason": account.dead,
    }


def _accounts(accounts: Sequence[Account]) -> Table:
    numbers = ("queued", "delivered", "dropped", "dead", "oldest", "answered")
    made = table("destination", "signal", "state", *numbers, right=numbers)
    for account in accounts:
        counts = (
            account.queued,
            account.delivered,
            sum(account.dropped.values()),
            sum(account.dead.values()),
        )
        made.add_row(
            *(clean(account.destination, 40), SIGNALS.get(account.signal, clean(account.signal, 20))),
            Text(clean(account.state, 20), style="green" if account.state == "active" else "yellow"),
            *(f"{count:,}" for count in counts),
            *(_ago(account.oldest), _ago(account.answered)),
        )
    return made


def _ago(moment: float | None) -> str:
    return duration(max(0.0, time.time() - moment)) if moment else ""


def _reasons(books: Books) -> Iterator[Text]:
    """One line for each destination that does not take what it is offered, and for everything that was not taken."""
    for line in dict.fromkeys(_said(books)):
        yield Text(f"! {clean(line, 300)}", style="yellow")


def _said(books: Books) -> Iterator[str]:
    for account in books.accounts:
        if account.reason:
            yield f"{account.destination} is {account.state}: {account.reason}"
    for account in books.accounts:
        for reason, items in account.dropped.items():
            yield f"{account.destination}: {items:,} of {account.signal} dropped: {reason}"
        for reason, items in account.dead.items():
            yield f"{account.destination}: {items:,} of {account.signal} refused for good: {reason}"
        if account.lost:
            yield f"{account.destination}: {account.lost:,} of {account.signal} lost in a damaged file"
    for reason, items in books.lost_in_memory.items():
        yield f"{items:,} lost in memory: {reason}"
