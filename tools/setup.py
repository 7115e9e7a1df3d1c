"""The Makefile's set-up: make the project's environment, or run something in every other supported Python.

python3 -m tools.setup run               .venv holds the run-time set
python3 -m tools.setup dev               .venv holds the development set
python3 -m tools.setup others ARGS...    run `python ARGS...` in .venv-3.X of each other Python installed here
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import List, Mapping

from tools.environments import LOCKS, Environment, one_at_a_time, say
from tools.interpreters import SUPPORTED, Interpreter, SetupError, ask, choose, found

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: List[str], env: Mapping[str, str], root: Path = ROOT) -> int:
    """Do one command: 0 when done, 1 or the failed program's code when not, 2 for a wrong call."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    try:
        if command in LOCKS and not rest:
            ensure(root, command, env)
            return 0
        if command == "others" and rest:
            return in_others(root, rest, env)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


def ensure(root: Path, wanted: str, env: Mapping[str, str]) -> None:
    """Let .venv hold the set `wanted`, at once when it does already; PYTHON in `env` names the Python to use."""
    environment = Environment(root, ".venv", env)
    named = [named_interpreter(env["PYTHON"])] if env.get("PYTHON") else []
    with one_at_a_time(root):
        other_python = any(python.release != environment.release for python in named)
        if environment.holds(wanted) and not other_python:
            return
        if other_python or not environment.can_grow():
            environment.create(choose(named or found(env), environment.uv is not None))
        environment.install(wanted)


def named_interpreter(name: str) -> Interpreter:
    interpreter = ask(name)
    if interpreter is None:
        raise SetupError(f"PYTHON={name} is no Python that runs")
    return interpreter


def in_others(root: Path, arguments: List[str], env: Mapping[str, str]) -> int:
    """Run the arguments in every supported Python that .venv does not use, up to the first failure."""
    used = Environment(root, ".venv", env).release
    for minor in SUPPORTED:
        if not used.startswith(minor + "."):
            code = in_other(root, minor, arguments, env)
            if code:
                return code
    return 0


def in_other(root: Path, minor: str, arguments: List[str], env: Mapping[str, str]) -> int:
    environment = Environment(root, ".venv-" + minor, env)
    with one_at_a_time(root):
        if not environment.holds("dev") and not make_other(environment, minor, env):
            say(f"Python {minor} is not installed here (or lacks venv): skipped")
            return 0
    say(f"on Python {minor}: {' '.join(arguments)}")
    return subprocess.call([str(environment.python), *arguments], cwd=str(root), env=environment.env)


def make_other(environment: Environment, minor: str, env: Mapping[str, str]) -> bool:
    with_uv = environment.uv is not None
    for interpreter in found(env):
        if interpreter.minor == minor and interpreter.carries(with_uv):
            environment.create(interpreter)
            environment.install("dev")
            return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
