"""Plays a part of the demo in this process and keeps what its world counted."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from rich.console import Console

from coliseum import demo
from coliseum.app import App
from coliseum.environment import Environment, Layer
from coliseum.present import DecisionLine, decision_lines
from coliseum.sandbox.process import WorldAddress, running
from coliseum.session import Session
from coliseum.settings import Settings

MAY = tuple(moment for moment in demo.timetable() if (moment.when.year, moment.when.month) == (2026, 5))
"""One event from scan to settlement: fourteen analyses, a handful of orders, both rounds of the guardian."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a play left behind: the state folder, the decisions, what the world counted, what was said."""

    state: Path
    settings: Settings
    lines: tuple[DecisionLine, ...]
    totals: Mapping[str, Any]
    requests: tuple[Mapping[str, Any], ...]
    said: str

    @property
    def trades(self) -> list[tuple[object, ...]]:
        """Everything about decisions and orders that the same seed must give again."""
        plain = [line.plain() for line in self.lines]
        return [tuple(value for key, value in line.items() if key != "trace_id") for line in plain]


def play(
    folder: Path,
    env: Mapping[str, str] | None = None,
    *,
    seed: int = 7,
    mode: str = "live",
    moments: tuple[demo.Moment, ...] = MAY,
    faults: Sequence[Mapping[str, object]] = (),
) -> Played:
    """Trade through `moments` as `coliseum demo` does, with `env` as the user's environment and `faults` armed in
    the world beforehand."""
    said = StringIO()
    session = Session({}, folder, Console(file=StringIO()), Console(file=said, width=400))
    given = Environment((Layer("environment", env or {}),))
    with ExitStack() as stack:
        world = stack.enter_context(running(seed, moments[0].when, home=folder))
        for fault in faults:
            _post(world, "/_sandbox/faults", fault)
        around = demo.surroundings(given, world, folder, mode, seed)
        result = session.work(around, lambda app: _through(app, world, moments), confirm_live=True)
        counted = json.loads(_get(world, "/_sandbox/totals"))
        requests = json.loads(_get(world, "/_sandbox/requests"))["requests"]
    settings = Settings.of(around)
    return Played(settings.state, settings, result, counted, tuple(requests), said.getvalue())


async def _through(
    app: App, world: WorldAddress, moments: tuple[demo.Moment, ...]
) -> tuple[DecisionLine, ...]:
    scores = await demo.play(app, world, moments, lambda when, text: None)
    return decision_lines(app.desk.ledger, scores)


def _get(world: WorldAddress, path: str) -> bytes:
    with urlopen(world.url + path, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def _post(world: WorldAddress, path: str, body: Mapping[str, object]) -> None:
    request = Request(world.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        assert answer.status == 200
