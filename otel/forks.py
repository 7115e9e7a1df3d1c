"""Lets a process fork only between two uses of SQLite.

SQLite's own locks, held by a thread at the moment of a fork, are held for ever in the child, where that thread does not
exist: its next call would hang.
"""

import os
import threading
import weakref

LONGEST_SECONDS = 1.0
"""What a fork waits for at most; a use that takes longer leaves the child without telemetry."""


class ForkGate:
    """`with gate:` around each use; a fork waits until nobody is inside."""

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            _watch(weakref.ref(self))

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside = 0

    def __enter__(self) -> None:
        with self._changed:
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def before(self) -> None:
        self._changed.acquire()
        self._changed.wait_for(lambda: self._inside == 0, LONGEST_SECONDS)

    def in_parent(self) -> None:
        self._changed.release()

    def in_child(self) -> None:
        self._begin()


def _watch(gate: "weakref.ref[ForkGate]") -> None:
    held: list[ForkGate] = []  # so that it is let go of, though it may be collected meanwhile

    def before() -> None:
        if (found := gate()) is not None:
            found.before()
            held.append(found)

    def in_parent() -> None:
        while held:
            held.pop().in_parent()

    def in_child() -> None:
        while held:
            held.pop().in_child()

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)
