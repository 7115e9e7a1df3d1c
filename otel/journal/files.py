"""The files of a journal by name: which are there, who may open or replace them, and where damaged ones go.

SQLite must not see its file replaced while it opens it, so opening holds a shared lock of the folder, and replacing
the exclusive one."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

Identity = tuple[int, int] | None
"""Device and number of a file; None where there is none."""
PATIENCE_SECONDS = 10.0
KEPT_DAMAGED = 3
"""So many damaged files are kept, the newest, each with its WAL."""


def identity(path: Path) -> Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """The file at `path` is not replaced inside the block; what a killed process began to replace is finished."""
    with _locked(path.parent, fcntl.LOCK_SH):
        if path.exists() or not beside(path, ".salvaged").exists():
            yield
            return
    with exclusive(path):
        finish(path, time.time())
    with _locked(path.parent, fcntl.LOCK_SH):
        yield


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Nobody opens the file at `path` inside the block."""
    with _locked(path.parent, fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _try_lock(handle, how):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{folder}: somebody is replacing the journal")
            time.sleep(0.01)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without such locks: as good as it gets there
    return True


def finish(path: Path, now: float) -> Path | None:
    """Set the old files aside and put the salvaged one in their place; where the old ones are now. Safe to repeat
    after a crash: from the moment `path` is gone, the salvaged file is the journal."""
    aside = _free_name(path, now)
    moved = False
    for suffix in ("", "-wal", "-shm"):  # the journal first: its absence is what others see
        with contextlib.suppress(FileNotFoundError):
            beside(path, suffix).rename(beside(aside, suffix))
            moved = True
    beside(path, ".salvaged").rename(path)
    _sync(path.parent)
    _forget_oldest(path)
    return aside if moved else None


def _free_name(path: Path, now: float) -> Path:
    name = beside(path, f".damaged-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}")
    number = 1
    while name.exists():
        number += 1
        name = beside(path, f".damaged-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}.{number}")
    return name


def _forget_oldest(path: Path) -> None:
    found = [f for f in path.parent.glob(f"{path.name}.damaged-*") if not f.name.endswith(("-wal", "-shm"))]
    for old in sorted(found, key=lambda f: (f.stat().st_mtime, f.name))[:-KEPT_DAMAGED]:
        for suffix in ("", "-wal", "-shm"):
            beside(old, suffix).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
