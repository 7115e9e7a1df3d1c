"""The schedule: which job runs when, and which verb of the app it is."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from coliseum.domain.opportunity import Stage

if TYPE_CHECKING:
    from coliseum.app import App

EXCHANGE_TIME = "America/New_York"

Verb: TypeAlias = "Callable[[App], Awaitable[Sequence[str]]]"
"""Does the job; gives the ids of opportunities that now wait for analysis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One line of the schedule; `cron` is in the exchange's time."""

    name: str
    cron: str
    verb: Verb
    catches_up: bool = False
    """Whether runs missed while nobody was running are made good."""


async def _scout(app: "App") -> Sequence[str]:
    await app.scan("full")
    # All that wait, not only the new ones: an analysis that failed is tried again until it expires.
    return [opportunity.id for opportunity in app.desk.ledger.opportunities(Stage.FOUND)]


async def _guardian_positions(app: "App") -> Sequence[str]:
    await app.guard_positions()
    return ()


async def _guardian_news(app: "App") -> Sequence[str]:
    await app.guard_news()
    return ()


async def _snapshot(app: "App") -> Sequence[str]:
    await app.snapshot()
    return ()


JOBS = (
    Job(name="scout", cron="0 * * * *", verb=_scout),
    Job(name="guardian_positions", cron="*/15 * * * *", verb=_guardian_positions),
    Job(name="guardian_news", cron="*/30 * * * *", verb=_guardian_news),
    Job(name="snapshot", cron="0 16 * * *", verb=_snapshot, catches_up=True),
)
