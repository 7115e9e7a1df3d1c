"""The schedule on the real durable engine over a real file."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS

from coliseum.app import App, make_state
from coliseum.clock import WallClock
from coliseum.domain.opportunity import Action
from coliseum.domain.order import Balance
from coliseum.engine import Engine, only_daemon, open_engine, run
from coliseum.errors import NotFound, SettingsError, Unavailable
from coliseum.jobs import JOBS
from coliseum.settings import Settings
from tests.agents.models import says
from tests.flows.desks import Bench, Exchange, estimate


def app_of(at: Bench) -> App:
    settings = Settings.from_env({"HOME": str(at.path.parent), "COLISEUM_VENUE": "sandbox"})
    make_state(settings)
    return App(settings, at.desk(), WallClock())


def engaged(app: App, act: Callable[[Engine], Awaitable[None]]) -> None:
    async def go() -> None:
        async with open_engine(app, deadline=1) as engine:
            await act(engine)

    asyncio.run(go())


def test_the_schedule_is_what_it_says() -> None:
    assert {job.name: job.cron for job in JOBS} == {
        "scout": "0 * * * *",
        "guardian_positions": "*/15 * * * *",
        "guardian_news": "*/30 * * * *",
        "snapshot": "0 16 * * *",
    }
    assert [job.name for job in JOBS if job.catches_up] == ["snapshot"]


@pytest.mark.slow
def test_the_scout_job_finds_and_its_opportunities_are_analysed_once(at: Bench) -> None:
    async def act(engine: Engine) -> None:
        assert await engine.run_now("scout") == 1
        await engine.idle()
        assert [decision.action for decision in at.ledger.decisions()] == [Action.BUY_YES]
        assert await engine.run_now("scout") == 0
        await engine.idle()

    engaged(app_of(at), act)
    assert len(at.exchange.sent) == 1


@pytest.mark.slow
def test_every_job_runs_now_and_an_unknown_one_is_named(at: Bench) -> None:
    async def act(engine: Engine) -> None:
        for name in ("guardian_positions", "guardian_news", "snapshot"):
            assert await engine.run_now(name) == 0
        with pytest.raises(NotFound, match="there are scout, guardian_positions"):
            await engine.run_now("scot")

    engaged(app_of(at), act)
    assert len(at.ledger.snapshots()) == 1


@pytest.mark.slow
def test_a_job_that_fails_is_said_and_the_schedule_goes_on(
    at: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(engine: Engine) -> None:
        at.exchange.away = True
        with pytest.raises(Unavailable):
            await engine.run_now("snapshot")
        at.exchange.away = False
        await engine.run_now("snapshot")

    with caplog.at_level(logging.ERROR):
        engaged(app_of(at), act)
    assert "job snapshot failed: the exchange did not answer" in caplog.text
    assert len(at.ledger.snapshots()) == 1


@pytest.mark.slow
def test_an_analysis_that_failed_is_tried_again_by_the_next_scout(at: Bench) -> None:
    at.recommender = says("no", "no", "no", estimate(0.60))

    async def act(engine: Engine) -> None:
        assert await engine.run_now("scout") == 1
        await engine.idle()
        assert at.ledger.decisions() == ()
        assert await engine.run_now("scout") == 1
        await engine.idle()

    engaged(app_of(at), act)
    assert len(at.ledger.decisions()) == 1


@pytest.mark.slow
def test_the_schedules_are_in_the_exchanges_time_and_survive_a_restart(at: Bench) -> None:
    seen: list[list[tuple[str, str, str | None]]] = []

    async def act(engine: Engine) -> None:
        rows = await DBOS.list_schedules_async()
        seen.append(sorted((row["schedule_name"], row["schedule"], row["cron_timezone"]) for row in rows))

    app = app_of(at)
    engaged(app, act)
    engaged(app, act)
    assert seen == [sorted((job.name, job.cron, "America/New_York") for job in JOBS)] * 2


class Slow:
    """An exchange that tells its balance only once the gate is open."""

    def __init__(self, inner: Exchange) -> None:
        self.inner = inner
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def balance(self) -> Balance:
        self.asked.set()
        await self.gate.wait()
        return await self.inner.balance()


@pytest.mark.slow
def test_ticks_that_fire_while_their_job_runs_do_not_pile_up(at: Bench) -> None:
    slow = Slow(at.exchange)

    async def act(engine: Engine) -> None:
        first = await asyncio.to_thread(DBOS.trigger_schedule, "snapshot")
        await slow.asked.wait()
        late = [await asyncio.to_thread(DBOS.trigger_schedule, "snapshot") for _ in range(2)]
        for tick in (first, *late):
            await asyncio.to_thread(tick.get_result)
        slow.gate.set()
        await engine.idle()

    engaged(replace(app_of(at), desk=at.desk(exchange=slow)), act)
    assert len(at.ledger.snapshots()) == 1


@pytest.mark.slow
def test_the_engine_stops_when_told_and_its_file_is_its_owners_alone(at: Bench) -> None:
    app = app_of(at)

    async def go() -> None:
        stop = asyncio.Event()
        stop.set()
        await run(app, stop, deadline=1)

    asyncio.run(go())
    assert (app.settings.state / "engine.db").stat().st_mode & 0o077 == 0


def test_one_folder_has_one_daemon(tmp_path: Path) -> None:
    with only_daemon(tmp_path), pytest.raises(SettingsError, match="another `coliseum run`"):  # noqa: SIM117
        with only_daemon(tmp_path):
            raise AssertionError("two at once")
    with only_daemon(tmp_path):
        pass
