"""`python -m otel` answers from what is on disk: data on standard output, notices on standard error."""

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry import trace

import otel
from otel.__main__ import main
from otel.batch import Signal
from otel.config import Config
from otel.journal import Journal
from otel.store.ingest import Ingest
from tests.otel.making import log, logs, named, span, spans

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


class Terminal:
    def __init__(self, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        self._capsys = capsys
        self.home = home

    def __call__(self, *arguments: str, env: dict[str, str] | None = None) -> Ran:
        self._capsys.readouterr()
        code = main(arguments, {"TELEMETRY_HOME": str(self.home)} if env is None else env)
        shown = self._capsys.readouterr()
        return Ran(code, shown.out, shown.err)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Terminal:
    return Terminal(capsys, tmp_path)


def stored(home: Path, *batches: otel.Batch) -> None:
    ingest = Ingest(home / "store.db")
    for batch in batches:
        ingest.add(batch)
    ingest.close()


def journaled(home: Path, *batches: otel.Batch) -> Journal:
    journal = Journal(home / "journal.db")
    journal.register("logfire", {Signal.TRACES})
    journal.append(batches)
    return journal


TRACE = spans(
    span("scout.scan", 1, trace=0xABC << 116, seconds=3, attributes={"coliseum.cost_usd": 0.0123}),
    span("chat m", 2, trace=0xABC << 116, parent=1, start=1.5, attributes=CHAT, error="overloaded"),
)
LINES = logs(log("an edge of 5 ¢", trace=0xABC << 116, span=2, at=1.6))


def test_status_shows_where_every_destination_stands_and_why(run: Terminal) -> None:
    journal = journaled(run.home, named("a"), named("b"))
    journal.mark("logfire", "paused", "HTTP 401: [bold]Invalid[/bold] token")
    journal.close()
    shown = run("status")
    assert shown.code == 0
    header, row, reason = shown.out.splitlines()
    assert header.split() == [
        "destination",
        "signal",
        "state",
        "queued",
        "delivered",
        "dropped",
        "dead",
        "oldest",
        "answered",
    ]
    assert row.split()[:7] == ["logfire", "traces", "paused", "2", "0", "0", "0"]
    assert reason == "! logfire is paused: HTTP 401: [bold]Invalid[/bold] token"
    assert "2 items recorded, 0 lost in memory" in shown.err


def test_status_is_there_for_machines(run: Terminal) -> None:
    journaled(run.home, named("a")).close()
    shown = run("status", "--json")
    facts = json.loads(shown.out)
    assert (facts["journaled"], facts["lost_in_memory"]) == (1, 0)
    (standing,) = facts["destinations"]
    assert (standing["destination"], standing["signal"], standing["queued"]) == ("logfire", "traces", 1)
    assert shown.err == ""


def test_traces_are_listed_newest_first(run: Terminal) -> None:
    stored(run.home, TRACE, spans(span("newer", trace=7, start=50.0)))
    shown = run("traces")
    header, first, second = shown.out.splitlines()
    assert header.split() == ["trace", "started", "root", "duration", "spans", "errors", "tokens", "cost"]
    assert first.split()[0] == f"{7:032x}"[:8]
    assert second.split()[0] == "abc00000"
    assert second.split()[3:] == ["scout.scan", "3.0", "s", "2", "1", "100→10", "$0.0123"]
    assert (shown.code, shown.err) == (0, "")


def test_failed_traces_can_be_asked_for_and_counted_off(run: Terminal) -> None:
    stored(run.home, TRACE, spans(span("newer", trace=7, start=50.0)))
    assert len(run("traces", "--error").out.splitlines()) == 2
    assert len(run("traces", "--limit", "1").out.splitlines()) == 2
    assert [t["root"] for t in json.loads(run("traces", "--json").out)] == ["newer", "scout.scan"]
    assert json.loads(run("traces", "--json", "--limit", "1").out)[0]["seconds"] == 1.0


def test_no_failed_trace_is_a_notice(run: Terminal) -> None:
    stored(run.home, spans(span("fine")))
    shown = run("traces", "--error")
    assert (shown.code, len(shown.out.splitlines())) == (0, 1)
    assert "no failed trace" in shown.err


def test_a_trace_is_a_tree_with_its_log_lines(run: Terminal) -> None:
    stored(run.home, TRACE, LINES)
    shown = run("trace", "abc")
    assert shown.out.splitlines() == [
        "scout.scan  3.0 s  $0.0123",
        "└─ chat m  1.0 s  100→10 tok  ✗ overloaded",
        "   └─ · info  tests.logger: an edge of 5 ¢",
    ]
    assert f"trace {0xABC << 116:032x}" in shown.err
    assert "2 spans, 1 log records" in shown.err


def test_a_trace_is_there_for_machines(run: Terminal) -> None:
    stored(run.home, TRACE, LINES)
    facts = json.loads(run("trace", "abc", "--json").out)
    assert facts["trace_id"] == f"{0xABC << 116:032x}"
    assert [s["name"] for s in facts["spans"]] == ["scout.scan", "chat m"]
    assert [line["body"] for line in facts["logs"]] == ["an edge of 5 ¢"]


@pytest.mark.parametrize("command", [["status"], ["traces"], ["trace", "00"]])
def test_nothing_that_was_recorded_can_steer_the_terminal(run: Terminal, command: Sequence[str]) -> None:
    hostile = "\x1b[2J\x9b31m\u202e[red]:smile:[/]"
    stored(run.home, spans(span(hostile, error=hostile)), logs(log(hostile)))
    journal = journaled(run.home, named("a"))
    journal.register(hostile, {Signal.TRACES})
    journal.mark(hostile, "paused", hostile)
    journal.close()
    shown = run(*command)
    assert shown.code == 0
    for line in (shown.out + shown.err).splitlines():
        assert line.isprintable()
    assert "[red]:smile:[/]" in shown.out


@pytest.mark.parametrize("command", [["status"], ["traces"], ["trace", "abc"], ["traces", "--json"]])
def test_where_nothing_was_recorded_one_line_says_so_and_nothing_is_made(
    run: Terminal, command: Sequence[str]
) -> None:
    shown = run(*command)
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.count("\n") == 1
    assert str(run.home) in shown.err
    assert list(run.home.iterdir()) == []


@pytest.mark.parametrize("command", [["status"], ["traces"]])
def test_files_that_are_damaged_are_one_line(run: Terminal, command: Sequence[str]) -> None:
    for name in ("journal.db", "store.db"):
        (run.home / name).write_bytes(b"not a database" * 100)
    shown = run(*command)
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.count("\n") == 1
    assert "Traceback" not in shown.err


def test_a_trace_that_is_not_there_is_one_line(run: Terminal) -> None:
    stored(run.home, TRACE)
    for wanted in ("ff", "nonsense", "\x1b[31m"):
        shown = run("trace", wanted)
        assert (shown.code, shown.out, shown.err.count("\n")) == (1, "", 1)
        assert "\x1b" not in shown.err


@pytest.mark.parametrize(
    "command",
    [["nonsense"], ["status", "--nonsense"], ["trace"], ["traces", "--limit", "0"], ["traces", "x"]],
)
def test_wrong_usage_is_code_two_and_says_how(run: Terminal, command: Sequence[str]) -> None:
    shown = run(*command)
    assert (shown.code, shown.out) == (2, "")
    assert "Usage" in shown.err


def test_a_wrong_setting_is_code_two_and_named(run: Terminal) -> None:
    shown = run("status", env={"OTEL_SDK_DISABLED": "maybe"})
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("✗ OTEL_SDK_DISABLED='maybe'")


def test_the_folder_can_be_named(run: Terminal, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    stored(elsewhere, TRACE)
    assert run("traces", "--home", str(elsewhere), env={}).code == 0


@pytest.mark.parametrize("command", ["status", "traces", "trace"])
def test_every_command_has_help(run: Terminal, command: str) -> None:
    shown = run(command, "--help")
    assert shown.code == 0
    assert "--json" in shown.out
    assert "--home" in shown.out


@pytest.mark.slow
def test_it_answers_about_a_real_run_as_a_program(tmp_path: Path) -> None:
    with otel.start(Config(service="test", home=tmp_path)) as telemetry:
        with trace.get_tracer("tests").start_as_current_span("job"):
            logging.getLogger("coliseum").warning("a line")
        assert telemetry.force_flush(5)
        command = [sys.executable, "-m", "otel", "traces", "--home", str(tmp_path), "--json"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
    (found,) = json.loads(shown.stdout)
    assert (found["root"], found["spans"], shown.stderr) == ("job", 1, "")
