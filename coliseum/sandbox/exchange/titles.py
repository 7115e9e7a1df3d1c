"""Titles and rules of markets, events and series in this project's own words."""

from datetime import date

from coliseum.sandbox.records import MarketRecord

_UNQUALIFIED = "event does not qualify"
_SERIES = {
    "KXNBAMENTION": ("Words on air: professional basketball", "Mentions"),
    "KXNCAABMENTION": ("Words on air: college basketball", "Mentions"),
    "KXNFLGAME": ("Football game winner", "Sports"),
}


def market_title(record: MarketRecord) -> str:
    when = _day(record.event_date)
    if _is_game(record):
        return f"Does {record.phrase} win {record.matchup} on {when}?"
    if record.phrase.lower() == _UNQUALIFIED:
        return f"Does the broadcast of {record.matchup} on {when} fail to qualify?"
    return f"Do the announcers say “{record.phrase}” during {record.matchup} on {when}?"


def event_title(record: MarketRecord) -> str:
    when = _day(record.event_date)
    if _is_game(record):
        return f"Who wins {record.matchup} on {when}?"
    return f"Which words are said during {record.matchup} on {when}?"


def rules(record: MarketRecord) -> str:
    """What makes the market pay, as the local world plays it."""
    due = f"{record.due:%H:%M} UTC on {_day(record.due.date())}"
    if _is_game(record):
        return f"Pays YES if {record.phrase} wins {record.matchup}. A known result is shown from {due}."
    return (
        f"Pays YES if an announcer of {record.matchup} on {_day(record.event_date)} says any of: "
        f"{record.phrase}. A known result is shown from {due}."
    )


def series_title(ticker: str) -> str:
    return _SERIES.get(ticker, (ticker, ""))[0]


def category(series_ticker: str) -> str:
    return _SERIES.get(series_ticker, ("", "Other"))[1]


def _is_game(record: MarketRecord) -> bool:
    return record.series_ticker == "KXNFLGAME"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
