"""A crash is visible: what was running when a process died is delivered by another, ended and marked, once."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer

import otel
from otel.batch import Signal
from otel.config import Config
from otel.journal import Journal
from otel.open_span_table import DIED, DIED_MARK, NEVER_ENDED, SILENT_SECONDS, Change
from otel.open_spans import OpenSpans
from otel.pipeline import Limits, Pipeline
from otel.process import identity
from otel.processors import JournalSpanProcessor
from otel.redaction import Redactor
from otel.store import SpanRow, Store
from otel.store.running import all_spans, open_spans
from otel.tree import draw
from tests.otel.making import names, span, spans

AGENT = """
import sys, time
from pathlib import Path
import otel
from opentelemetry import trace
config = otel.Config(service="agents", home=Path(sys.argv[1]), destinations=("store",),
                     secrets=frozenset({"canary-secret-value"}))
tracer = trace.get_tracer("tests")
with otel.start(config) as telemetry:
    with tracer.start_as_current_span("before"):
        pass
    with tracer.start_as_current_span("job"):
        with tracer.start_as_current_span("invoke_agent analyst", attributes={"prompt": "canary-secret-value"}):
            with tracer.start_as_current_span("chat"):
                pass
            with tracer.start_as_current_span("a step of no name"):
                with tracer.start_as_current_span("GET /markets"):
                    pass
                telemetry.durable(5)
                time.sleep(float(sys.argv[2]))
                print("now", flush=True)
                time.sleep(60)
"""
WHOLE = {
    "before": "",
    "job": "",
    "invoke_agent analyst": "job",
    "chat": "invoke_agent analyst",
    "a step of no name": "invoke_agent analyst",
    "GET /markets": "a step of no name",
}
"""The agent's tree: each span's parent."""
OPEN = {"job", "invoke_agent analyst", "a step of no name"}


@contextmanager
def agent(home: Path, seconds: float = 0.0) -> Iterator["subprocess.Popen[str]"]:
    """A process in the middle of an agent run, all of whose ended spans are on disk."""
    with subprocess.Popen(
        [sys.executable, "-c", AGENT, str(home), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "now\n"
            yield process
        finally:
            process.kill()


def stored(home: Path) -> tuple[SpanRow, ...]:
    with Store.open(home / "store.db") as store:
        return store.spans()


def tree(rows: tuple[SpanRow, ...]) -> dict[str, str]:
    by_id = {row.span_id: row.name for row in rows}
    return {row.name: by_id.get(row.parent_span_id, row.parent_span_id) for row in rows}


def restart(home: Path) -> tuple[str, ...]:
    """The next run; what it had to say."""
    with otel.start(Config(service="next", home=home)) as telemetry:
        assert telemetry.force_flush(5)
        return telemetry.notices


@pytest.mark.slow
def test_after_a_kill_the_tree_is_whole_and_what_died_is_marked(tmp_path: Path) -> None:
    with agent(tmp_path) as process:
        process.kill()
        process.wait()
    (notice,) = restart(tmp_path)
    assert "3 spans" in notice
    found = stored(tmp_path)
    assert tree(found) == WHOLE
    assert {s.name for s in found if s.failed} == OPEN
    for row in found:
        assert (row.message, row.attributes.get(DIED_MARK)) == (
            (DIED, True) if row.name in OPEN else ("", None)
        )
        assert row.start_ns <= row.end_ns <= time.time_ns()
        assert row.resource["service.name"] == "agents"
    assert restart(tmp_path) == (), "once"
    assert len(stored(tmp_path)) == len(WHOLE)


@pytest.mark.slow
def test_checkpoints_hold_no_secrets(tmp_path: Path) -> None:
    with agent(tmp_path) as process:
        with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
            bodies = b"".join(body for (body,) in connection.execute("SELECT body FROM open_span"))
        process.kill()
        process.wait()
    assert b"[redacted: known secret]" in bodies, "the prompt was found"
    assert b"canary-secret-value" not in bodies
    restart(tmp_path)
    (run,) = (s for s in stored(tmp_path) if s.name.startswith("invoke_agent"))
    assert run.attributes["prompt"] == "[redacted: known secret]"


@pytest.mark.slow
def test_a_run_is_seen_while_it_runs_and_as_died_before_anybody_restarts(tmp_path: Path) -> None:
    with agent(tmp_path, seconds=0.5) as process:
        running = open_spans(tmp_path / "journal.db")
        assert {s.name for s in running} == OPEN
        assert all(s.running and not s.failed and s.seconds > 0.4 for s in running)
        with Store.open(tmp_path / "store.db") as store:
            found = all_spans(store, tmp_path / "journal.db")
        assert tree(found) == WHOLE
        assert sum("… running" in line for line in draw(found)) == 3
        process.kill()
        process.wait()
    gone = open_spans(tmp_path / "journal.db", running[0].trace_id)
    assert {s.message for s in gone} == {DIED}
    assert not any(s.running for s in gone)


@pytest.mark.slow
def test_a_live_process_takes_over_what_another_left_and_never_what_still_runs(tmp_path: Path) -> None:
    with agent(tmp_path) as alive, agent(tmp_path) as dying:
        assert restart(tmp_path) == (), "both live"
        dying.kill()
        dying.wait()
        (notice,) = restart(tmp_path)
        assert "3 spans" in notice
        assert {s.name for s in open_spans(tmp_path / "journal.db")} == OPEN
        alive.send_signal(signal.SIGSTOP)
        with otel.start(Config(service="next", home=tmp_path)) as telemetry:
            assert telemetry.notices == (), "one that sleeps has not died"


@pytest.mark.slow
def test_killed_at_any_instant_no_ended_span_is_called_dead_and_no_parent_is_missing(
    tmp_path: Path, rounds: Callable[[int], int]
) -> None:
    """Spans end all the time; the ids of those that had ended, and were promised durable, are said before the kill."""
    program = """
