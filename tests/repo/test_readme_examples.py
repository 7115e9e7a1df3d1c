"""What README shows can be run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coliseum.cli import commands
from tests.repo.conftest import ROOT

EXAMPLES = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs_in_an_empty_folder(number: int, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", EXAMPLES[number]],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "job" in run.stdout


def test_readme_lists_every_command_and_no_other() -> None:
    app = commands()
    real = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    real |= {group.name for group in app.registered_groups if group.name}
    named = re.findall(r"^\| `coliseum ([a-z]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(real)
