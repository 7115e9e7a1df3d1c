"""Telemetry through the life of a process: signals, forks, child processes, threads and event loops."""

import asyncio
import contextvars
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from opentelemetry import trace

import otel
from otel.config import Config
from otel.journal import Journal
from otel.store import SpanRow, Store
from otel.termination import TERMINATED
from otel.testing import recording

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
import otel
from opentelemetry import trace
home, manner = Path(sys.argv[1]), sys.argv[2]
with otel.exit_on_sigterm(), otel.start(otel.Config(service="ends", home=home)) as telemetry:
    with trace.get_tracer("tests").start_as_current_span("job"):
        trace.get_tracer("tests").start_span("child").end()
        print("ready", flush=True)
        if manner == "os._exit":
            telemetry.durable(5)
            os._exit(7)
        if manner == "wait":
            time.sleep(60)
        if manner == "raise":
            raise SystemExit(3)
"""


LONGEST_SECONDS = 10.0
"""Two for closing, which another test measures, the interpreter's own end, and a machine with other work."""


def ended(home: Path, manner: str, *signals: signal.Signals) -> int:
    """How a program ends that is ended in some manner; fails when it hangs."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), manner],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for number in signals:
            process.send_signal(number)
        code = process.wait(30)
        assert time.monotonic() - began < LONGEST_SECONDS
    return code


def spans(home: Path) -> tuple[SpanRow, ...]:
    """All that was ever recorded in a folder, after the next start."""
    with otel.start(Config(service="reader", home=home)) as telemetry:
        assert telemetry.force_flush(5)
    with Store.open(home / "store.db") as store:
        return store.spans()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("manner", "signals", "code"),
    [
        ("end", (), 0),
        ("raise", (), 3),
        ("wait", (signal.SIGTERM,), TERMINATED),
        ("wait", (signal.SIGTERM, signal.SIGTERM), TERMINATED),
        ("wait", (signal.SIGINT,), -signal.SIGINT),
    ],
    ids=["end", "SystemExit", "SIGTERM", "SIGTERM twice", "Ctrl-C"],
)
def test_every_orderly_end_delivers_everything(
    tmp_path: Path, manner: str, signals: tuple[signal.Signals, ...], code: int
) -> None:
    assert ended(tmp_path, manner, *signals) == code
    found = {s.name: s for s in spans(tmp_path)}
    assert found.keys() == {"job", "child"}
    assert "died" not in found["job"].message


@pytest.mark.slow
def test_an_exit_that_skips_everything_loses_nothing_that_was_durable(tmp_path: Path) -> None:
    """os._exit runs no handlers: wait for `durable` before it; what was open is marked by the next start."""
    assert ended(tmp_path, "os._exit") == 7
    found = {s.name: s.message for s in spans(tmp_path)}
    assert found == {"job": "process died", "child": ""}


def test_sigterm_raises_what_the_application_wants_and_the_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), otel.exit_on_sigterm(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_no_handler_is_taken() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def run() -> None:
        with otel.exit_on_sigterm():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


FORKS = """
import multiprocessing, os, sys
from pathlib import Path
import otel
from opentelemetry import metrics, trace

def in_child(number):
    with trace.get_tracer("tests").start_as_current_span(f"child {number}"):
        trace.get_tracer("tests").start_span("inner").end()

if __name__ == "__main__":
    home, how = Path(sys.argv[1]), sys.argv[2]
    with otel.start(otel.Config(service="forks", home=home)) as telemetry:
        tracer = trace.get_tracer("tests")
        with tracer.start_as_current_span("parent") as parent:
            tracer.start_span("before").end()
            if how == "multiprocessing":
                children = [multiprocessing.get_context("fork").Process(target=in_child, args=(n,)) for n in (1, 2)]
                for child in children: child.start()
                for child in children: child.join()
                assert all(child.exitcode == 0 for child in children)
            else:
                pid = os.fork()
                if pid == 0:
                    in_child(1)
                    if how == "falls out":
                        sys.exit(0)
                    os._exit(0 if telemetry.durable(5) else 1)
                assert os.waitpid(pid, 0)[1] == 0
            tracer.start_span("after").end()
        assert telemetry.force_flush(5)
        assert telemetry.durable(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["multiprocessing", "os._exit", "falls out"])
