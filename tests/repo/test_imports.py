"""Importing is free: no module does anything until it is called, and light commands load nothing heavy."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAVY = ("pydantic_ai", "dbos", "logfire", "anthropic", "openai")
LIGHT_COMMANDS = ("--help", "config", "status")
# pydantic loads whatever plugins are installed; which ones these are is not the project's doing
NO_PLUGINS = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYDANTIC_DISABLE_PLUGINS": "__all__"}
EVERYTHING_WRONG = """
import logging, os, sqlite3, threading
os.environ["HOME"]
os.getenv("HOME")
"HOME" in os.environ
threading.Thread(target=int).start()
open(os.devnull, "w").close()
sqlite3.connect(":memory:").close()
logging.getLogger().addHandler(logging.NullHandler())
"""


@pytest.fixture(scope="module")
def imported(root: Path) -> dict[str, Any]:
    """What importing every module of both packages did, seen from a fresh interpreter."""
    return probe_answer(root / "tests/repo/import_probe.py")


def probe_answer(program: Path) -> dict[str, Any]:
    command = [sys.executable, "-B", str(program)]
    probe = subprocess.run(command, capture_output=True, text=True, env=NO_PLUGINS, timeout=100, check=False)
    assert probe.returncode == 0, probe.stderr[-3000:]
    answer: dict[str, Any] = json.loads(probe.stdout)
    return answer


@pytest.mark.slow
def test_every_module_was_imported(imported: dict[str, Any]) -> None:
    assert {"otel.journal", "coliseum.ports", "coliseum.domain.money"} <= set(imported["modules"])


@pytest.mark.slow
def test_importing_touches_no_file_thread_socket_or_variable(imported: dict[str, Any]) -> None:
    assert imported["did"] == []


@pytest.mark.slow
def test_importing_changes_no_global_state(imported: dict[str, Any]) -> None:
    assert imported["changed"] == []


@pytest.mark.slow
def test_the_probe_sees_what_a_module_does(tmp_path: Path, root: Path) -> None:
    """A module that does everything wrong is caught at every point, so that silence means something."""
    for package in ("otel", "coliseum"):
        (tmp_path / package).mkdir()
    (tmp_path / "otel/__init__.py").write_text(EVERYTHING_WRONG)
    (tmp_path / "tests/repo").mkdir(parents=True)
    probe = Path(shutil.copy(root / "tests/repo/import_probe.py", tmp_path / "tests/repo"))
    answer = probe_answer(probe)
    assert [line.partition(": ")[2] for line in answer["did"]] == [
        "reads HOME",
        "reads HOME",
        "asks for HOME",
        "starts a thread",
        f"opens {os.devnull} to write",
        "sqlite3.connect",
    ]
    assert answer["changed"] == ["root log handlers"]


@pytest.mark.slow
@pytest.mark.parametrize("command", LIGHT_COMMANDS)
def test_a_light_command_loads_neither_agents_nor_engine(command: str, root: Path, tmp_path: Path) -> None:
    """Loading them takes over a second, which a command that only prints has no use for."""
    python = [sys.executable, "-X", "importtime", "-m", "coliseum", command]
    env = NO_PLUGINS | {"PYTHONPATH": str(root), "COLISEUM_HOME": str(tmp_path)}
    run = subprocess.run(
        python, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in run.stderr.splitlines()}
    assert "coliseum" in loaded
    assert loaded.isdisjoint(HEAVY)
