"""The recorded facts that the local world plays: 95 markets and 7,045 outcomes (see data/NOTICE.md)."""

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRecord:
    """One recorded market. Sizes and times that were not recorded are None; nothing here is invented."""

    ticker: str
    event_ticker: str
    series_ticker: str
    phrase: str
    matchup: str
    event_date: date
    as_of: str
    open_time: datetime | None
    close_time: datetime
    yes_bid: Decimal
    yes_ask: Decimal
    yes_bid_size: Decimal | None
    yes_ask_size: Decimal | None
    last: Decimal | None
    volume: Decimal
    volume_24h: Decimal | None
    open_interest: Decimal | None
    result: str
    """"yes", "no", or "" when the outcome is not known."""

    @property
    def due(self) -> datetime:
        """When the result may be shown: 06:00 UTC of the day after the event."""
        return datetime.combine(self.event_date + timedelta(days=1), time(6), UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """Whether a phrase was said in an earlier event: "yes", "no", or "" (voided)."""

    event_ticker: str
    event_date: date | None
    phrase: str
    outcome: str

    def visible(self, now: datetime) -> bool:
        """From the day after the event; a row without a date never (it might be the future)."""
        return self.event_date is not None and self.event_date < now.date()


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _rows(name: str) -> list[dict[str, str]]:
    text = files("coliseum.sandbox").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def markets() -> tuple[MarketRecord, ...]:
    """All recorded markets in the order of the file."""
    return tuple(
        MarketRecord(
            ticker=row["ticker"],
            event_ticker=row["event_ticker"],
            series_ticker=row["series_ticker"],
            phrase=row["phrase"],
            matchup=row["matchup"],
            event_date=date.fromisoformat(row["event_date"]),
            as_of=row["as_of"],
            open_time=_time(row["open_time"]),
            close_time=datetime.fromisoformat(row["close_time"]),
            yes_bid=Decimal(row["yes_bid"]),
            yes_ask=Decimal(row["yes_ask"]),
            yes_bid_size=_decimal(row["yes_bid_size"]),
            yes_ask_size=_decimal(row["yes_ask_size"]),
            last=_decimal(row["last"]),
            volume=Decimal(row["volume"]),
            volume_24h=_decimal(row["volume_24h"]),
            open_interest=_decimal(row["open_interest"]),
            result=row["result"],
        )
        for row in _rows("markets.csv")
    )


@cache
def history() -> tuple[HistoryRow, ...]:
    """All earlier outcomes, dated and undated, in the order of the file."""
    return tuple(
        HistoryRow(
            event_ticker=row["event_ticker"],
            event_date=date.fromisoformat(row["event_date"]) if row["event_date"] else None,
            phrase=row["phrase"],
            outcome=row["outcome"],
        )
        for row in _rows("history.csv")
    )