def test_a_forked_child_tells_its_own_story_and_its_parent_goes_on(tmp_path: Path, how: str) -> None:
    """Not twice what was in memory at the fork, not the parent's open spans, and children below their parent."""
    script = tmp_path / "forks.py"
    script.write_text(FORKS)
    command = [sys.executable, "-W", "ignore", str(script), str(tmp_path), how]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": "."}, timeout=60, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    found = spans(tmp_path)
    children = ["child 1", "child 2"] if how == "multiprocessing" else ["child 1"]
    assert sorted(s.name for s in found) == sorted(
        ["parent", "before", "after", *children, *["inner"] * len(children)]
    )
    (parent,) = (s for s in found if s.name == "parent")
    assert all(s.parent_span_id == parent.span_id for s in found if s.name.startswith("child"))
    assert not any(s.failed for s in found)
    journal = Journal(tmp_path / "journal.db")
    traces = next(s for s in journal.standings() if s.signal == "traces")
    journal.close()
    assert traces.delivered == len(found), "nothing was journaled twice"


def in_spawned(home: Path) -> None:
    with otel.start(Config(service="spawned", home=home)):
        trace.get_tracer("tests").start_span("spawned").end()


@pytest.mark.slow
def test_a_spawned_process_starts_its_own_and_shares_the_journal(tmp_path: Path) -> None:
    with recording(home=tmp_path) as running:
        child = multiprocessing.get_context("spawn").Process(target=in_spawned, args=(tmp_path,))
        child.start()
        with trace.get_tracer("tests").start_as_current_span("parent"):
            child.join(30)
        assert child.exitcode == 0
        child.close()
        assert sorted(s.name for s in running.spans()) == ["parent", "spawned"]


def test_spans_in_tasks_and_in_to_thread_stand_below_the_span_that_started_them() -> None:
    """asyncio carries the context into tasks and `asyncio.to_thread`; a bare thread or executor does not."""
    tracer = trace.get_tracer("tests")

    def inner(name: str) -> None:
        tracer.start_span(name).end()

    async def task(name: str) -> None:
        await asyncio.sleep(0)
        inner(name)

    async def main() -> None:
        with tracer.start_as_current_span("job"):
            async with asyncio.TaskGroup() as group:
                group.create_task(task("task"))
            await asyncio.to_thread(inner, "to_thread")
            with ThreadPoolExecutor(1) as pool:
                pool.submit(contextvars.copy_context().run, inner, "executor with context").result()
                pool.submit(inner, "bare executor").result()

    with recording() as running:
        asyncio.run(main())
        found = {s.name: s for s in running.spans()}
    job = found.pop("job")
    parents = {name: span.parent_span_id for name, span in found.items()}
    assert parents == {
        "task": job.span_id,
        "to_thread": job.span_id,
        "executor with context": job.span_id,
        "bare executor": "",
    }


def test_a_stuck_reader_of_metrics_and_a_stuck_disk_do_not_hold_up_the_end(tmp_path: Path) -> None:
    release = threading.Event()
    began = 0.0
    with otel.start(Config(service="test", home=tmp_path)) as telemetry:
        assert telemetry.providers is not None
        meter = telemetry.providers.meter.get_meter("tests")

        def stuck(_: object) -> list[object]:
            release.wait(30)
            return []

        meter.create_observable_gauge("stuck", [stuck])  # type: ignore[list-item]  # as a program gets it wrong
        began = time.monotonic()
    took = time.monotonic() - began
    release.set()
    assert took <= 2.0
