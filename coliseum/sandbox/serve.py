"""The child's side of a world: serves it until told to stop, or until whoever started it is gone."""

import errno
import os
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import uvicorn

from coliseum.sandbox.credentials import Credentials
from coliseum.sandbox.process import STARTING_BALANCE, WorldAddress
from coliseum.sandbox.server import address, create_app, listen, server
from coliseum.sandbox.world import World, new_world

_USAGE = "usage: python -m coliseum.sandbox SEED START PORT HOME [BALANCE]"
_KEY_FILE = "sandbox-key.pem"


def main(argv: Sequence[str]) -> int:
    """Serve a world until SIGTERM, SIGINT or the end of standard input; prints one JSON line on stdout once
    it listens. Returns 0 when done, 1 when it could not start, 2 for wrong arguments."""
    try:
        world, port, home = _arguments(argv)
    except (ValueError, InvalidOperation):
        return _complain(_USAGE, 2)
    try:
        key_path = _write_key(world.credentials, home)
        listening = listen(port)
    except OSError as error:
        return _complain(_why(error, port), 1)
    serving = server(create_app(world))
    _announce(world, address(listening), key_path)
    _watch_parent(serving)
    serving.run([listening])
    return 0


def _arguments(argv: Sequence[str]) -> tuple[World, int, Path]:
    if len(argv) not in (4, 5):
        raise ValueError(argv)
    start, port = datetime.fromisoformat(argv[1]), int(argv[2])
    if start.tzinfo is None or not 0 <= port <= 65535:
        raise ValueError(argv)
    balance = Decimal(argv[4]) if len(argv) == 5 else STARTING_BALANCE
    return new_world(seed=int(argv[0]), start=start, balance=balance), port, Path(argv[3])


def _write_key(credentials: Credentials, home: Path) -> Path:
    """Never readable by others, not even for a moment: a file left by an earlier world is replaced."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / _KEY_FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(credentials.pem())
    return path


def _announce(world: World, url: str, key_path: Path) -> None:
    keys = world.credentials
    ready = WorldAddress(
        url=url,
        key_id=keys.key_id,
        private_key_path=str(key_path),
        exa_key=keys.exa_key,
        model_key=keys.model_key,
    )
    sys.stdout.write(ready.line() + "\n")
    sys.stdout.flush()


def _watch_parent(serving: uvicorn.Server) -> None:
    """Standard input ends when the process that started us does, however it dies."""

    def watch() -> None:
        # the bare descriptor: a buffered reader still at work would hold up the end of the interpreter
        while os.read(0, 4096):
            pass
        serving.should_exit = True

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _why(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use: choose another one, or end the program that holds it"
    return f"cannot start the local world: {error.strerror}"


def _complain(line: str, code: int) -> int:
    sys.stderr.write(line + "\n")
    return code
