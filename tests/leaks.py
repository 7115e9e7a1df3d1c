"""What a test may leave behind: nothing. Takes the state of the process, and names what changed since."""

import asyncio
import gc
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider

# pytest renames this one at every phase of a test
PYTESTS_OWN = "PYTEST_CURRENT_TEST"
# a thread that was told to stop gets this long to be gone
GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class ProcessState:
    """The parts of this process that outlive a test if nobody puts them back."""

    threads: frozenset[threading.Thread]
    environment: dict[str, str]
    providers: dict[str, object]
    log_handlers: tuple[logging.Handler, ...]
    log_level: int
    loop: asyncio.AbstractEventLoop | None

    @classmethod
    def take(cls) -> Self:
        return cls(
            threads=frozenset(threading.enumerate()),
            environment=environment(),
            providers=providers(),
            log_handlers=log_handlers(),
            log_level=logging.getLogger().level,
            loop=current_loop(),
        )

    def changes(self) -> Iterator[str]:
        """One line for each thing that is not now as it was."""
        # an unclosed socket or loop warns as it is collected: let that happen under the test that left it
        gc.collect(1)
        yield from self.new_threads()
        yield from self.changed_variables()
        yield from self.changed_providers()
        yield from self.changed_logging()
        yield from self.open_loop()

    def new_threads(self, grace: float = GRACE_SECONDS) -> Iterator[str]:
        for thread in set(threading.enumerate()) - self.threads:
            thread.join(grace)
            if thread.is_alive():
                yield f"thread {thread.name!r} still runs"

    def changed_variables(self) -> Iterator[str]:
        now = environment()
        for name in sorted(now.keys() | self.environment.keys()):
            if now.get(name) != self.environment.get(name):
                yield f"environment variable {name} changed"

    def changed_providers(self) -> Iterator[str]:
        now = providers()
        for signal, provider in self.providers.items():
            if now[signal] is not provider:
                yield f"the global provider of {signal} changed"

    def changed_logging(self) -> Iterator[str]:
        if log_handlers() != self.log_handlers:
            yield "the root logger's handlers changed"
        if logging.getLogger().level != self.log_level:
            yield "the root logger's level changed"

    def open_loop(self) -> Iterator[str]:
        if current_loop() not in (None, self.loop):
            yield "an event loop is still open"

    def put_back(self) -> None:
        """Undo what can be undone, so that one test's leak is not blamed on the next."""
        for name in os.environ.keys() - self.environment.keys() - {PYTESTS_OWN}:
            del os.environ[name]
        os.environ.update(self.environment)
        root = logging.getLogger()
        for handler in set(log_handlers()) - set(self.log_handlers):
            root.removeHandler(handler)
        root.setLevel(self.log_level)
        loop = current_loop()
        if loop is not None and loop is not self.loop:
            loop.close()
            asyncio.set_event_loop(self.loop)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != PYTESTS_OWN}


def providers() -> dict[str, object]:
    return {
        "traces": trace.get_tracer_provider(),
        "metrics": metrics.get_meter_provider(),
        "logs": get_logger_provider(),
    }


def log_handlers() -> tuple[logging.Handler, ...]:
    """The root logger's, without those pytest puts there for each phase."""
    return tuple(
        handler
        for handler in logging.getLogger().handlers
        if not type(handler).__module__.startswith("_pytest")
    )


def current_loop() -> asyncio.AbstractEventLoop | None:
    # the policy's public getter makes a loop where none is: only its own field tells without a change
    local = getattr(asyncio.get_event_loop_policy(), "_local", None)
    loop = getattr(local, "_loop", None)
    return loop if isinstance(loop, asyncio.AbstractEventLoop) and not loop.is_closed() else None
