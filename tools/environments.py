"""A virtual environment that holds what a lock file says, and is made again whenever it does not."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Mapping

from tools.interpreters import Interpreter, SetupError, ask

LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}
INCLUDES = {"run": ("run",), "dev": ("run", "dev")}
# these would send an installation, or an import, somewhere else
MISLEADING = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")


class Environment:
    """One environment folder and the stamp inside it, which names the sets the environment holds.

    The stamp is taken away before anything changes and put back when all is done: what has no stamp was
    interrupted, and is made again from nothing.
    """

    def __init__(self, root: Path, name: str, env: Mapping[str, str]) -> None:
        self.root = root
        self.folder = root / name
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / "installed.json"
        self.env = {key: value for key, value in env.items() if key not in MISLEADING}
        self.uv = shutil.which("uv", path=env.get("PATH", ""))

    def holds(self, wanted: str) -> bool:
        """Whether the set `wanted` is there, as its lock file has it now."""
        stamped = self.stamped()
        return self.python.exists() and all(
            stamped.get(part) == self.digest(part) for part in INCLUDES[wanted]
        )

    @property
    def release(self) -> str:
        """The Python it was made with, as 3.12.1; empty when it is not whole."""
        return self.stamped().get("python", "")

    def can_grow(self) -> bool:
        """Whether a larger set can go on top of what is there."""
        has_pip = any(self.folder.glob("lib/python*/site-packages/pip"))
        return self.holds("run") and (has_pip or self.uv is not None)

    def create(self, interpreter: Interpreter) -> None:
        """Make it empty, whatever stood there before."""
        if self.folder.exists():
            shutil.rmtree(str(self.folder))
        say(f"making {self.folder.name} with Python {interpreter.release}")
        if self.uv:
            self.run([self.uv, "venv", "--quiet", "--python", interpreter.path, str(self.folder)])
        else:
            self.run([interpreter.path, "-m", "venv", str(self.folder)])

    def install(self, wanted: str) -> None:
        """Put the set `wanted` in, every file checked against the hashes of its lock."""
        if self.stamp.exists():
            self.stamp.unlink()
        lock = LOCKS[wanted]
        packages = sum(line[:1].isalnum() for line in self.read(lock).splitlines())
        say(f"installing {lock} into {self.folder.name} ({packages} packages, up to a minute)")
        # a lock file is complete, so nothing is left to resolve
        self.run([*self.installer(), "--quiet", "--require-hashes", "--no-deps", "-r", lock])
        self.write_stamp(wanted)

    def installer(self) -> List[str]:
        if self.uv:
            return [self.uv, "pip", "install", "--python", str(self.python)]
        # most modules are never imported: compiling all of them would take as long as fetching them
        pip = [str(self.python), "-m", "pip", "install"]
        return [*pip, "--disable-pip-version-check", "--no-input", "--no-compile"]

    def run(self, command: List[str]) -> None:
        try:
            subprocess.check_call(command, cwd=str(self.root), env=self.env)
        except (OSError, subprocess.SubprocessError) as error:
            step = " ".join(command[:4])
            raise SetupError(f"{self.folder.name} is not set up, `{step}` failed; call make again") from error

    def stamped(self) -> Dict[str, str]:
        try:
            return dict(json.loads(self.stamp.read_text()))
        except (OSError, ValueError, TypeError):
            return {}

    def write_stamp(self, wanted: str) -> None:
        made_with = ask(str(self.python))
        if made_with is None:
            raise SetupError(f"{self.python} does not run; call make again")
        content = {part: self.digest(part) for part in INCLUDES[wanted]}
        content["python"] = made_with.release
        unfinished = self.stamp.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(content))
        unfinished.rename(self.stamp)

    def digest(self, part: str) -> str:
        return hashlib.sha256(self.read(LOCKS[part])).hexdigest()

    def read(self, lock: str) -> bytes:
        return (self.root / lock).read_bytes()


@contextmanager
def one_at_a_time(root: Path) -> Iterator[None]:
    """Keep every other set-up of this checkout waiting until this one is done."""
    folder = os.open(str(root), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def say(line: str) -> None:
    """A progress line for the person who waits."""
    print(f"set-up: {line}", flush=True)
