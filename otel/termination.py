"""Turns SIGTERM into an orderly exit: the block is left as by an exception, so everything in it is closed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATED = 128 + signal.SIGTERM
"""The exit code that shells give a process which ended by SIGTERM."""


@contextmanager
def exit_on_sigterm(error: type[BaseException] | None = None) -> Iterator[None]:
    """Until the block is left, the first SIGTERM raises `error` in the main thread: SystemExit with code 143 when none
    is given. Later ones change nothing, so that closing is not cut short. Outside the main thread, where Python takes
    no handlers, it does nothing.

    For the application to choose, around `otel.start`: a library must not take a process's signals by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    raised = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal raised
        if not raised:
            raised = True
            raise error if error is not None else SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
