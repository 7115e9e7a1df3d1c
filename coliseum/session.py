"""What every command starts from: the environment it was given and the two streams it speaks on."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from coliseum.environment import Environment, environment
from coliseum.settings import Settings
from coliseum.telemetry import (
    Config,
    Notice,
    Telemetry,
    delivery,
    durable,
    exit_on_sigterm,
    greetings,
    open_telemetry,
    stays_here,
    telemetry_config,
)

if TYPE_CHECKING:
    from coliseum.app import App

Result = TypeVar("Result")
FLUSH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Session:
    """Data goes to `out`, everything else to `err`."""

    env: Mapping[str, str]
    folder: Path
    out: Console
    err: Console

    @classmethod
    def of(cls, env: Mapping[str, str], folder: Path) -> "Session":
        return cls(env, folder, Console(), Console(stderr=True))

    def given(self) -> Environment:
        """The variables of this run: environment above `.env`. Raises SettingsError."""
        return environment(self.env, self.folder / ".env")

    def say(self, notice: Notice) -> None:
        """One line for people."""
        mark, style = ("✓", "green") if notice.well else ("⚠", "yellow")
        self.err.print(Text(f"{mark} {notice.text}", style=style), soft_wrap=True)

    def note(self, text: str) -> None:
        self.err.print(Text(text, style="dim"), soft_wrap=True)

    def data(self, value: Any) -> None:
        """One JSON document on standard output."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def work(
        self, given: Environment, verb: "Callable[[App], Awaitable[Result]]", *, confirm_live: bool = False
    ) -> Result:
        """Open telemetry, then the desk, do one thing, and say what telemetry could not deliver.

        Nothing is opened when settings are wrong or live trading is not confirmed (SettingsError)."""
        settings = Settings.of(given)
        settings.ready(confirm_live=confirm_live)
        config = telemetry_config(settings, given.merged())
        with self.logging(), terminating(), open_telemetry(config) as telemetry:
            for text in telemetry.notices:
                self.say(Notice(False, text))
            result = asyncio.run(self._in_a_desk(settings, config, telemetry, verb, confirm_live))
            telemetry.force_flush(FLUSH_SECONDS)
            for notice in delivery(telemetry, config):
                self.say(notice)
        if here := stays_here(config):
            self.note(here)
        return result

    async def _in_a_desk(
        self,
        settings: Settings,
        config: Config,
        telemetry: Telemetry,
        verb: "Callable[[App], Awaitable[Result]]",
        confirm_live: bool,
    ) -> Result:
        # Agents are imported only now that they can be watched, and by no light command at all.
        from coliseum.app import open_app

        greeting = asyncio.create_task(asyncio.to_thread(lambda: tuple(greetings(config))))
        async with open_app(settings, durable=durable(telemetry), confirm_live=confirm_live) as app:
            result = await verb(app)
        for notice in await greeting:
            self.say(notice)
        return result

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Our own records from INFO up go to whoever listens (telemetry), warnings to the terminal as well."""
        handler = RichHandler(
            logging.WARNING,
            console=self.err,
            show_path=False,
            show_time=False,
            markup=False,
            highlighter=None,
        )
        handler.addFilter(
            lambda record: record.name != "stamina"
        )  # retries are for the trace, not for the eye
        root, ours = logging.getLogger(), logging.getLogger("coliseum")
        before = ours.level
        root.addHandler(handler)
        ours.setLevel(logging.INFO)
        try:
            yield
        finally:
            ours.setLevel(before)
            root.removeHandler(handler)


def terminating() -> AbstractContextManager[None]:
    """SIGTERM ends the block as Ctrl-C does, so that everything is closed in order."""
    return exit_on_sigterm(KeyboardInterrupt)
