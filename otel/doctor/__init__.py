"""Finds what keeps telemetry from arriving, and says how to mend it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from otel.config import Config
from otel.doctor import disk, endpoints, rehearsal, settings, surroundings
from otel.doctor.finding import Finding, Level, fault
from otel.errors import ConfigError

__all__ = ["Examination", "Finding", "Level", "diagnose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What is examined: the variables of a program, and of its .env file; `home` beats what they say."""

    env: Mapping[str, str]
    dotenv: Mapping[str, str] = field(default_factory=dict)
    home: Path | None = None
    offline: bool = False
    """Ask no destination anything, and send no test span."""
    now: Callable[[], float] = time.time
    machine: disk.Machine = disk.THIS_MACHINE
    seconds: float = 4.0
    """How long destinations may take in all."""


def diagnose(examination: Examination) -> tuple[Finding, ...]:
    """Everything that was found, in the order in which it is looked at; takes at most about five seconds and never
    raises for what it finds. Call it before `otel.start`: a layer that runs already looks like somebody else's."""
    try:
        config = _config(examination)
    except ConfigError as error:
        return (fault(settings.CHECK, str(error), "correct that variable, or unset it", stops=True),)
    return tuple(_examined(examination, config))


def _config(examination: Examination) -> Config:
    seen = settings.merged(examination.env, examination.dotenv)
    config = Config.from_env(seen, service="otel")
    return config if examination.home is None else replace(config, home=examination.home)


def _examined(examination: Examination, config: Config) -> Iterator[Finding]:
    yield from settings.examine(examination.env, examination.dotenv, config)
    yield from surroundings.examine()
    yield from disk.examine(config, examination.machine, examination.now())
    if config.disabled:
        return
    asking = None if examination.offline else endpoints.Asking(config, examination.now)
    rehearsed = tuple(rehearsal.rehearse())  # while destinations take their time
    yield from asking.findings(examination.seconds) if asking else ()
    yield from rehearsed
