"""How often a phrase was said in the events that are already over."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from types import MappingProxyType

from coliseum.sandbox.records import history
from coliseum.sandbox.search.phrases import keys
from coliseum.sandbox.search.series import plays, series_of


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Whether a phrase was said in one earlier event."""

    event_ticker: str
    event_date: date
    phrase: str
    said: bool

    @property
    def published(self) -> datetime:
        """When it became known: the day after the event, 00:00 UTC."""
        return datetime.combine(self.event_date + timedelta(days=1), time(), UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """What is known at `limit`: outcomes published by then, never an undated or a voided one."""

    limit: datetime

    def keys(self) -> frozenset[str]:
        """The spellings on record."""
        return frozenset(one for one, found in _by_key().items() if self._known(found[0]))

    def find(self, alternatives: Iterable[str]) -> tuple[Occurrence, ...]:
        """Each event in which one of the alternatives was at stake, once, newest first. An event where
        several were at stake counts as said when one of them was."""
        by_event: dict[str, Occurrence] = {}
        for one in sorted(alternatives):
            for found in filter(self._known, _by_key().get(one, ())):
                known = by_event.get(found.event_ticker)
                if known is None or (found.said and not known.said):
                    by_event[found.event_ticker] = found
        by_ticker = sorted(by_event.values(), key=lambda one: one.event_ticker)
        return tuple(sorted(by_ticker, key=lambda one: one.event_date, reverse=True))

    def event(self, event_ticker: str) -> tuple[Occurrence, ...]:
        """Everything on record about one event, in the order of the phrases."""
        return tuple(filter(self._known, _by_event().get(event_ticker, ())))

    def _known(self, found: Occurrence) -> bool:
        return found.published <= self.limit


def of_series(found: Sequence[Occurrence], series_ticker: str) -> tuple[Occurrence, ...]:
    """Those of one series."""
    return tuple(one for one in found if series_of(one.event_ticker) == series_ticker)


def with_team(found: Sequence[Occurrence], team: str) -> tuple[Occurrence, ...]:
    """Those of events in which the team played."""
    return tuple(one for one in found if plays(team, one.event_ticker))


def tally(found: Sequence[Occurrence]) -> str:
    """ "37 of 97 (38 %)"; the percentage is rounded half up."""
    said = sum(one.said for one in found)
    percent = (200 * said + len(found)) // (2 * len(found)) if found else 0
    return f"{said} of {len(found)} ({percent} %)"


@cache
def _occurrences() -> tuple[Occurrence, ...]:
    """Every dated outcome that was not voided, oldest first."""
    found = (
        Occurrence(row.event_ticker, row.event_date, row.phrase, row.outcome == "yes")
        for row in history()
        if row.event_date is not None and row.outcome in ("yes", "no")
    )
    return tuple(sorted(found, key=lambda one: (one.event_date, one.event_ticker, one.phrase)))


@cache
def _by_key() -> Mapping[str, tuple[Occurrence, ...]]:
    found: dict[str, list[Occurrence]] = defaultdict(list)
    for occurrence in _occurrences():
        for one in keys(occurrence.phrase):
            found[one].append(occurrence)
    return MappingProxyType({one: tuple(occurrences) for one, occurrences in found.items()})


@cache
def _by_event() -> Mapping[str, tuple[Occurrence, ...]]:
    found: dict[str, list[Occurrence]] = defaultdict(list)
    for occurrence in _occurrences():
        found[occurrence.event_ticker].append(occurrence)
    return MappingProxyType({event: tuple(occurrences) for event, occurrences in found.items()})
