"""The doctor names each fault that is planted, says how to mend it, and takes no more than five seconds."""

import contextlib
import json
import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk.trace import TracerProvider

from otel.__main__ import main
from otel.batch import Signal
from otel.doctor import Examination, Finding, Level, diagnose
from otel.doctor.disk import Machine
from otel.doctor.rehearsal import leaks
from otel.journal import Journal
from otel.testing import Answer, FaultServer, hang, status
from tests.otel.making import log, logs, named

MOST_SECONDS = 5.0
GB = 1024**3


@dataclass
class Bench:
    """One examination to plant a fault in."""

    home: Path
    server: FaultServer
    stack: ExitStack
    env: dict[str, str] = field(default_factory=dict)
    dotenv: dict[str, str] = field(default_factory=dict)
    now: Callable[[], float] = time.time
    machine: Machine = field(default_factory=lambda: Machine(lambda _: 9 * GB, lambda: ""))

    def diagnose(self) -> tuple[Finding, ...]:
        examination = Examination(env=self.env, dotenv=self.dotenv, home=self.home, now=self.now)
        return diagnose(replace(examination, machine=self.machine))

    def journal(self) -> Journal:
        self.home.mkdir(exist_ok=True)
        journal = Journal(self.home / "journal.db")
        self.stack.callback(journal.close)
        return journal

    def set(self, **variables: str) -> None:
        self.env.update(variables)

    def to_server(self, answer: Answer | None = None, **variables: str) -> None:
        self.set(OTEL_EXPORTER_OTLP_ENDPOINT=self.server.url, **variables)
        if answer is not None:
            self.server.always(answer)


@pytest.fixture
def bench(tmp_path: Path, server: FaultServer) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path / "telemetry", server, stack)


def logfire(bench: Bench) -> None:
    bench.set(LOGFIRE_TOKEN="pylf_v1_us_abcdefgh12345678", LOGFIRE_BASE_URL=bench.server.url)


def refused(bench: Bench) -> None:
    bench.to_server()
    bench.server.refuse()


def unknown_name(bench: Bench) -> None:
    bench.set(OTEL_EXPORTER_OTLP_ENDPOINT="http://no-such-host.invalid:4318")


def refused_token(bench: Bench) -> None:
    logfire(bench)
    bench.server.token = "another"


def rejects_spans(bench: Bench) -> None:
    bench.to_server()
    bench.server.always(lambda request: Answer(rejected=1, message="quota") if request.body else Answer())


def readable_by_others(bench: Bench) -> None:
    bench.journal()
    (bench.home / "journal.db").chmod(0o644)


