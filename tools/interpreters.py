"""Which Python can carry the project: finds the interpreters of this machine and picks one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

SUPPORTED = ("3.11", "3.12", "3.13")
NEEDED = "Python 3.11, 3.12 or 3.13"
ANSWER_SECONDS = 20
QUESTION = """
import json, sys
try:
    import ensurepip, venv
    makes_venv = True
except ImportError:
    makes_venv = False
print(json.dumps([list(sys.version_info[:3]), makes_venv]))
"""


class SetupError(Exception):
    """The machine lacks something; the text is one clear line saying what, and how to get it."""


class Interpreter(NamedTuple):
    """A Python that answered, and whether it can make a virtual environment by itself."""

    path: str
    version: Tuple[int, int, int]
    makes_venv: bool

    @property
    def release(self) -> str:
        return ".".join(str(number) for number in self.version)

    @property
    def minor(self) -> str:
        return ".".join(str(number) for number in self.version[:2])

    @property
    def supported(self) -> bool:
        return self.minor in SUPPORTED

    def carries(self, with_uv: bool) -> bool:
        """Whether the project can be installed on it; uv makes environments where venv is missing."""
        return self.supported and (self.makes_venv or with_uv)


def ask(path: str) -> Optional[Interpreter]:
    """What the program at `path` says of itself; None when it is no Python that runs."""
    question = [path, "-I", "-c", QUESTION]
    try:
        answer = subprocess.check_output(question, stderr=subprocess.DEVNULL, timeout=ANSWER_SECONDS)
        (major, minor, micro), makes_venv = json.loads(answer.decode())
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return None
    return Interpreter(path, (major, minor, micro), makes_venv)


def found(env: Mapping[str, str]) -> Iterator[Interpreter]:
    """Every Python of this machine, likeliest first; each is started only when the caller still looks for one."""
    asked: Set[str] = set()
    for path in candidates(env):
        if path not in asked and os.access(path, os.X_OK):
            asked.add(path)
            interpreter = ask(path)
            if interpreter:
                yield interpreter


def candidates(env: Mapping[str, str]) -> Iterator[str]:
    """Paths where a Python may be: this one, those on PATH, those kept by pyenv."""
    yield sys.executable
    folders = [folder for folder in env.get("PATH", "").split(os.pathsep) if folder]
    for name in ["python3"] + ["python" + minor for minor in reversed(SUPPORTED)]:
        yield from (str(Path(folder) / name) for folder in folders)
    for minor in reversed(SUPPORTED):
        yield from pyenv_pythons(env, minor)


def pyenv_pythons(env: Mapping[str, str], minor: str) -> List[str]:
    root = Path(env.get("PYENV_ROOT") or Path(env.get("HOME", "/")) / ".pyenv")
    return sorted((str(path) for path in root.glob(f"versions/{minor}.*/bin/python")), reverse=True)


def choose(interpreters: Iterable[Interpreter], with_uv: bool) -> Interpreter:
    """The first that can carry the project; SetupError names the nearest miss and its cure when none can."""
    misses = []
    for interpreter in interpreters:
        if interpreter.carries(with_uv):
            return interpreter
        misses.append(interpreter)
    raise SetupError(explain(misses))


def explain(misses: List[Interpreter]) -> str:
    """Why none of these will do, in one line."""
    supported = [miss for miss in misses if miss.supported]
    if supported:
        return lacks_venv(supported[0])
    if misses:
        return wrong_version(misses[0])
    return f"no Python that runs was found: install {NEEDED}"


def lacks_venv(python: Interpreter) -> str:
    return (
        f"Python {python.release} ({python.path}) cannot make a virtual environment, its venv or ensurepip "
        f"module is missing: install it (Debian, Ubuntu: apt-get install python{python.minor}-venv)"
    )


def wrong_version(python: Interpreter) -> str:
    trouble = "too old" if python.version < (3, 11) else "too new"
    return (
        f"Python {python.release} ({python.path}) is {trouble}: {NEEDED} is needed; "
        "install one, or name one with PYTHON=/path/to/python3.12"
    )
