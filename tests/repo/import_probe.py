"""Imports every module of both packages in a fresh interpreter and prints, as JSON, what that did beside.

Run as a program; `test_imports.py` reads its answer. What a library does while it is imported is the library's
business; what it does because one of our modules called it is ours.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType

from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("otel", "coliseum")
OURS = tuple(f"{ROOT / package}{os.sep}" for package in PACKAGES)
# alembic runs the files in there as programs; nothing imports them
SCRIPTS = "migrations"
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
ACTIONS = ("socket.bind", "socket.connect", "subprocess.Popen", "sqlite3.connect", "os.putenv", "os.mkdir")


def module_names() -> list[str]:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    parts = [file.relative_to(ROOT).with_suffix("").parts for file in files]
    return [".".join(part for part in each if part != "__init__") for each in parts if SCRIPTS not in each]


def our_file() -> str | None:
    """Which file of ours led to the present call; None when a library that is being imported did."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and "importlib._bootstrap" not in frame.f_code.co_filename:
        if frame.f_code.co_filename.startswith(OURS):
            return os.path.relpath(frame.f_code.co_filename, ROOT)
        frame = frame.f_back
    return None


def our_reader() -> bool:
    """Whether a file of ours itself looks into the environment: libraries may look for their own variables."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename in (__file__, os.__file__, "<frozen os>"):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(OURS)


class Notes(list[str]):
    """What our modules did, one line each."""

    def note(self, what: str) -> None:
        file = our_file()
        if file is not None:
            self.append(f"{file}: {what}")

    def note_read(self, what: str) -> None:
        if our_reader():
            self.note(what)


class WatchedEnvironment(dict[str, str]):
    """Stands in for os.environ and notes who looks into it."""

    def __init__(self, notes: Notes) -> None:
        super().__init__(os.environ)
        self.notes = notes

    def __getitem__(self, name: str) -> str:
        self.notes.note_read(f"reads {name}")
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.notes.note_read(f"asks for {name}")
        return super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        self.notes.note_read("reads the whole environment")
        return super().__iter__()

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]  # one signature is enough
        self.notes.note_read(f"reads {name}")
        return super().get(name, default)


def watch() -> Notes:
    """From now on, note whatever our modules do to the world."""
    notes = Notes()

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event in ACTIONS:
            notes.note(event)
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
            notes.note(f"opens {arguments[0]!s} to write")

    class WatchedThread(threading.Thread):
        def start(self) -> None:
            notes.note("starts a thread")
            super().start()

    os.environ = WatchedEnvironment(notes)  # type: ignore[assignment]  # noqa: B003 # watching is the point
    threading.Thread = WatchedThread  # type: ignore[misc]  # as above
    sys.addaudithook(audit)
    return notes


def state() -> dict[str, object]:
    return {
        "tracer provider": trace.get_tracer_provider(),
        "meter provider": metrics.get_meter_provider(),
        "logger provider": get_logger_provider(),
        "root log handlers": list(logging.getLogger().handlers),
        "root log level": logging.getLogger().level,
    }


def main() -> None:
    before = state()
    notes = watch()
    names = module_names()
    for name in names:
        import_module(name)
    did = list(notes)
    changed = [what for what, value in state().items() if value != before[what]]
    print(json.dumps({"modules": names, "did": did, "changed": changed}))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
