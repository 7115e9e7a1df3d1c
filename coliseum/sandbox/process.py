"""Runs a world in a process of its own and never leaves that process behind."""

import json
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, cast

from coliseum.errors import ServiceError, SettingsError

START_SECONDS = 30.0
STOP_SECONDS = 5.0
STARTING_BALANCE = Decimal("1000.00")

_NOTICES = "sandbox-stderr.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldAddress:
    """Where a world answers, and the keys that it accepts."""

    url: str
    key_id: str
    private_key_path: str
    exa_key: str
    model_key: str

    @property
    def exchange_url(self) -> str:
        return f"{self.url}/trade-api/v2"

    @property
    def exa_url(self) -> str:
        return f"{self.url}/exa"

    @property
    def anthropic_url(self) -> str:
        return f"{self.url}/anthropic"

    @property
    def fireworks_url(self) -> str:
        """With the version that OpenAI's clients expect in a base URL."""
        return f"{self.url}/fireworks/v1"

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


@contextmanager
def running(
    seed: int, start: datetime, port: int = 0, *, home: Path, balance: Decimal = STARTING_BALANCE
) -> Iterator[WorldAddress]:
    """Serve a new world from a child process until the block ends; port 0 takes any free one.

    The child writes its private key (mode 0600) and its notices under `home`. It never outlives the block,
    and ends by itself when this process dies. Raises SettingsError with the child's own line when it refuses
    to start ("port 8600 is in use ..."), ServiceError when it is not ready in time.
    """
    arguments = [str(seed), start.isoformat(), str(port), str(home), str(balance)]
    with _notices(home) as notices:
        child = _spawn(arguments, notices)
        try:
            yield _ready(child, notices)
        finally:
            _end(child)


def _notices(home: Path) -> IO[str]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        return (home / _NOTICES).open("w+", encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingsError(f"cannot write to {home}: {error.strerror}") from error


def _spawn(arguments: Sequence[str], notices: IO[str]) -> subprocess.Popen[str]:
    # in a session of its own, so that Ctrl-C reaches only us and the world is still there while we finish
    return subprocess.Popen(  # noqa: S603 -- our own interpreter and numbers, no shell
        [sys.executable, "-m", "coliseum.sandbox", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=notices,
        text=True,
        start_new_session=True,
    )


def _ready(child: subprocess.Popen[str], notices: IO[str]) -> WorldAddress:
    stdout = cast(IO[str], child.stdout)  # it was opened as a pipe
    heard, _, _ = select.select([stdout], [], [], START_SECONDS)
    if not heard:
        raise ServiceError(f"the local world was not ready after {START_SECONDS:.0f} s")
    line = stdout.readline()
    if not line:
        raise SettingsError(_last_words(notices))
    return WorldAddress(**json.loads(line))


def _last_words(notices: IO[str]) -> str:
    notices.seek(0)
    lines = notices.read().strip().splitlines()
    return lines[-1] if lines else "the local world ended before it was ready"


def _end(child: subprocess.Popen[str]) -> None:
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
