"""`python -m otel` verifies, sends again, exports and imports; what it finds wrong is its exit code."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel.__main__ import main
from otel.accounts import read_books
from otel.batch import Batch, Signal
from otel.commands.replay import moment_of
from otel.errors import ConfigError
from otel.journal import Journal
from otel.store.ingest import Ingest
from otel.store.queries import SpanRow, Store
from otel.testing import FaultServer, status
from otel.verification import breaches
from tests.otel.making import log, logs, named, span, spans

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 1,
    "operation.cost": 0.01,
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "telemetry"


@pytest.fixture
def journal(home: Path) -> Iterator[Journal]:
    home.mkdir()
    with contextlib.closing(Journal(home / "journal.db")) as opened:
        yield opened


def store(home: Path, *batches: Batch) -> None:
    home.mkdir(exist_ok=True)
    ingest = Ingest(home / "store.db")
    for batch in batches:
        ingest.add(batch)
    ingest.close()


def run(home: Path, *arguments: str, **env: str) -> int:
    return main([*arguments, "--home", str(home)], env)


def rows(*made: dict[str, Any], tmp_path: Path) -> tuple[SpanRow, ...]:
    store(tmp_path, spans(*made))
    with Store.open(tmp_path / "store.db") as opened:
        return opened.spans()


def test_status_tells_reasons_and_the_last_answer(
    home: Path, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.register("store", {Signal.TRACES})
    journal.append([named("a", "b")], lost=3)
    chunk = journal.next_for("store", max_bytes=1000)
    assert chunk is not None
    journal.bury("store", chunk, "HTTP 400")
    assert run(home, "status", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["created"], facts["journaled"], facts["lost_in_memory"]) == (5, 2, 3)
    (row,) = facts["destinations"]
    assert (row["dead"], row["dead_by_reason"]) == (2, {"HTTP 400": 2})
    assert run(home, "status") == 0
    shown = capsys.readouterr()
    assert "! store: 2 of traces refused for good: HTTP 400" in shown.out
    assert "! 3 lost in memory: " in shown.out


def test_status_can_be_asked_while_others_write(home: Path, journal: Journal) -> None:
    """Reading takes no lock that a writer would wait for, and waits for none."""
    journal.register("store", {Signal.TRACES})
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            journal.append([named("a")])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            books = read_books(home / "journal.db")
            assert books.journaled == sum(account.queued for account in books.accounts)
    finally:
        stop.set()
        writer.join()
    with contextlib.closing(sqlite3.connect(home / "journal.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert read_books(home / "journal.db").journaled > 0
        holder.execute("ROLLBACK")


@pytest.mark.slow
def test_status_can_be_watched(home: Path, journal: Journal) -> None:
    journal.register("store", {Signal.TRACES})
    command = [
        sys.executable,
        "-m",
        "otel",
        "status",
        "--json",
        "--watch",
        "--every",
        "0.1",
        "--home",
        str(home),
    ]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        journal.append([named("a")])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if (last := json.loads(watching.stdout.readline()))["journaled"]:
                break
        watching.terminate()
    assert (first["journaled"], last["journaled"]) == (0, 1)


def test_sound_books_and_traces_are_verified(
    home: Path, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.register("store", {Signal.TRACES})
    journal.append([named("a")])
    now = time.time() - 120
    store(
        home,
        spans(span("job", 1, start=now, seconds=3), span("chat", 2, parent=1, start=now, attributes=CHAT)),
    )
    assert run(home, "verify", "--since", "1h") == 0
    shown = capsys.readouterr()
    assert (shown.out, "1 traces since 1h: 0 breaches; books: 0 errors" in shown.err) == ("", True)


def test_books_that_do_not_balance_are_an_error(
    home: Path, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.register("store", {Signal.TRACES})
    journal.append([named("a")])
    with contextlib.closing(sqlite3.connect(home / "journal.db")) as connection, connection:
        connection.execute("UPDATE ledger SET items = items + 7 WHERE entry = 'journaled'")
    store(home, spans(span("job")))
    assert run(home, "verify", "--json") == 1
    assert "does not balance" in json.loads(capsys.readouterr().out)["books"][0]


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        ([span("job", 1), span("child", 2, parent=9)], "orphan"),
        ([span("job", 1), span("other", 2)], "one root"),
        ([span("chat", 1, attributes=CHAT | {"operation.cost": "free"})], "cost"),
        ([span("chat", 1, attributes={"gen_ai.operation.name": "chat", "operation.cost": 1.0})], "tokens"),
        ([span("job", 1, seconds=-1)], "time"),
        ([span("job", 1, start=100.0), span("child", 2, parent=1, start=5.0)], "time"),
        ([span("", 1)], "name"),
        ([span("job", 1, status={"code": 2})], "failure"),
    ],
)
def test_a_trace_that_is_not_whole_is_named(made: list[dict[str, Any]], rule: str, tmp_path: Path) -> None:
    assert rule in {breach.rule for breach in breaches(rows(*made, tmp_path=tmp_path), ())}


@pytest.mark.parametrize(
    "made",
    [
        [span("job", 1), span("chat", 2, parent=1, attributes=CHAT)],
        [
            span("job", 1, attributes={"desk.cost_unknown": True}),
            span("chat", 2, parent=1, attributes={k: v for k, v in CHAT.items() if k != "operation.cost"}),
        ],
        [
            span("job", 1),
            span("chat", 2, parent=1, attributes={"gen_ai.operation.name": "chat"}, error="overloaded"),
        ],
    ],
)
def test_a_whole_trace_has_no_breach(made: list[dict[str, Any]], tmp_path: Path) -> None:
    """A model call has a cost, or its trace says that none is known, or it failed."""
    assert list(breaches(rows(*made, tmp_path=tmp_path), ())) == []


def test_a_stretch_is_sent_again(
    home: Path, journal: Journal, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url}
    journal.register("otlp", {Signal.TRACES})
    journal.append([named("a", "b")])
    chunk = journal.next_for("otlp", max_bytes=10_000)
    assert chunk is not None
    journal.advance("otlp", chunk)
    assert run(home, "replay", "--to", "otlp", "--since", "1h", **env) == 0
    assert "2 items sent to otlp again" in capsys.readouterr().err
    assert {s.name for s in server.spans()} == {"a", "b"}
    assert journal.check() == ()


def test_what_cannot_be_sent_again_says_why(
    home: Path, journal: Journal, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.register("otlp", {Signal.TRACES})
    journal.append([named("a")])
    server.always(status(401))
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url}
    assert run(home, "replay", "--to", "otlp", "--since", "1h", **env) == 1
    assert "otlp is paused: HTTP 401" in capsys.readouterr().err
    assert journal.behind("otlp") == 1
    assert run(home, "replay", "--to", "nowhere", "--since", "1h") == 2
    assert "--to 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "moment"),
    [("30s", 970.0), ("2m", 880.0), ("1970-01-01T00:00:10+00:00", 10.0), ("1h", -2600.0), ("1d", -85_400.0)],
)
def test_a_time_is_so_long_ago_or_a_date(text: str, moment: float) -> None:
    assert moment_of(text, now=1000.0) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2 h", "-1h", "9999999999h", "1e9s"])
def test_what_is_no_time_is_a_wrong_setting(text: str) -> None:
    with pytest.raises(ConfigError, match="--since"):
        moment_of(text, now=1000.0)


RICH = spans(
    span(
        "job",
        1,
        error="it broke",
        attributes={"a": "text", "n": 7, "ok": True, "x": 0.5, "list": ["a", 1], "map": {"b": "c"}},
        events=[{"name": "exception", "time_unix_nano": 5}],
        links=[{"trace_id": bytes(15) + b"\7", "span_id": bytes(7) + b"\7"}],
        kind=3,
    ),
    span("child", 2, parent=1),
)


def test_what_was_exported_is_the_same_when_it_is_imported(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(home, RICH, logs(log("a line"), log("an event", event_name="e")))
    assert run(home, "export", f"{1:032x}") == 0
    file = tmp_path / "trace.jsonl"
    file.write_text(capsys.readouterr().out)
    assert len(file.read_text().splitlines()) == 2
    again = tmp_path / "again"
    assert run(again, "import", str(file)) == 0
    assert "4 items read" in capsys.readouterr().err
    assert run(again, "import", str(file)) == 0, "twice is once"
    with Store.open(home / "store.db") as one, Store.open(again / "store.db") as other:
        assert other.spans() == one.spans()
        assert {(row.body, row.event_name) for row in other.logs()} == {("a line", ""), ("an event", "e")}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "nonsense",
        "[1]",
        '{"resourceSpans": 7}',
        '{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "x"}]}]}]}',
    ],
)
def test_a_file_that_is_no_otlp_json_is_one_line(
    content: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file.json"
    file.write_text(content)
    code = run(home, "import", str(file))
    shown = capsys.readouterr()
    assert (code, shown.out, shown.err.count("\n")) == (1 if content else 0, "", 1)


def test_a_secret_in_an_imported_file_is_removed(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    secret = "pylf_v1_us_abcdefgh12345678"
    scope = {"logRecords": [{"body": {"stringValue": f"key {secret}"}}]}
    file.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [scope]}]}))
    assert run(home, "import", str(file)) == 0
    assert secret.encode() not in (home / "store.db").read_bytes()


@pytest.mark.parametrize("command", ["status", "doctor", "verify", "replay", "export", "import"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"], {}) == 0
    assert "--home" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["verify"], ["replay", "--to", "store", "--since", "1h"], ["export", "00"]]
)
def test_where_nothing_was_recorded_one_line_says_so_and_nothing_is_made(
    arguments: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(home, *arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not home.exists()
