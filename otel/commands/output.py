"""How commands speak: data on standard output, notices on standard error, nothing that steers the terminal."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel.config import Config
from otel.tree import clean

PIPED_WIDTH = 160
"""Columns of a table that no terminal limits."""

SIGNALS = {
    "traces": "traces",
    "logs": "logs",
    "metrics_cumulative": "metrics",
    "metrics_delta": "metrics (delta)",
}

Home = Annotated[
    Path | None,
    typer.Option(help="Folder with journal.db and store.db [default: $TELEMETRY_HOME, or telemetry]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")]


def home_folder(context: typer.Context, home: Path | None) -> Path:
    """The folder that was named, or that the environment names. Raises ConfigError."""
    return home or Config.from_env(context.obj, service="otel").home


def table(*columns: str, right: Sequence[str] = (), wrap: Sequence[str] = ()) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column not in wrap)
    return made


def moment(nanoseconds: int) -> str:
    """Local time for people; the JSON has nanoseconds."""
    return f"{datetime.fromtimestamp(nanoseconds / 1e9).astimezone():%m-%d %H:%M:%S}"


def show(*things: Table | Text, new_page: bool = False) -> None:
    """On standard output; `new_page` clears a terminal first."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    if new_page and console.is_terminal:
        console.clear()
    for thing in things:
        console.print(thing, soft_wrap=isinstance(thing, Text))


def show_json(value: Any, *, indent: int | None = 2) -> None:
    typer.echo(json.dumps(value, indent=indent))


def notice(text: str) -> None:
    Console(stderr=True, highlight=False).print(Text(clean(text), style="dim"), soft_wrap=True)
