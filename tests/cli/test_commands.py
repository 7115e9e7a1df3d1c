"""What each command prints when all is well."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coliseum.demo import addresses
from coliseum.sandbox.process import running
from otel.testing import FaultServer
from tests.cli.test_bad_input import ROOT, Shell
from tests.demo.playing import MAY

TOKEN = "pylf_v1_us_0123456789abcdefghijklmnop"


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running(7, MAY[0].when, home=tmp_path_factory.mktemp("world")) as address:
        yield {"COLISEUM_VENUE": "sandbox", **addresses(address)}


def test_config_shows_every_setting_with_its_source_and_no_secret(shell: Shell) -> None:
    (shell.folder / ".env").write_text("EXA_API_KEY=very-secret-key\nCOLISEUM_SEED=3\n")
    code, out, _ = shell("config", "--json", COLISEUM_MODE="paper")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["EXA_API_KEY"] == {"name": "EXA_API_KEY", "value": "✓ Set", "source": ".env"}
    assert rows["COLISEUM_SEED"]["source"] == ".env"
    assert rows["COLISEUM_MODE"]["source"] == "environment"
    assert rows["KALSHI_API_KEY_ID"]["value"] == "✗ Not set"
    assert rows["TELEMETRY_DESTINATIONS"]["source"] == "default"
    assert "very-secret-key" not in out
    assert shell.written() == [".env"]


def test_config_asks_logfire_and_names_the_project(shell: Shell) -> None:
    with FaultServer(project_url="https://logfire.test/desk") as logfire:
        _, out, err = shell("config", LOGFIRE_TOKEN=TOKEN, LOGFIRE_BASE_URL=logfire.url)
    assert "✓ Logfire cloud tracking initialized" in err
    assert "Logfire project URL: https://logfire.test/desk" in err
    assert TOKEN not in out + err


def test_config_says_why_a_token_does_not_work(shell: Shell) -> None:
    with FaultServer() as logfire:
        logfire.token = "another"
        code, _, err = shell("config", LOGFIRE_TOKEN=TOKEN, LOGFIRE_BASE_URL=logfire.url)
    assert code == 0
    assert "refuses the token (HTTP 401)" in err
    assert "initialized" not in err


def test_status_of_a_new_desk_makes_nothing(shell: Shell) -> None:
    code, out, _ = shell("status", "--json")
    assert code == 0
    assert "coliseum scout" in json.loads(out)["desk"]["ledger"]
    assert shell.written() == []


@pytest.mark.slow
def test_scout_analyst_guardian_and_status_follow_one_another(shell: Shell, world: dict[str, str]) -> None:
    """Each command is a process of its own in real life: what one leaves, the next one finds."""
    code, out, _ = shell("scout", "--scan-type", "full", "--json", **world)
    found = json.loads(out)["found"]
    assert code == 0
    assert found

    code, out, _ = shell("analyst", "--opportunity-id", found[0]["id"], "--json", **world)
    assert code == 0
    assert json.loads(out)["market"] == found[0]["market"]

    assert shell("guardian", "positions", "--json", **world)[0] == 0
    assert shell("guardian", "news", "--json", **world)[0] == 0

    code, out, _ = shell("status", "--json", **world)
    status = json.loads(out)
    assert code == 0
    assert status["opportunities"]["found"] == len(found) - 1
    assert sum(status["decisions"].values()) == 1
    assert status["telemetry"]["store traces"].split(",")[1] == " 0 queued"


@pytest.mark.slow
def test_text_output_is_for_people(shell: Shell, world: dict[str, str]) -> None:
    _, out, _ = shell("scout", **world)
    assert "new opportunities" in out
    _, out, _ = shell("status", **world)
    assert "opportunities" in out


@pytest.mark.slow
def test_run_now_does_one_job_with_what_it_leads_to(shell: Shell, world: dict[str, str]) -> None:
    code, _, _ = shell("run", "--now", "scout", **world)
    assert code == 0
    _, out, _ = shell("status", "--json", **world)
    status = json.loads(out)
    assert sum(status["decisions"].values()) == sum(status["opportunities"].values()) > 5


@pytest.mark.slow
def test_run_refuses_a_job_that_does_not_exist(shell: Shell, world: dict[str, str]) -> None:
    code, _, err = shell("run", "--now", "lunch", **world)
    assert code == 2
    assert "there is no job 'lunch'" in err


@pytest.mark.slow
def test_the_schedule_ends_in_order_on_sigterm(tmp_path: Path, world: dict[str, str]) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLISEUM_HOME": str(tmp_path), **world}
    command = [sys.executable, "-m", "coliseum", "run"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        assert "the schedule runs" in daemon.stderr.readline()
        for _ in range(200):
            if (tmp_path / "sandbox-paper" / "engine.db").exists():
                break
            asyncio.run(asyncio.sleep(0.05))
        daemon.send_signal(signal.SIGTERM)
        _, err = daemon.communicate(timeout=60)
    assert daemon.returncode == 130
    assert "Traceback" not in err


@pytest.mark.slow
def test_sandbox_prints_the_variables_that_lead_to_it(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "coliseum", "sandbox", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as sandbox:
        assert sandbox.stdout is not None
        lines = dict(sandbox.stdout.readline().strip().split("=", 1) for _ in range(10))
        assert lines["COLISEUM_VENUE"] == "sandbox"
        status = subprocess.run(
            [sys.executable, "-m", "coliseum", "scout", "--json"],
            env=env | lines | {"COLISEUM_HOME": str(tmp_path / "state")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        sandbox.send_signal(signal.SIGINT)
        sandbox.communicate(timeout=20)
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["seen"] > 0
    assert "Traceback" not in status.stderr


@pytest.mark.slow
def test_the_whole_demo_in_json_is_one_document(tmp_path: Path) -> None:
    """The command of the README, as a program would call it."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "coliseum", "demo", "--json"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["brier"]["count"] > 20
    assert any(decision["order_id"] for decision in facts["decisions"])
    assert (tmp_path / facts["home"] / "store.db").exists()
    assert (tmp_path / ".coliseum" / "latest").resolve().name in facts["home"]
    assert "scout: scanning every open market" in done.stderr
