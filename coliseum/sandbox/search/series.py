"""The series and teams that a question can name."""

import re
from dataclasses import dataclass

from coliseum.sandbox.records import markets
from coliseum.sandbox.search.phrases import words


@dataclass(frozen=True, slots=True)
class Series:
    """A family of events, what its events are called in a sentence, and the words that name it."""

    ticker: str
    events: str
    named_by: tuple[str, ...]


SERIES = (
    Series("KXNBAMENTION", "NBA broadcasts", ("nba", "pro basketball")),
    Series("KXNCAABMENTION", "college basketball broadcasts", ("ncaa", "ncaab", "college basketball")),
    Series("KXNFLGAME", "NFL games", ("nfl", "pro football")),
    Series("KXPOLITICSMENTION", "political events", ("political", "politic")),
    Series("KXNETANYAHUMENTION", "Netanyahu appearances", ("netanyahu",)),
    Series("KXPERSONMENTION", "public appearances", ("appearance",)),
)

TEAMS = {
    "hawk": "ATL",
    "celtic": "BOS",
    "net": "BKN",
    "hornet": "CHA",
    "bull": "CHI",
    "cavalier": "CLE",
    "maverick": "DAL",
    "nugget": "DEN",
    "piston": "DET",
    "warrior": "GSW",
    "rocket": "HOU",
    "pacer": "IND",
    "clipper": "LAC",
    "laker": "LAL",
    "grizzlie": "MEM",
    "heat": "MIA",
    "buck": "MIL",
    "timberwolve": "MIN",
    "pelican": "NOP",
    "knick": "NYK",
    "thunder": "OKC",
    "magic": "ORL",
    "76er": "PHI",
    "sun": "PHX",
    "trail blazer": "POR",
    "king": "SAC",
    "spur": "SAS",
    "raptor": "TOR",
    "jazz": "UTA",
    "wizard": "WAS",
}
"""NBA nicknames, spelled as `words` gives them, and the codes used in event tickers."""

_MATCHUP = re.compile(r"([^\W_][\w ]{1,30}?)\s+(?:@|at|vs\.?)\s+([^\W_][\w ]{1,30})", re.IGNORECASE)


def series_of(event_ticker: str) -> str:
    """The series an event belongs to: what stands before the first dash."""
    return event_ticker.partition("-")[0]


def named_series(question: str) -> Series | None:
    """The series whose ticker, one of whose words, or one of whose match-ups stands in the question."""
    tickers = {series_of(word) for word in re.findall(r"\bKX[A-Z0-9-]+", question.upper())}
    tickers |= {market.series_ticker for market in markets() if market.matchup in question}
    text = f" {' '.join(words(question))} "
    for series in SERIES:
        if series.ticker in tickers or any(f" {name} " in text for name in series.named_by):
            return series
    return SERIES[0] if named_teams(question) else None


def named_teams(question: str) -> tuple[str, ...]:
    """The codes of the two NBA teams of a match-up in the question ("Thunder @ Lakers"), else nothing."""
    for found in _MATCHUP.finditer(question):
        codes = (_team(found.group(1), last=True), _team(found.group(2), last=False))
        if codes[0] and codes[1]:
            return (codes[0], codes[1])
    return ()


def plays(team: str, event_ticker: str) -> bool:
    """Whether an event ticker such as KXNBAMENTION-26MAY09OKCLAL names the team."""
    return team in (event_ticker[-6:-3], event_ticker[-3:])


def event_name(series_ticker: str) -> str:
    """What events of a series are called in a sentence."""
    known = {series.ticker: series.events for series in SERIES}
    return known.get(series_ticker, f"{series_ticker} events")


def _team(text: str, *, last: bool) -> str:
    found = words(text)
    part = found[-2:] if last else found[:2]
    return TEAMS.get(" ".join(part), "") or TEAMS.get(found[-1] if last else found[0], "")
