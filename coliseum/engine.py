"""Runs the schedule so that no job is lost over a crash; the only place that knows the durable engine."""

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, PropagateOtelContext, SetEnqueueOptions, SetWorkflowID

from coliseum.app import App
from coliseum.clock import wall_now
from coliseum.errors import NotFound, SettingsError
from coliseum.jobs import EXCHANGE_TIME, JOBS, Job

PROTOCOL = "1"
"""Version of the workflows below. Work of another version stays where it is, so this changes only together
with a way to move that work over."""
JOBS_QUEUE, ANALYST_QUEUE = "jobs", "analyst"
ANALYSTS = 2
POLLING = 0.2
"""Seconds between two looks into a queue."""
log = logging.getLogger(__name__)

JobRun = Callable[[str, int], Coroutine[Any, Any, int]]


@dataclass(frozen=True, slots=True)
class Engine:
    """A running schedule."""

    job: JobRun

    async def run_now(self, name: str) -> int:
        """Run a job at once, beside the schedule; how many opportunities it sent to analysis. Raises NotFound
        for a job that does not exist, and what the job raised."""
        if name not in {job.name for job in JOBS}:
            names = ", ".join(job.name for job in JOBS)
            raise NotFound(f"there is no job {name[:40]!r}; there are {names}")
        moment = int(wall_now().timestamp() * 1000)
        with SetWorkflowID(f"now:{name}:{moment}"):
            handle = await DBOS.enqueue_workflow_async(JOBS_QUEUE, self.job, name, moment)
        return await handle.get_result()

    async def idle(self) -> None:
        """Wait until no job and no analysis is queued or running."""
        # The engine tells nobody when its queues are empty.
        while await DBOS.list_workflows_async(status=["ENQUEUED", "PENDING"], limit=1):  # noqa: ASYNC110
            await asyncio.sleep(POLLING)


async def run(app: App, stop: asyncio.Event, *, traced: bool = False, deadline: int = 30) -> None:
    """Run the schedule until `stop` is set, then give running work `deadline` seconds to finish."""
    async with open_engine(app, traced=traced, deadline=deadline):
        await stop.wait()


@asynccontextmanager
async def open_engine(app: App, *, traced: bool = False, deadline: int = 30) -> AsyncIterator[Engine]:
    """The engine over the app's state folder; unfinished work of an earlier run is taken up again.

    Raises SettingsError when another daemon works in the same folder. Leaving waits at most about `deadline`
    seconds for running work, which is otherwise taken up by the next start.
    """
    state = app.settings.state
    with only_daemon(state):
        await app.reconcile()
        DBOS(config=_config(_prepared(state / "engine.db"), traced))
        try:
            tick, job = _workflows(app)
            # Called inside the running loop: the engine then runs our coroutines here, where the app lives.
            DBOS.launch()
            await DBOS.register_queue_async(JOBS_QUEUE, polling_interval_sec=POLLING)
            await DBOS.register_queue_async(
                ANALYST_QUEUE, worker_concurrency=ANALYSTS, polling_interval_sec=POLLING
            )
            await DBOS.apply_schedules_async([_schedule(each, tick) for each in JOBS])
            yield Engine(job)
        finally:
            await asyncio.to_thread(
                DBOS.destroy, destroy_registry=True, workflow_completion_timeout_sec=deadline
            )


@contextmanager
def only_daemon(state: Path) -> Iterator[None]:
    """Hold the folder's lock: two engines over one file would run the same work twice. The system lets go of
    it when the process ends, however it ends."""
    handle = os.open(state / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise SettingsError(
            f"another `coliseum run` works in {state}; stop it first, or use another COLISEUM_HOME"
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def _prepared(path: Path) -> Path:
    """The engine's file, for its owner alone (it holds inputs and results), in WAL mode, which persists."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    return path


def _config(path: Path, traced: bool) -> DBOSConfig:
    return {
        "name": "coliseum",
        "system_database_url": f"sqlite:///{path}",
        "application_version": PROTOCOL,
        "executor_id": "daemon",
        # Spans go to the global provider, which is ours; without one, asking for them only prints a warning.
        "enable_otlp": traced,
        "otel_attribute_format": "semconv",
        "log_level": "WARNING",
        "scheduler_polling_interval_sec": 1.0,
    }


def _schedule(job: Job, tick: Any) -> Any:
    return {
        "schedule_name": job.name,
        "workflow_fn": tick,
        "schedule": job.cron,
        "context": job.name,
        "cron_timezone": EXCHANGE_TIME,
        "automatic_backfill": job.catches_up,
    }


def _workflows(app: App) -> tuple[Any, JobRun]:
    """The engine's functions, made anew for each app: registered names are all that survives a restart."""
    verbs = {job.name: job.verb for job in JOBS}

    @DBOS.step(name="perform")
    async def perform(name: str) -> list[str]:
        try:
            return list(await verbs[name](app))
        except Exception as error:
            log.error("job %s failed: %s", name, error)
            raise

    @DBOS.step(name="decide")
    async def decide(opportunity_id: str) -> str:
        try:
            return (await app.analyse(opportunity_id)).action.value
        except Exception as error:
            log.error("analysis of %s failed: %s", opportunity_id, error)
            raise

    @DBOS.workflow(name="analyse")
    async def analyse(opportunity_id: str) -> str:
        return await decide(opportunity_id)

    @DBOS.workflow(name="job")
    async def job(name: str, moment: int) -> int:
        waiting = await perform(name)
        for opportunity_id in waiting:
            with (
                SetWorkflowID(f"analyse:{opportunity_id}:{moment}"),
                SetEnqueueOptions(deduplication_id=opportunity_id, duplication_policy="return-existing"),
                PropagateOtelContext(),
            ):
                await DBOS.enqueue_workflow_async(ANALYST_QUEUE, analyse, opportunity_id)
        return len(waiting)

    @DBOS.workflow(name="tick")
    async def tick(when: datetime, name: str) -> None:
        moment = int(when.timestamp())
        with (
            SetWorkflowID(f"job:{name}:{moment}"),
            # A run that is late does not pile up: while one is queued or running there is no second.
            SetEnqueueOptions(deduplication_id=name, duplication_policy="return-existing"),
            PropagateOtelContext(),
        ):
            await DBOS.enqueue_workflow_async(JOBS_QUEUE, job, name, moment)

    return tick, job
