"""`make` prepares a checkout by itself: once, whole, from nothing but Python, with one clear line on trouble."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tools.environments import Environment, one_at_a_time
from tools.interpreters import pyenv_pythons
from tools.setup import main

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project whose locks pin nothing, so that installing them needs no network."""
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (tmp_path / lock).write_text("# nothing\n")
    return tmp_path


@pytest.fixture
def env(checkout: Path) -> dict[str, str]:
    """No tool but this Python: in particular no uv."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(checkout), **OFFLINE}


def fake_python(folder: Path, answer: str) -> str:
    program = folder / "fake-python"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("[[3, 9, 2], true]", "is too old: Python 3.11, 3.12 or 3.13 is needed"),
        ("[[3, 12, 0], false]", "apt-get install python3.12-venv"),
        ("what?", "is no Python that runs"),
    ],
)
def test_an_unsuitable_python_ends_in_one_line(
    answer: str, line: str, checkout: Path, env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["run"], {**env, "PYTHON": fake_python(checkout, answer)}, checkout)
    printed = capsys.readouterr()
    assert code == 1
    assert printed.err.startswith("error: ")
    assert line in printed.err
    assert printed.err.count("\n") == 1
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("arguments", [[], ["everything"], ["run", "now"], ["others"]])
def test_a_wrong_call_explains_itself(
    arguments: list[str], checkout: Path, env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, env, checkout) == 2
    assert "tools.setup run" in capsys.readouterr().err


@pytest.mark.slow
def test_an_environment_is_made_once_and_again_after_an_interruption(
    checkout: Path, env: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run"], env, checkout) == 0
    assert "making .venv" in capfd.readouterr().out

    assert main(["run"], env, checkout) == 0
    assert capfd.readouterr().out == "", "what is there already is not touched"

    assert main(["dev"], env, checkout) == 0
    assert "making" not in capfd.readouterr().out, "the larger set goes on top"
    assert Environment(checkout, ".venv", env).holds("run")

    (checkout / ".venv/installed.json").unlink()
    assert main(["run"], env, checkout) == 0
    assert "making .venv" in capfd.readouterr().out, "without its stamp an environment is not trusted"

    (checkout / "requirements.lock").write_text("# changed\n")
    assert not Environment(checkout, ".venv", env).holds("run")


def tiny_wheel(folder: Path) -> str:
    """Write the smallest package that can be installed; gives the hash of its file."""
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    about = "tiny-1.0.dist-info"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{about}/RECORD", f"tiny.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n"
        )
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_file_that_does_not_match_its_hash_is_not_installed(
    checkout: Path, env: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The failure ends in one line that says what to do, and calling again does it."""
    env["PIP_FIND_LINKS"] = str(checkout)
    right = tiny_wheel(checkout)
    lock = checkout / "requirements.lock"

    lock.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    assert main(["run"], env, checkout) == 1
    printed = capfd.readouterr()
    assert "DO NOT MATCH THE HASHES" in printed.err
    assert printed.err.splitlines()[-1].startswith("error: .venv is not set up")
    assert not Environment(checkout, ".venv", env).holds("run")

    lock.write_text(f"tiny==1.0 --hash=sha256:{right}\n")
    assert main(["run"], env, checkout) == 0
    assert list(checkout.glob(".venv/lib/python*/site-packages/tiny.py"))


def test_a_second_set_up_waits_for_the_first(tmp_path: Path) -> None:
    script = (
        "import fcntl, os, sys\nfcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    attempt = [sys.executable, "-S", "-c", script, str(tmp_path)]
    with one_at_a_time(tmp_path):
        assert subprocess.run(attempt, capture_output=True, check=False).returncode != 0
    assert subprocess.run(attempt, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_set_up_runs_on_the_oldest_python_it_must_answer_to(root: Path, checkout: Path) -> None:
    """An old Python prints the reason and not a syntax error: no file of tools/ uses what 3.8 cannot read."""
    old = next(iter(pyenv_pythons(os.environ, "3.8")), None)
    if old is None:
        pytest.skip("pyenv has no Python 3.8 here: `pyenv install 3.8` brings one")
    shutil.copytree(root / "tools", checkout / "tools")
    command, nothing = [old, "-m", "tools.setup", "run"], {"PATH": "/nonexistent", "HOME": "/nonexistent"}
    run = subprocess.run(command, cwd=checkout, env=nothing, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("error: Python 3.8.")
    assert "is too old" in run.stderr
