"""`python -m otel`: what was recorded on this machine, and what has become of it.

Data goes to standard output and notices to standard error. Exit code 0: done; 1: it failed; 2: wrong usage.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel.batch import Signal
from otel.config import Config
from otel.errors import ConfigError, JournalError, OtelError
from otel.journal import Journal, Standing
from otel.store.queries import LogRow, SpanRow, Store, TraceRow
from otel.tree import clean, draw, duration

PIPED_WIDTH = 160
"""Columns of a table that no terminal limits."""
SHOWN_DIGITS = 8
"""Hex digits of a trace id in tables; the command `trace` takes any unique beginning."""

SIGNALS = {
    Signal.TRACES: "traces",
    Signal.LOGS: "logs",
    Signal.METRICS_CUMULATIVE: "metrics",
    Signal.METRICS_DELTA: "metrics (delta)",
}

Home = Annotated[
    Path | None,
    typer.Option(help="Folder with journal.db and store.db [default: $TELEMETRY_HOME, or telemetry]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")]


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run one command; the exit code. `env` is read by Config.from_env only."""
    try:
        _commands()(args=list(arguments), obj=env, prog_name="python -m otel")
    except OtelError as error:
        Console(stderr=True).print(Text(f"✗ {clean(str(error))}"), soft_wrap=True)
        return 2 if isinstance(error, ConfigError) else 1
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
    return 0


def _commands() -> typer.Typer:
    commands = typer.Typer(
        help=__doc__,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for command in (status, traces, trace):
        commands.command()(command)
    return commands


def status(context: typer.Context, home: Home = None, as_json: AsJson = False) -> None:
    """Where every destination stands: what waits, what was delivered, what was not, and why."""
    path = _home(context, home) / "journal.db"
    if not path.is_file():  # opening would make one
        raise JournalError(f"{path}: nothing has been recorded here yet")
    journal = Journal(path)
    try:
        totals, standings = journal.totals(), journal.standings()
    finally:
        journal.close()
    if as_json:
        _print_json({"journal": str(path), **totals, "destinations": [asdict(s) for s in standings]})
        return
    _print(_standings(standings), *_reasons(standings))
    journaled, lost = totals["journaled"], totals["lost_in_memory"]
    _notice(f"{journaled:,} items recorded, {lost:,} lost in memory · {path}")


def traces(
    context: typer.Context,
    home: Home = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    error: Annotated[bool, typer.Option("--error", help="Only those in which something failed.")] = False,
) -> None:
    """The latest traces, one a line."""
    with Store.open(_home(context, home) / "store.db") as store:
        rows = store.traces(limit=limit, errors_only=error)
    if as_json:
        _print_json([{**asdict(row), "seconds": row.seconds} for row in rows])
        return
    _print(_traces(rows))
    if not rows:
        _notice("no failed trace is stored here" if error else "no trace is stored here")


def trace(
    context: typer.Context,
    trace_id: Annotated[str, typer.Argument(help="A trace id, or its first digits.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """One trace as a tree: durations, tokens, dollars, failures, and each log record below its span."""
    with Store.open(_home(context, home) / "store.db") as store:
        found = store.find_trace(trace_id)
        spans, logs = store.spans(found), store.logs(found)
    if as_json:
        _print_json(
            {"trace_id": found, "spans": [asdict(s) for s in spans], "logs": [asdict(log) for log in logs]}
        )
        return
    _notice(f"trace {found} · {_moment(spans[0].start_ns)} · {len(spans)} spans, {len(logs)} log records")
    _print(*_lines(spans, logs))


def _home(context: typer.Context, home: Path | None) -> Path:
    return home or Config.from_env(context.obj, service="otel").home


def _standings(standings: Sequence[Standing]) -> Table:
    numbers = ("queued", "delivered", "dropped", "dead", "oldest")
    table = _table("destination", "signal", "state", *numbers, right=numbers)
    for standing in standings:
        counts = (standing.queued, standing.delivered, standing.dropped, standing.dead)
        table.add_row(
            *(clean(standing.destination, 40), SIGNALS[standing.signal]),
            Text(standing.state, style="green" if standing.state == "active" else "yellow"),
            *(f"{count:,}" for count in counts),
            duration(time.time() - standing.oldest) if standing.oldest else "",
        )
    return table


def _reasons(standings: Sequence[Standing]) -> Iterator[Text]:
    """One line for each destination that does not take what it is offered."""
    for line in dict.fromkeys(f"{s.destination} is {s.state}: {s.reason}" for s in standings if s.reason):
        yield Text(f"! {clean(line, 300)}", style="yellow")


def _traces(rows: Sequence[TraceRow]) -> Table:
    numbers = ("duration", "spans", "errors", "tokens", "cost")
    table = _table("trace", "started", "root", *numbers, right=numbers)
    for row in rows:
        table.add_row(
            *(row.trace_id[:SHOWN_DIGITS], _moment(row.start_ns), clean(row.root, 60) or "(still open)"),
            *(duration(row.seconds), f"{row.spans:,}"),
            Text(f"{row.errors:,}" if row.errors else "", style="red"),
            f"{row.input_tokens:,}→{row.output_tokens:,}" if row.input_tokens or row.output_tokens else "",
            f"${row.cost_usd:.4f}" if row.cost_usd else "",
        )
    return table


def _lines(spans: Sequence[SpanRow], logs: Sequence[LogRow]) -> Iterator[Text]:
    for line in draw(spans, logs=logs):
        mark = line.lstrip("│├└─ ")[:2]
        style = "red" if "  ✗" in line else {"· ": "dim", "◆ ": "cyan"}.get(mark, "")
        yield Text(line, style=style)


def _table(*columns: str, right: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column != "root")
    return table


def _moment(nanoseconds: int) -> str:
    """Local time for people; the JSON has nanoseconds."""
    return f"{datetime.fromtimestamp(nanoseconds / 1e9).astimezone():%m-%d %H:%M:%S}"


def _print(*things: Table | Text) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    for thing in things:
        console.print(thing, soft_wrap=isinstance(thing, Text))


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))


def _notice(text: str) -> None:
    Console(stderr=True, highlight=False).print(Text(clean(text), style="dim"), soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
