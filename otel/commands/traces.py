"""What the local store knows of traces: the latest, and one of them whole."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from otel.commands.output import AsJson, Home, home_folder, moment, notice, show, show_json, table
from otel.store.queries import LogRow, SpanRow, Store, TraceRow
from otel.store.running import all_spans
from otel.tree import clean, draw, duration

SHOWN_DIGITS = 8
"""Hex digits of a trace id in tables; the command `trace` takes any unique beginning."""


def traces(
    context: typer.Context,
    home: Home = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    error: Annotated[bool, typer.Option("--error", help="Only those in which something failed.")] = False,
) -> None:
    """The latest traces, one a line."""
    with Store.open(home_folder(context, home) / "store.db") as store:
        rows = store.traces(limit=limit, errors_only=error)
    if as_json:
        show_json([{**asdict(row), "seconds": row.seconds} for row in rows])
        return
    show(_traces(rows))
    if not rows:
        notice("no failed trace is stored here" if error else "no trace is stored here")


def trace(
    context: typer.Context,
    trace_id: Annotated[str, typer.Argument(help="A trace id, or its first digits.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """One trace as a tree, what runs at this moment included: durations, tokens, dollars, failures, log records."""
    folder = home_folder(context, home)
    with Store.open(folder / "store.db") as store:
        found = store.find_trace(trace_id)
        spans, logs = all_spans(store, folder / "journal.db", found), store.logs(found)
    if as_json:
        show_json(
            {"trace_id": found, "spans": [asdict(s) for s in spans], "logs": [asdict(log) for log in logs]}
        )
        return
    notice(f"trace {found} · {moment(spans[0].start_ns)} · {len(spans)} spans, {len(logs)} log records")
    show(*_lines(spans, logs))


def _traces(rows: Sequence[TraceRow]) -> Table:
    numbers = ("duration", "spans", "errors", "tokens", "cost")
    made = table("trace", "started", "root", *numbers, right=numbers, wrap=("root",))
    for row in rows:
        made.add_row(
            *(row.trace_id[:SHOWN_DIGITS], moment(row.start_ns), clean(row.root, 60) or "(still open)"),
            *(duration(row.seconds), f"{row.spans:,}"),
            Text(f"{row.errors:,}" if row.errors else "", style="red"),
            f"{row.input_tokens:,}→{row.output_tokens:,}" if row.input_tokens or row.output_tokens else "",
            f"${row.cost_usd:.4f}" if row.cost_usd else "",
        )
    return made


def _lines(spans: Sequence[SpanRow], logs: Sequence[LogRow]) -> Iterator[Text]:
    for line in draw(spans, logs=logs):
        mark = line.lstrip("│├└─ ")[:2]
        style = "red" if "  ✗" in line else {"· ": "dim", "◆ ": "cyan"}.get(mark, "")
        yield Text(line, style=style)
