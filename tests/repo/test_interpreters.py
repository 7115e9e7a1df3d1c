"""Set-up picks a Python that works, and says in one line why none will do."""

import os
import sys
from pathlib import Path

import pytest

from tools.interpreters import Interpreter, SetupError, ask, candidates, choose, found

OLD = Interpreter("/usr/bin/python3", (3, 9, 2), makes_venv=True)
NEW = Interpreter("/opt/python3.14", (3, 14, 0), makes_venv=True)
BARE = Interpreter("/usr/bin/python3", (3, 11, 2), makes_venv=False)
GOOD = Interpreter("/opt/python3.12", (3, 12, 1), makes_venv=True)


def fake_python(folder: Path, answer: str) -> Path:
    """A program that answers the question every candidate is asked."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "python3"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return program


def test_the_first_that_works_is_chosen() -> None:
    assert choose([OLD, BARE, GOOD], with_uv=False) is GOOD


def test_uv_makes_environments_where_venv_is_missing() -> None:
    assert choose([BARE, GOOD], with_uv=True) is BARE


def test_a_python_that_is_too_old_is_named_with_what_is_needed() -> None:
    with pytest.raises(SetupError) as caught:
        choose([OLD], with_uv=False)
    assert str(caught.value) == (
        "Python 3.9.2 (/usr/bin/python3) is too old: Python 3.11, 3.12 or 3.13 is needed; "
        "install one, or name one with PYTHON=/path/to/python3.12"
    )


def test_a_python_that_is_too_new_is_named_too() -> None:
    with pytest.raises(SetupError, match=r"3\.14\.0 .* is too new"):
        choose([NEW], with_uv=False)


def test_a_missing_venv_is_named_with_the_package_that_brings_it() -> None:
    """The nearest miss is told: the old one on PATH is not what stands in the way."""
    with pytest.raises(SetupError) as caught:
        choose([OLD, BARE], with_uv=False)
    assert "apt-get install python3.11-venv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_machine_without_python_is_told_so() -> None:
    with pytest.raises(SetupError, match="no Python that runs was found"):
        choose([], with_uv=False)


def test_this_python_answers_for_itself() -> None:
    answer = ask(sys.executable)
    assert answer is not None
    assert answer.version == sys.version_info[:3]
    assert answer.supported


@pytest.mark.parametrize("answer", ["", "Python 3.12", "[]", "[[3], true]", "null"])
def test_a_program_that_answers_otherwise_is_no_python(answer: str, tmp_path: Path) -> None:
    assert ask(str(fake_python(tmp_path, answer))) is None


def test_a_program_that_cannot_be_started_is_no_python(tmp_path: Path) -> None:
    assert ask(str(tmp_path / "absent")) is None


def test_pythons_on_path_and_those_of_pyenv_are_found(tmp_path: Path) -> None:
    """The shims of pyenv answer for the versions that are switched on; the others are in its folder."""
    on_path = fake_python(tmp_path / "bin", "[[3, 13, 1], true]")
    kept = tmp_path / "pyenv/versions/3.12.4/bin/python"
    fake_python(kept.parent, "[[3, 12, 4], true]").rename(kept)
    env = {"PATH": f"{tmp_path / 'empty'}{os.pathsep}{on_path.parent}", "PYENV_ROOT": str(tmp_path / "pyenv")}
    assert {str(on_path), str(kept)} <= set(candidates(env))
    assert {"3.13.1", "3.12.4"} <= {python.release for python in found(env)}