import sys
from pathlib import Path
import otel
from opentelemetry import trace
tracer = trace.get_tracer("tests")
with otel.start(otel.Config(service="busy", home=Path(sys.argv[1]))) as telemetry:
    print("ready", flush=True)
    for number in range(100_000):
        with tracer.start_as_current_span("execute_tool") as tool:
            with tracer.start_as_current_span("inner"):
                tracer.start_span("leaf").end()
                telemetry.durable(5)
            telemetry.durable(5)
        if telemetry.durable(5):
            print(format(tool.get_span_context().span_id, "016x"), flush=True)
"""
    for round_ in range(rounds(30)):
        home = tmp_path / str(round_)
        with subprocess.Popen(
            [sys.executable, "-c", program, str(home)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": "."},
        ) as process:
            assert process.stdout is not None
            for _ in range(3):
                process.stdout.readline()
            threading.Event().wait(round_ * 0.0137 % 0.3)
            process.kill()
            ended = process.stdout.read().split()
        restart(home)
        found = {s.span_id: s for s in stored(home)}
        assert all(not found[span_id].failed for span_id in ended if len(span_id) == 16), round_
        assert all(s.parent_span_id in found for s in found.values() if s.parent_span_id), round_
        assert sum(s.failed for s in found.values()) <= 2, round_


@contextmanager
def layer(journal: Journal, delay: float = 0.01) -> Iterator[tuple[Pipeline, Tracer]]:
    made = Pipeline(journal, Redactor(), appended=lambda: None, limits=Limits(delay=delay, gather=0.0))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(JournalSpanProcessor(made))
    made.start()
    try:
        yield made, provider.get_tracer("tests")
    finally:
        assert made.close(10)


def noted(journal: Journal) -> set[str]:
    return {row.name for row in open_spans(journal.path)}


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def test_jobs_agents_and_tools_are_noted_at_their_start_and_others_when_they_take_long(
    journal: Journal,
) -> None:
    early = {"job", "invoke_agent a", "execute_tool t", "named otherwise"}
    with layer(journal) as (_, tracer), tracer.start_as_current_span("job"):
        made = [
            tracer.start_span("invoke_agent a"),
            tracer.start_span("execute_tool t"),
            tracer.start_span("named otherwise", attributes={"gen_ai.operation.name": "execute_tool"}),
            tracer.start_span("GET /quick"),
            tracer.start_span("GET /slow", start_time=time.time_ns() - 2 * 10**9),
        ]
        wait_until(lambda: noted(journal) >= early)
        assert noted(journal) == early | {"GET /slow"}
        for each in made:
            each.end()
    assert noted(journal) == set()


def test_a_span_that_lives_shortly_is_never_written_twice(journal: Journal) -> None:
    with layer(journal, delay=60.0) as (made, tracer):
        for _ in range(50):
            with tracer.start_as_current_span("job"):
                pass
        assert made.durable(5)
        with closing(sqlite3.connect(journal.path)) as connection:
            tables = [n for (n,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            assert "open_span" not in tables


def test_what_a_running_span_is_given_later_is_noted_too(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel.open_spans.SIGN_SECONDS", 0.0)
    with layer(journal) as (_, tracer), tracer.start_as_current_span("job") as job:
        wait_until(lambda: noted(journal) == {"job"})
        job.set_attribute("stage", "sizing")
        wait_until(lambda: open_spans(journal.path)[0].attributes == {"stage": "sizing"})


def test_what_is_still_open_when_the_program_ends_is_kept_as_never_ended(journal: Journal) -> None:
    with layer(journal) as (_, tracer):
        job = tracer.start_span("job")
        wait_until(lambda: noted(journal) == {"job"})
    job.end()
    journal.register("reader", {Signal.TRACES})
    chunk = journal.next_for("reader", max_bytes=1024**2)
    assert chunk is not None
    assert names(chunk.batch) == ["job"]
    assert NEVER_ENDED.encode() in chunk.batch.payload
    assert DIED_MARK.encode() not in chunk.batch.payload


def test_running_spans_are_for_the_store_only(journal: Journal) -> None:
    journal.register("reader", {Signal.TRACES})
    with layer(journal) as (made, tracer), tracer.start_as_current_span("job"):
        wait_until(lambda: noted(journal) == {"job"})
        assert made.durable(5)
        assert journal.next_for("reader", max_bytes=1024**2) is None


def test_a_disk_that_fails_leaves_checkpoints_for_later(journal: Journal) -> None:
    opened = OpenSpans(Redactor())
    provider = TracerProvider(shutdown_on_exit=False)
    job: Any = provider.get_tracer("tests").start_span("job")
    opened.started(job)
    assert opened.change(look_round=True) is not None
    again = opened.change(look_round=True)  # the first was not noted: the disk did not take it
    assert again is not None
    assert len(again.written) == 1
    opened.noted(again)
    assert opened.change(look_round=True) is None
    assert opened.ended(job.context.span_id)
    opened.carried([job])
    ending = opened.endings()
    assert ending is not None
    assert ending.ended == [again.written[0][0]]
    opened.noted(ending)
    assert opened.endings() is None


def test_spans_that_nobody_ends_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otel.open_spans.MOST_OPEN", 10)
    opened, tracer = OpenSpans(Redactor()), TracerProvider(shutdown_on_exit=False).get_tracer("tests")
    made: Any = [tracer.start_span("leak") for _ in range(12)]
    for leak in made:
        opened.started(leak)
    assert [opened.ended(leak.context.span_id) for leak in made] == [True] * 10 + [False] * 2


def test_a_process_that_cannot_be_judged_counts_as_dead_after_a_long_silence(journal: Journal) -> None:
    owners = {"elsewhere:7:9/x": SILENT_SECONDS + 5, "elsewhere:8:9/x": 5, f"{identity()}/x": 900}
    for number, (owner, silent) in enumerate(owners.items()):
        rows = [((b"t" * 16, number.to_bytes(8, "big")), payload("job"))]
        journal.append((), also=Change(owner, time.time() - silent, rows).apply)
    with layer(journal, delay=60.0) as (made, _):
        assert made.rescue() == 1
        assert made.rescue() == 0


def payload(name: str) -> bytes:
    return spans(span(name, start=1.0)).payload


def test_a_damaged_checkpoint_is_left_out(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    rows = [((b"t" * 16, b"1" * 8), b"\xff\xff\xff"), ((b"t" * 16, b"2" * 8), payload("job"))]
    journal.append((), also=Change("elsewhere:7:9/x", time.time() - 900, rows).apply)
    with layer(journal, delay=60.0) as (made, _):
        assert made.rescue() == 1
    assert "cannot be read" in caplog.text


def test_where_no_journal_is_nothing_runs(tmp_path: Path) -> None:
    assert open_spans(tmp_path / "journal.db") == ()
