"""The door to the telemetry layer: opens it for one run, and says in plain words how it stands.

The only importer of `otel`. Light: neither agents nor the engine are imported from here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from urllib.parse import urlsplit

from coliseum import __version__
from coliseum.errors import SettingsError
from coliseum.settings import SettingRow, Settings, Venue
from coliseum.variables import SERVICES
from otel import Config, OtelError, Store, Telemetry, exit_on_sigterm, start
from otel.destinations.logfire import probe
from otel.journal import Journal
from otel.store import SpanRow, TraceRow
from otel.tree import clean, draw, duration

__all__ = [
    "Config",
    "Notice",
    "Telemetry",
    "delivery",
    "durable",
    "exit_on_sigterm",
    "greetings",
    "kept",
    "open_telemetry",
    "rows",
    "stays_here",
    "telemetry_config",
    "trace_summary",
    "trace_tree",
]

SERVICE = "coliseum"
LONGEST_KEY_FILE = 64 * 1024
STORE, JOURNAL = "store.db", "journal.db"
LOCAL = ("store", "console", "jsonl")
"""Destinations on this machine, whose arrival needs no mention."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One line for people; `well` tells good news from a warning."""

    well: bool
    text: str


def telemetry_config(settings: Settings, env: Mapping[str, str]) -> Config:
    """Where this run's telemetry goes and what must never be in it; `env` holds the merged variables.
    Raises SettingsError."""
    try:
        return Config.from_env(
            env,
            service=SERVICE,
            version=__version__,
            environment=settings.deployment,
            home=settings.state,
            secrets=(*settings.secrets(), *_key_texts(settings.kalshi.private_key_path)),
            trace_context_hosts=_world(settings),
        )
    except OtelError as error:
        raise SettingsError(str(error)) from error


def open_telemetry(config: Config) -> AbstractContextManager[Telemetry]:
    """The running layer, to be opened before agents are imported; see `otel.start`."""
    return start(config)


def durable(telemetry: Telemetry) -> Callable[[float], Awaitable[bool]]:
    """Waits up to so many seconds, off the event loop, until all telemetry so far is on disk."""

    async def wait(seconds: float) -> bool:
        return not telemetry.running or await asyncio.to_thread(telemetry.durable, seconds)

    return wait


def rows(config: Config) -> list[SettingRow]:
    """The telemetry settings for `coliseum config`; secrets only as set or not set."""
    return [SettingRow(setting.name, setting.value, setting.source) for setting in config.settings]


def greetings(config: Config, *, timeout: float = 3.0) -> Iterator[Notice]:
    """Ask each Logfire project whether it takes its token; at most `timeout` seconds each, never raises."""
    if "logfire" not in config.destinations:
        return
    for token in config.logfire_tokens:
        answer = probe(token, config.logfire_base_url, timeout=timeout)
        if answer.accepted:
            yield Notice(True, "Logfire cloud tracking initialized")
            yield Notice(True, f"Logfire project URL: {answer.project_url}")
        else:
            yield Notice(False, f"{answer.reason}; traces are kept on this machine")


def delivery(telemetry: Telemetry, config: Config) -> Iterator[Notice]:
    """One line for each destination away from this machine: delivered, or what is missing, why, and that it is
    kept. Asks the journal only."""
    waiting: dict[str, int] = {}
    arrived: dict[str, int] = {}
    why: dict[str, str] = {}
    for standing in telemetry.status():
        if standing.destination not in LOCAL:
            waiting[standing.destination] = waiting.get(standing.destination, 0) + standing.queued
            arrived[standing.destination] = arrived.get(standing.destination, 0) + standing.delivered
            why[standing.destination] = standing.reason or "no answer yet"
    for name, count in waiting.items():
        if count:
            kept = config.home / JOURNAL
            yield Notice(False, f"{name}: {count} items not delivered ({why[name]}); kept in {kept}")
        else:
            yield Notice(True, f"{name}: all {arrived[name]} items delivered")


def stays_here(config: Config) -> str:
    """One line saying that nothing is sent away from this machine, and what would change that; else ""."""
    if config.disabled or not set(config.destinations) <= set(LOCAL):
        return ""
    unset = "neither LOGFIRE_TOKEN nor OTEL_EXPORTER_OTLP_ENDPOINT is set"
    return f"traces stay on this machine, in {config.home}: {unset}"


def kept(config: Config) -> dict[str, str]:
    """Where each destination stands, read from the journal of an earlier or a running process; empty without one."""
    path = config.home / JOURNAL
    if not path.is_file():
        return {}
    try:
        journal = Journal(path)
        try:
            standings = journal.standings()
        finally:
            journal.close()
    except OtelError as error:
        return {"journal": str(error)}
    lines: dict[str, str] = {}
    for s in standings:
        state = s.state if not s.reason else f"{s.state}: {s.reason}"
        lines[f"{s.destination} {s.signal}"] = (
            f"{s.delivered} delivered, {s.queued} queued, {s.dead} dead ({state})"
        )
    return lines


def trace_summary(home: Path) -> list[str]:
    """The stored traces, oldest first, one line for each run of traces with the same root; empty when nothing is
    stored."""
    try:
        with Store.open(home / STORE) as store:
            traces = tuple(reversed(store.traces(limit=100_000)))
    except OtelError:
        return []
    return [_summary(name, tuple(group)) for name, group in groupby(traces, key=lambda trace: trace.root)]


def _summary(name: str, traces: Sequence[TraceRow]) -> str:
    parts = [f"{clean(name, 40)} ×{len(traces)}" if len(traces) > 1 else clean(name, 40)]
    parts.append(duration(sum(trace.seconds for trace in traces)))
    parts.append(f"{sum(trace.spans for trace in traces)} spans")
    tokens = sum(trace.input_tokens for trace in traces), sum(trace.output_tokens for trace in traces)
    if any(tokens):
        parts.append(f"{tokens[0]}→{tokens[1]} tok")
    if cost := sum(trace.cost_usd for trace in traces):
        parts.append(f"${cost:.4f}")
    if errors := sum(trace.errors for trace in traces):
        parts.append(f"✗ {errors} failed")
    return "  ".join(parts)


def trace_tree(home: Path, trace_id: str) -> list[str]:
    """One stored trace as a text tree; empty when it is not stored."""
    return _drawn(home, lambda store: store.spans(trace_id))


def _drawn(home: Path, choose: Callable[[Store], Sequence[SpanRow]]) -> list[str]:
    try:
        with Store.open(home / STORE) as store:
            return list(draw(choose(store)))
    except OtelError:
        return []


def _world(settings: Settings) -> tuple[str, ...]:
    """The hosts that may see our trace ids: the local world's, nobody else's."""
    if settings.venue is not Venue.SANDBOX:
        return ()
    addresses = (urlsplit(getattr(settings, name).base_url) for name in SERVICES)
    return tuple(dict.fromkeys(address.netloc for address in addresses))


def _key_texts(path: Path | None) -> tuple[str, ...]:
    """The private key's text, whole and line by line; a file that cannot be read is reported when it is used."""
    if path is None:
        return ()
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            text = file.read(LONGEST_KEY_FILE)
    except OSError:
        return ()
    lines = [line for line in text.splitlines() if line and not line.startswith("-----")]
    return (text.strip(), *lines)
