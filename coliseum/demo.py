"""The main job on the local world: plays the recorded markets day by day and trades them through the real path."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, assert_never
from urllib.request import Request, urlopen

from coliseum.environment import Environment, Layer
from coliseum.errors import ServiceError, SettingsError
from coliseum.sandbox.process import WorldAddress
from coliseum.sandbox.records import MarketRecord, markets

if TYPE_CHECKING:
    from coliseum.app import App
    from coliseum.flows.settle import Score

LOOK_AT = time(18, tzinfo=UTC)
"""When the demo looks at the markets of a day; every recorded quote is older by then, every game later."""
HOME = Path(".coliseum")
LATEST = "latest"

Tell = Callable[[datetime, str], None]
"""Hears, at market time, what the desk is doing."""


class Act(StrEnum):
    """What the desk does at one moment of market time."""

    SCAN = "scan"
    GUARD = "guard"
    SETTLE = "settle"


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """One stop of the market clock."""

    when: datetime
    act: Act


def timetable(records: tuple[MarketRecord, ...] = ()) -> tuple[Moment, ...]:
    """Every stop of the clock, in order: for each recorded event a scan when its quotes had been recorded, the
    guardian's round two hours later, and a settlement round once its result would be due. It is made from dates
    alone, so it is the same whether an outcome is known or not."""
    events = {(record.event_date, _quoted(record), record.due) for record in records or markets()}
    return tuple(sorted({moment for event in events for moment in _stops(*event)}))


def _stops(event_date: date, quoted: date, due: datetime) -> Iterator[Moment]:
    look = datetime.combine(quoted, LOOK_AT)
    yield Moment(look, Act.SCAN)
    yield Moment(look + timedelta(hours=2), Act.GUARD)
    yield Moment(due + timedelta(hours=1), Act.SETTLE)


def _quoted(record: MarketRecord) -> date:
    """The day of the recorded quote; where it was not recorded, the day before the event."""
    return date.fromisoformat(record.as_of[:10]) if record.as_of else record.event_date - timedelta(days=1)


@contextmanager
def new_home(base: Path, started: datetime) -> Iterator[Path]:
    """A new folder for one demo, and the link `latest` to it. Raises SettingsError when it cannot be made."""
    home = base / f"demo-{started:%Y%m%d-%H%M%S-%f}"
    try:
        home.mkdir(parents=True, mode=0o700)
        link = base / f".{LATEST}-{home.name}"
        link.symlink_to(home.name)
        link.replace(base / LATEST)
    except OSError as error:
        raise SettingsError(
            f"{home} cannot be made: {error.strerror}; run the demo in a folder of yours"
        ) from error
    yield home


def surroundings(given: Environment, world: WorldAddress, home: Path, mode: str, seed: int) -> Environment:
    """What the demo's run is told: the world's own addresses and keys above everything the user has set, so that
    no real key or database is ever near it; the user's limits, models and telemetry are kept."""
    ours = {
        "COLISEUM_VENUE": "sandbox",
        "COLISEUM_MODE": mode,
        "COLISEUM_HOME": str(home),
        "COLISEUM_SEED": str(seed),
        "COLISEUM_DATABASE_URL": f"sqlite:///{home / f'sandbox-{mode}' / 'coliseum.db'}",
        "TELEMETRY_HOME": str(home / f"sandbox-{mode}"),
        **addresses(world),
    }
    return Environment((Layer("demo", ours), *given.layers))


def addresses(world: WorldAddress) -> dict[str, str]:
    """The variables that lead a program to this world."""
    return {
        "KALSHI_BASE_URL": world.exchange_url,
        "KALSHI_API_KEY_ID": world.key_id,
        "KALSHI_PRIVATE_KEY_PATH": world.private_key_path,
        "EXA_BASE_URL": world.exa_url,
        "EXA_API_KEY": world.exa_key,
        "ANTHROPIC_BASE_URL": world.anthropic_url,
        "ANTHROPIC_API_KEY": world.model_key,
        "FIREWORKS_BASE_URL": world.fireworks_url,
        "FIREWORKS_API_KEY": world.model_key,
    }


async def play(
    app: "App", world: WorldAddress, moments: tuple[Moment, ...], tell: Tell
) -> "tuple[Score, ...]":
    """Trade through all `moments`; the scores of every decision whose outcome is known by the end."""
    for moment in moments:
        move_clock(world, moment.when)
        match moment.act:
            case Act.SCAN:
                await _look(app, moment.when, tell)
            case Act.GUARD:
                tell(moment.when, "guardian: positions and news")
                await app.guard_positions()
                await app.guard_news()
            case Act.SETTLE:
                tell(moment.when, "guardian: settlements")
                await app.guard_positions()
                await app.snapshot()
            case _:
                assert_never(moment.act)
    return await app.scores()


async def _look(app: "App", when: datetime, tell: Tell) -> None:
    tell(when, "scout: scanning every open market")
    scan = await app.scan("full")
    for number, opportunity in enumerate(scan.found, start=1):
        tell(when, f"analyst: {number} of {len(scan.found)}, {opportunity.title}")
        await app.analyse(opportunity.id)
    tell(when, "snapshot")
    await app.snapshot()


def move_clock(world: WorldAddress, when: datetime) -> None:
    """Set market time forward. Part of the stage, not of the play: it leaves no span. Raises ServiceError."""
    answer = _ask(world, "/_sandbox/clock", {"now": when.isoformat()})
    if datetime.fromisoformat(str(answer.get("now"))) != when:
        raise ServiceError("the local world did not set its clock")


def totals(world: WorldAddress) -> Mapping[str, object]:
    """What the world itself counted: tokens, search dollars, orders. Raises ServiceError."""
    return _ask(world, "/_sandbox/totals", None)


def _ask(world: WorldAddress, path: str, body: Mapping[str, str] | None) -> dict[str, object]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(world.url + path, data, {"Content-Type": "application/json"})  # noqa: S310  # our own world
    try:
        with urlopen(request, timeout=10) as response:  # noqa: S310
            answer: dict[str, object] = json.loads(response.read(10_000_000))
            return answer
    except (OSError, ValueError) as error:
        raise ServiceError(f"the local world does not answer {path}: {error}") from error