def damaged(bench: Bench) -> None:
    bench.home.mkdir()
    (bench.home / "journal.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)


def damaged_entry(bench: Bench) -> None:
    journal = bench.journal()
    journal.append([named("a")])
    with contextlib.closing(sqlite3.connect(bench.home / "journal.db")) as connection, connection:
        connection.execute("UPDATE batch SET body = x'00'")


def unbalanced(bench: Bench) -> None:
    journal = bench.journal()
    journal.register("store", {Signal.TRACES})
    journal.append([named("a")])
    with contextlib.closing(sqlite3.connect(bench.home / "journal.db")) as connection, connection:
        connection.execute("UPDATE ledger SET items = items + 7 WHERE entry = 'journaled'")


def paused(bench: Bench) -> None:
    journal = bench.journal()
    journal.register("store", {Signal.TRACES})
    journal.append([named("a")])
    journal.mark("store", "paused", "HTTP 401: Invalid token")


def backlog(bench: Bench) -> None:
    journal = bench.journal()
    journal.register("store", {Signal.TRACES})
    journal.append([named("a")])
    bench.now = lambda: time.time() + 7200


def lost(bench: Bench) -> None:
    bench.journal().append([named("a")], lost=3)


def no_folder(bench: Bench) -> None:
    bench.home.write_text("a file")


def full_disk(bench: Bench) -> None:
    bench.machine = Machine(lambda _: GB // 2, lambda: "")


def network_file_system(bench: Bench) -> None:
    mounts = f"/dev/vda / ext4 rw 0 0\nserver:/share {bench.home.parent} nfs4 rw 0 0\n"
    bench.machine = Machine(lambda _: 9 * GB, lambda: mounts)


def wrong_clock(bench: Bench) -> None:
    bench.to_server()
    bench.now = lambda: time.time() + 90


def second_handler(bench: Bench) -> None:
    handler = LoggingHandler()
    logging.getLogger().addHandler(handler)
    bench.stack.callback(logging.getLogger().removeHandler, handler)


def second_instrumentation(bench: Bench) -> None:
    HTTPX2ClientInstrumentor().instrument()
    bench.stack.callback(HTTPX2ClientInstrumentor().uninstrument)


def foreign_provider(bench: Bench) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    before = trace._TRACER_PROVIDER
    trace._TRACER_PROVIDER = provider
    bench.stack.callback(setattr, trace, "_TRACER_PROVIDER", before)


def variables(**given: str) -> Callable[[Bench], None]:
    return lambda bench: bench.set(**given)


def answers(answer: Answer) -> Callable[[Bench], None]:
    return lambda bench: bench.to_server(answer)


TOKEN = "pylf_v1_us_abcdefgh12345678"
FAULTS: dict[str, tuple[Callable[[Bench], None], str, str]] = {
    "switched off": (variables(OTEL_SDK_DISABLED="true"), "OTEL_SDK_DISABLED switches", "unset"),
    "a value nobody can mean": (
        variables(OTEL_SDK_DISABLED="perhaps"),
        "OTEL_SDK_DISABLED='perhaps'",
        "correct",
    ),
    "an unknown destination": (variables(TELEMETRY_DESTINATIONS="stroe"), "'stroe' is not one of", "correct"),
    "a misspelled variable": (
        variables(TELEMETRY_DESTINATION="store"),
        "is not a setting",
        "TELEMETRY_DESTINATIONS",
    ),
    "nothing is sampled": (variables(OTEL_TRACES_SAMPLER="always_off"), "records no trace", "unset"),
    "a share without a sampler": (
        variables(OTEL_TRACES_SAMPLER_ARG="0.1"),
        "not used",
        "parentbased_traceidratio",
    ),
    "a token that is not used": (
        variables(LOGFIRE_TOKEN=TOKEN, LOGFIRE_SEND_TO_LOGFIRE="false"),
        "LOGFIRE_SEND_TO_LOGFIRE says that nothing is sent",
        "if-token-present",
    ),
    "a token that the list leaves out": (
        variables(LOGFIRE_TOKEN=TOKEN, TELEMETRY_DESTINATIONS="store"),
        "TELEMETRY_DESTINATIONS leaves it out",
        "add logfire",
    ),
    "to be sent without a token": (
        variables(LOGFIRE_SEND_TO_LOGFIRE="true"),
        "no LOGFIRE_TOKEN",
        "write token",
    ),
    "headers without an endpoint": (
        variables(OTEL_EXPORTER_OTLP_HEADERS="a=b"),
        "no endpoint to send them to",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ),
    "a gRPC port": (variables(OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4317"), "gRPC", "4318"),
    "an HTTP port for gRPC": (
        variables(OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318", OTEL_EXPORTER_OTLP_PROTOCOL="grpc"),
        "take HTTP; gRPC is spoken",
        "4317",
    ),
    "a signal's path in the base": (
        lambda bench: bench.set(OTEL_EXPORTER_OTLP_ENDPOINT=f"{bench.server.url}/v1/traces"),
        "appended once more",
        "without /v1/traces",
    ),
    "both tokens": (
        variables(
            LOGFIRE_TOKEN=TOKEN, COLLECTOR_LOGFIRE_TOKEN=TOKEN, TELEMETRY_DESTINATIONS="logfire,collector"
        ),
        "both send to Logfire",
        "keep one",
    ),
    "an exporter of the SDK's own": (variables(OTEL_TRACES_EXPORTER="otlp"), "second pipeline", "unset"),
    "a key in the clear": (
        variables(
            OTEL_EXPORTER_OTLP_ENDPOINT="http://no-such-host.invalid:4318", OTEL_EXPORTER_OTLP_HEADERS="a=b"
        ),
        "in the clear",
        "https",
    ),
    "nobody listens": (refused, "nothing takes connections", "start the receiver"),
    "an unknown name": (unknown_name, "no-such-host.invalid", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    "no answer": (answers(hang()), "no answer within", "overloaded"),
    "a wrong key": (answers(status(401)), "refuses the key", "OTEL_EXPORTER_OTLP_HEADERS"),
    "a wrong path": (answers(status(404)), "no OTLP at /v1/traces", "correct the address"),
    "a redirect": (answers(status(302)), "a redirect", "final address"),
    "an overloaded receiver": (answers(status(503)), "takes nothing now", "receiver's own log"),
    "not OTLP": (answers(status(415)), "does not take OTLP", "OTLP/HTTP receiver"),
    "a refused token": (refused_token, "refuses the token", "LOGFIRE_TOKEN"),
    "a test span that is not taken": (rejects_spans, "did not take a test span", "waits in the journal"),
    "a collector that does not run": (
        variables(TELEMETRY_DESTINATIONS="store,collector"),
        "nothing takes connections at localhost:4318",
        "docker compose up -d",
    ),
    "a wrong clock": (wrong_clock, "s ahead of", "timedatectl"),
    "a folder that is a file": (no_folder, "is not a folder", "TELEMETRY_HOME"),
    "a journal for all to read": (readable_by_others, "can be read by others (mode 0644)", "chmod 600"),
    "a damaged journal": (damaged, "cannot be read", "sets a damaged journal aside"),
    "a damaged entry": (damaged_entry, "is damaged", "sets a damaged journal aside"),
    "books that do not balance": (unbalanced, "does not balance", "sets a damaged journal aside"),
    "a paused destination": (paused, "HTTP 401: Invalid token", "mend its key"),
    "an old backlog": (backlog, "has waited for", "a program runs which sends to it"),
    "items lost in memory": (lost, "3 items were lost in memory", "can be written and has room"),
    "a full disk": (full_disk, "512 MiB are free", "another disk"),
    "a network file system": (network_file_system, "network file system (nfs4)", "local disk"),
    "somebody else's provider": (foreign_provider, "already is the global provider", "otel.start before it"),
    "a second logging handler": (second_handler, "recorded twice", "remove that handler"),
    "a second HTTP instrumentation": (
        second_instrumentation,
        "httpx2 is instrumented already",
        "remove that",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_with_its_cure_within_five_seconds(name: str, bench: Bench) -> None:
    plant, said, cure = FAULTS[name]
    plant(bench)
    began = time.monotonic()
    findings = bench.diagnose()
    took = time.monotonic() - began
    bench.server.release()
    faults = [finding for finding in findings if finding.level is Level.FAULT]
    assert [f for f in faults if said in f.text and cure in f.cure], faults
    assert took < MOST_SECONDS


def test_at_least_twenty_five_faults_are_planted() -> None:
    assert len(FAULTS) >= 25


@pytest.mark.slow
def test_where_nothing_is_wrong_nothing_is_called_a_fault(bench: Bench) -> None:
    """With a destination of each kind that can be had on this machine, and a journal in use."""
    bench.to_server(TELEMETRY_DESTINATIONS="store,jsonl,otlp,logfire,jaeger,console")
    bench.set(TELEMETRY_JAEGER_ENDPOINT=bench.server.url)
    logfire(bench)
    journal = bench.journal()
    journal.register("store", {Signal.TRACES})
    journal.append([named("a")])
    findings = bench.diagnose()
    assert [finding for finding in findings if finding.level is Level.FAULT] == []
    checks = {finding.check for finding in findings if finding.level is Level.WELL}
    assert checks >= {"settings", "ownership", "journal", "endpoint", "clock", "test span", "initialisation"}
    assert checks >= {"logging", "http", "pydantic-ai", "redaction"}
    assert {s.name for s in bench.server.spans()} == {"otel.doctor"}


def test_an_examination_makes_no_folder(bench: Bench) -> None:
    bench.diagnose()
    assert not bench.home.exists()


@pytest.mark.slow
def test_which_variable_wins_is_said(bench: Bench) -> None:
    bench.set(OTEL_SERVICE_NAME="one", TELEMETRY_DESTINATIONS="store")
    bench.dotenv = {"OTEL_SERVICE_NAME": "two"}
    said = " ".join(finding.text for finding in bench.diagnose())
    assert "service 'one'" in said
    assert "OTEL_SERVICE_NAME is set twice: the environment wins" in said
    assert "TELEMETRY_DESTINATIONS is set: it alone decides" in said


@pytest.mark.slow
def test_no_key_is_ever_said(bench: Bench) -> None:
    bench.to_server(status(401), OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer hush-hush-hush")
    bench.set(LOGFIRE_TOKEN="hush-hush-token", LOGFIRE_BASE_URL=bench.server.url)
    assert "hush-hush" not in repr(bench.diagnose())


def test_a_leak_would_be_found(tmp_path: Path) -> None:
    """So that silence about the canary means something: packed in the journal, and plain in a file."""
    journal = Journal(tmp_path / "journal.db")
    journal.append([logs(log("the canary-0123 " * 50))])
    journal.close()
    (tmp_path / "logs.jsonl").write_text("clean")
    (finding,) = leaks(tmp_path, "canary-0123")
    assert (finding.level, "journal.db" in finding.text) == (Level.FAULT, True)
    (finding,) = leaks(tmp_path, "canary-9999")
    assert finding.level is Level.WELL


@contextmanager
def output(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    capsys.readouterr()
    shown: list[str] = []
    yield shown
    shown += capsys.readouterr()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "code"),
    [({}, 0), ({"OTEL_TRACES_SAMPLER": "always_off"}, 1), ({"OTEL_SDK_DISABLED": "perhaps"}, 2)],
)
def test_the_exit_code_says_whether_something_is_wrong(
    env: Mapping[str, str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["doctor", "--json", "--home", str(tmp_path), "--env-file", str(tmp_path / "none")]
    with output(capsys) as shown:
        assert main(arguments, env) == code
    findings = json.loads(shown[0])
    assert any(finding["level"] == "fault" for finding in findings) == bool(code)
    assert all(finding["cure"] for finding in findings if finding["level"] == "fault")


@pytest.mark.slow
def test_it_reads_a_dotenv_file_below_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("OTEL_SDK_DISABLED=true\n")
    arguments = ["doctor", "--offline", "--home", str(tmp_path), "--env-file", str(tmp_path / ".env")]
    with output(capsys) as shown:
        assert main(arguments, {}) == 1
    assert "✗ settings: OTEL_SDK_DISABLED switches telemetry off" in shown[0]
    assert main(arguments, {"OTEL_SDK_DISABLED": "false"}) == 0


LOGFIRE_PROGRAM = """
import logfire
logfire.configure(send_to_logfire=False, console=False)
from otel.doctor import Examination, diagnose
for finding in diagnose(Examination(env={}, offline=True)):
    print(finding.level, finding.text, finding.cure)
"""


@pytest.mark.slow
def test_logfires_own_start_beside_ours_is_named(tmp_path: Path) -> None:
    """In a process of its own, since importing logfire changes the interpreter."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", LOGFIRE_PROGRAM]
    environment = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    shown = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60, check=False
    )
    assert "fault logfire.configure() has made its own providers" in shown.stdout, shown.stderr[-2000:]
    assert "otel.start sends to Logfire itself" in shown.stdout
