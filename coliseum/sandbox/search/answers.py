"""What the search service says to a question, and which pages it finds, as of an instant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from coliseum.sandbox.search.baserates import (
    Occurrence,
    Record,
    of_series,
    tally,
    with_team,
)
from coliseum.sandbox.search.pages import Page, note_for, notes_at, occurrence_page, overlap
from coliseum.sandbox.search.phrases import Asked, asked
from coliseum.sandbox.search.series import named_series, named_teams

CITED = 8
"""How many earlier events an answer cites."""

_BEFORE = re.compile(
    r"\bbefore\s+(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """An answer in our own words and the pages it rests on."""

    text: str
    pages: tuple[Page, ...]


def limit_of(query: str, now: datetime, *others: datetime | None) -> datetime:
    """The instant after which nothing is shown: now, or earlier when the request or the query
    ("before 2026-05-09") says so."""
    said = [_instant(found) for found in _BEFORE.findall(query)]
    return min([now, *(one for one in (*said, *others) if one is not None)])


def answer(query: str, limit: datetime) -> Statement:
    """The base rate of the phrase that the query names, newest events cited first."""
    record = Record(limit)
    phrase = asked(query, record.keys())
    note = note_for(query, limit)
    extra = (note,) if note else ()
    if phrase is None:
        return Statement("No earlier event on record mentions a phrase of this question.", extra)
    found = _in_series(query, record.find(phrase.keys))
    if not found:
        return Statement(_unknown(query, phrase), extra)
    cited = (occurrence_page(one) for one in found[:CITED])
    return Statement(_base_rate(query, phrase, found, limit), (*cited, *extra))


def pages(query: str, limit: datetime) -> tuple[Page, ...]:
    """What a search finds, best first: the named phrase in earlier events, newest first, after that notes
    that share words with the query, and the note that its hash draws."""
    record = Record(limit)
    phrase = asked(query, record.keys())
    found = _in_series(query, record.find(phrase.keys)) if phrase else ()
    drawn = note_for(query, limit)
    ranked = sorted(notes_at(limit), key=lambda page: -overlap(query, page))
    related = [page for page in ranked if page == drawn or overlap(query, page) > 1]
    archive = [occurrence_page(one) for one in found]
    return (*archive[:CITED], *related, *archive[CITED:])


def _base_rate(query: str, phrase: Asked, found: Sequence[Occurrence], limit: datetime) -> str:
    series = named_series(query)
    where = series.events if series else "events of any series"
    first = (
        f"In earlier {where} before {limit.date().isoformat()}, "
        f"'{phrase.name}' {_verb(phrase)} in {tally(found)}."
    )
    return " ".join([first, *_team_sentences(query, phrase, found)])


def _in_series(query: str, found: Sequence[Occurrence]) -> Sequence[Occurrence]:
    """Those of the series the query names: how one is spoken of says nothing of another."""
    series = named_series(query)
    return of_series(found, series.ticker) if series else found


def _unknown(query: str, phrase: Asked) -> str:
    series = named_series(query)
    return (
        f"No earlier event on record{f' among {series.events}' if series else ''} mentions '{phrase.name}'."
    )


def _team_sentences(query: str, phrase: Asked, found: Sequence[Occurrence]) -> list[str]:
    teams = ((team, with_team(found, team)) for team in named_teams(query))
    return [
        f"In those with {team}, '{phrase.name}' {_verb(phrase)} in {tally(some)}."
        for team, some in teams
        if some
    ]


def _verb(phrase: Asked) -> str:
    # A few outcomes are no spoken phrase but a condition, such as "Event does not qualify".
    return "applied" if any(one.startswith("event") for one in phrase.keys) else "was said"


def _instant(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
