"""A measuring process: started fresh, heard to its end, ended at a limit."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.job import Figures, Job, heard

ROOT = Path(__file__).resolve().parents[1]
FOREIGN = ("OTEL_", "LOGFIRE_", "TELEMETRY_", "COLISEUM_")


class FailedError(Exception):
    """A measuring process did not get to its end; the text is its last line."""


class Child:
    """Runs one job. Give a job that takes turns its turns; then ask for its figures, once."""

    def __init__(self, job: Job, limit: float) -> None:
        self._job = job
        self._output = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.child", job.encode()],
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._limit = threading.Timer(limit, self._process.kill)
        self._limit.start()

    def ready(self) -> None:
        """Wait until it asks for its first turn, or has ended its turn."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self._output += line
        if not line:
            raise FailedError(self._last_words())

    def turn(self) -> None:
        """Let it work while all others wait."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        self.ready()

    def figures(self) -> Figures:
        """Wait for its end. `exit_s_<phase>` is the time since it said that it leaves."""
        output, errors = self._process.communicate()
        ended = time.monotonic()
        self._limit.cancel()
        figures = heard(self._output + output)
        if "left_at" in figures:
            figures[f"exit_s_{self._job.phase}"] = ended - figures.pop("left_at")
        elif self._process.returncode != 0:
            raise FailedError((errors.strip().splitlines() or ["ended at the time limit"])[-1])
        return figures

    def _last_words(self) -> str:
        _, errors = self._process.communicate()
        return (errors.strip().splitlines() or ["ended at the time limit"])[-1]

    def end(self) -> None:
        """Whatever it is doing; safe to call at any time."""
        self._limit.cancel()
        self._process.kill()
        self._process.communicate()


def _environment() -> dict[str, str]:
    """The parent's, without what would configure telemetry; the stable HTTP conventions for every variant."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, "OTEL_SEMCONV_STABILITY_OPT_IN": "http"}
