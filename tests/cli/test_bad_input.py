"""A user's mistake is one clear line and the right exit code; nothing is half-written."""

import ctypes
import os
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from coliseum.cli import run
from coliseum.sandbox.process import running
from tests.demo.playing import MAY

ROOT = Path(__file__).parents[2]


class Shell:
    """Runs commands in one folder with one environment, and knows what was said."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.env = {"HOME": str(folder), "COLISEUM_HOME": str(folder / "state")}
        self._capture = capture

    def __call__(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        code = run(arguments, self.env | env, self.folder)
        out, err = self._capture.readouterr()
        return code, out, err

    def written(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def one_line(err: str) -> str:
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fly",), "No such command 'fly'"),
        (("config", "--colour"), "No such option: --colour"),
        (("scout", "--scan-type", "half"), "scan-type"),
        (("analyst",), "Missing option '--opportunity-id'"),
        (("guardian",), "Missing command"),
        (("guardian", "weather"), "No such command 'weather'"),
        (("demo", "--seed", "-1"), "--seed"),
        (("sandbox", "--port", "70000"), "--port"),
        ((), "coliseum --help"),
    ],
)
def test_wrong_words_are_wrong_usage(shell: Shell, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = shell(*arguments)
    assert code == 2
    assert words in one_line(err)
    assert out == ""
    assert shell.written() == []


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"COLISEUM_MODE": "dry"}, "COLISEUM_MODE=dry"),
        ({"COLISEUM_RISK__KELLY_FRACTION": "2"}, "COLISEUM_RISK__KELLY_FRACTION"),
        ({"COLISEUM_RISK__KELY_FRACTION": "0.2"}, "COLISEUM_RISK__KELLY_FRACTION"),
        ({"KALSHI_BASE_URL": "http://example.test/v2"}, "KALSHI_BASE_URL"),
        ({"TELEMETRY_DESTINATIONS": "store,moon"}, "'moon' is not one of"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ],
)
@pytest.mark.parametrize("command", ["config", "status", "scout"])
def test_a_wrong_setting_is_named_with_what_would_be_right(
    shell: Shell, command: str, env: Mapping[str, str], words: str
) -> None:
    code, _, err = shell(command, **({"COLISEUM_VENUE": "sandbox"} | dict(env)))
    assert code == 2
    assert words in one_line(err)
    assert shell.written() == []


def test_a_malformed_dotenv_names_the_line_and_not_its_text(shell: Shell) -> None:
    (shell.folder / ".env").write_text("COLISEUM_SEED=3\nthis is a secret and no setting\n")
    code, _, err = shell("config")
    assert code == 2
    assert ".env line 2" in one_line(err)
    assert "secret and" not in err


def test_a_missing_key_outside_the_sandbox_is_named(shell: Shell) -> None:
    code, _, err = shell("scout")
    assert code == 2
    assert "EXA_API_KEY" in one_line(err)
    assert "ANTHROPIC_API_KEY" in err
    assert shell.written() == []


def test_live_without_confirmation_opens_nothing(shell: Shell, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("x")
    env = {
        "COLISEUM_MODE": "live",
        "KALSHI_API_KEY_ID": "my-key",
        "KALSHI_PRIVATE_KEY_PATH": str(key),
        "EXA_API_KEY": "e",
        "ANTHROPIC_API_KEY": "a",
        "FIREWORKS_API_KEY": "f",
    }
    code, _, err = shell("scout", **env)
    assert code == 2
    assert "--confirm-live" in one_line(err)
    assert shell.written() == ["key.pem"]


def test_a_port_in_use_is_said(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, out, err = shell("sandbox", "--port", str(taken.getsockname()[1]))
    assert code in (1, 2)
    assert "is in use" in one_line(err)
    assert out == ""


def test_an_unwritable_place_for_the_demo_is_said(shell: Shell) -> None:
    """A file where the folder should be stops even the superuser."""
    (shell.folder / ".coliseum").write_text("not a folder")
    code, _, err = shell("demo")
    assert code in (1, 2)
    assert ".coliseum" in one_line(err)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    from coliseum.demo import addresses

    with running(7, MAY[0].when, home=tmp_path_factory.mktemp("world")) as address:
        yield {"COLISEUM_VENUE": "sandbox", **addresses(address)}


@pytest.mark.slow
def test_an_unknown_opportunity_is_said(shell: Shell, world: dict[str, str]) -> None:
    code, out, err = shell("analyst", "--opportunity-id", "opp_0000000000000000", **world)
    assert code == 2
    assert "opp_0000000000000000" in one_line(err)
    assert out == ""


@pytest.mark.slow
def test_an_unwritable_state_folder_is_said(shell: Shell, world: dict[str, str]) -> None:
    (shell.folder / "state").write_text("not a folder")
    code, _, err = shell("scout", **world)
    assert code == 2
    assert "COLISEUM_HOME" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_database_that_cannot_be_written_stops_before_anything_is_sent(
    shell: Shell, world: dict[str, str]
) -> None:
    state = shell.folder / "state" / "sandbox-paper"
    state.mkdir(parents=True)
    (state / "coliseum.db").mkdir()
    code, _, err = shell("scout", **world)
    assert code == 1
    assert "coliseum.db" in err
    assert "Traceback" not in err


def without_override() -> None:
    """In a child before it becomes the program: file modes bind the superuser too (Linux: CAP_DAC_OVERRIDE leaves
    the bounding set)."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.mark.slow
def test_a_read_only_database_is_said(shell: Shell, world: dict[str, str]) -> None:
    assert shell("scout", **world)[0] == 0
    database = shell.folder / "state" / "sandbox-paper" / "coliseum.db"
    database.chmod(stat.S_IRUSR)
    before = database.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "coliseum", "scout"],
        cwd=shell.folder,
        env=shell.env | world | {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        preexec_fn=without_override if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"the ledger {database} cannot be opened for writing: Permission denied" in done.stderr
    assert "Traceback" not in done.stderr
    assert database.read_bytes() == before


@pytest.mark.slow
def test_a_database_that_is_something_else_is_left_as_it_is(shell: Shell, world: dict[str, str]) -> None:
    state = shell.folder / "state" / "sandbox-paper"
    state.mkdir(parents=True)
    (state / "coliseum.db").write_bytes(b"my diary\n" * 100)
    code, _, err = shell("scout", **world)
    assert code == 1
    assert "Traceback" not in err
    assert "ledger" in err
    assert (state / "coliseum.db").read_bytes() == b"my diary\n" * 100


@pytest.mark.slow
def test_a_dead_world_is_said(shell: Shell, world: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    code, _, err = shell("scout", **(world | {"KALSHI_BASE_URL": f"{address}/trade-api/v2"}))
    assert code == 1
    assert "does not answer" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_run_in_a_terminal_ends_with_the_same_codes(tmp_path: Path) -> None:
    """The real program, as a user types it."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}

    def real(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "coliseum", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    wrong = real("fly")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: ")
    right = real("--version")
    assert (right.returncode, right.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_ledger_of_a_newer_version_is_refused(shell: Shell, world: dict[str, str]) -> None:
    assert shell("scout", **world)[0] == 0
    database = shell.folder / "state" / "sandbox-paper" / "coliseum.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE coliseum_version SET version_num = 'v9999'")
    connection.close()
    code, _, err = shell("scout", **world)
    assert code == 1
    assert "newer" in err
    assert "Traceback" not in err
