"""Sends a retained stretch to a destination again, and stays until it is there."""

import re
import time
from datetime import datetime
from typing import Annotated

import typer

from otel.commands.output import Home, home_folder, notice
from otel.config import Config
from otel.destination import Destination
from otel.destinations import DESTINATIONS
from otel.errors import ConfigError, JournalError
from otel.forwarder import Forwarder
from otel.journal import Journal

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def replay(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", help="A destination, by its name in `status`.")],
    since: Annotated[str, typer.Option(help="30m, 2h, 1d, or a time like 2026-01-31T12:00.")],
    home: Home = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds to wait for it.")] = 60.0,
) -> None:
    """Send again what was recorded since a time. Whoever receives it knows it by its ids; nothing here is counted
    as new."""
    beginning = moment_of(since, now=time.time())
    config = Config.from_env(context.obj, service="otel")
    folder = home_folder(context, home)
    if not (folder / "journal.db").is_file():
        raise JournalError(f"{folder / 'journal.db'}: nothing has been recorded here yet")
    destination = _destination(config, to)
    journal = Journal(folder / "journal.db")
    try:
        journal.register(destination.name, destination.signals)
        items = journal.replay(destination.name, beginning)
        _send(journal, destination, timeout)
    finally:
        journal.close()
    notice(f"{items:,} items sent to {to} again")


def moment_of(text: str, *, now: float) -> float:
    """Seconds since the epoch of "2h" (ago) or of an ISO time, local unless it says otherwise. Raises ConfigError."""
    ago = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd])", text.strip())
    if ago:
        return now - float(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigError(
            f"--since {text[:40]!r}: give 30m, 2h, 1d or a time like 2026-01-31T12:00"
        ) from error


def _destination(config: Config, name: str) -> Destination:
    """A configured destination by its name; of one kind there may be several."""
    opened = [d for kind in DESTINATIONS if _is_set(config, kind) for d in DESTINATIONS[kind](config)]
    for destination in opened:
        if destination.name != name:
            destination.close()
    for destination in opened:
        if destination.name == name:
            return destination
    known = ", ".join(sorted({d.name for d in opened}))
    raise ConfigError(f"--to {name[:40]!r}: there is {known}; settings decide which")


def _is_set(config: Config, kind: str) -> bool:
    """Those that need no setting can always be named; the others when they have one."""
    return kind in config.destinations or kind not in ("otlp", "logfire")


def _send(journal: Journal, destination: Destination, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    forwarder = Forwarder(journal, destination)
    forwarder.start()
    try:
        while time.monotonic() < deadline:
            forwarder.ring(hurry=True)
            states = [s for s in journal.standings() if s.destination == destination.name]
            if not sum(standing.queued for standing in states):
                return
            if any(standing.state == "paused" for standing in states):
                raise JournalError(
                    f"{destination.name} is paused: {states[0].reason}; what it misses is kept"
                )
            time.sleep(0.05)
    finally:
        forwarder.finish(time.monotonic())
        forwarder.join(1.0)
        destination.close()
    waiting = journal.behind(destination.name)
    raise JournalError(f"{destination.name}: {waiting:,} items still wait after {timeout:g} s; they are kept")
