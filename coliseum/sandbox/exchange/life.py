"""The life of one recorded market on the market clock: when it opens, closes and is decided."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from coliseum.sandbox.records import MarketRecord

_DAY = timedelta(days=1)
_UNRECORDED_OPENING = timedelta(days=3)


class Status(StrEnum):
    """The statuses that a market of this world passes through."""

    ACTIVE = "active"
    CLOSED = "closed"
    FINALIZED = "finalized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Nothing of a market is served before `opens`. A market without a recorded outcome has neither `closes`
    nor `due`: it stays open."""

    opens: datetime
    closes: datetime | None
    due: datetime | None
    quoted_on: date
    """The market day whose quote is exactly the recorded one."""

    def visible(self, now: datetime) -> bool:
        return self.opens <= now

    def status(self, now: datetime) -> Status:
        if self.due is not None and now >= self.due:
            return Status.FINALIZED
        if self.closes is not None and now > self.closes:
            return Status.CLOSED
        return Status.ACTIVE

    def trading_day(self, now: datetime) -> date:
        """The market day of `now`, or the last one on which the market traded."""
        return now.date() if self.closes is None else min(now, self.closes).date()


def life(record: MarketRecord) -> Life:
    """Opens with the day of the recorded quote, else when the record says, else three days before the event.
    Trading closes with the day of the event in UTC: that moment is generated, not recorded."""
    opens = _opens(record)
    known = bool(record.result)
    return Life(
        opens=opens,
        closes=datetime.combine(record.event_date, time(23, 59, 59), UTC) if known else None,
        due=record.due if known else None,
        quoted_on=_quote_day(record) or opens.date(),
    )


def _quote_day(record: MarketRecord) -> date | None:
    return datetime.fromisoformat(record.as_of).date() if record.as_of else None


def _opens(record: MarketRecord) -> datetime:
    quoted = _quote_day(record)
    if quoted is not None:
        return datetime.combine(quoted, time(), UTC)
    if record.open_time is not None:
        return record.open_time
    return datetime.combine(record.event_date, time(), UTC) - _UNRECORDED_OPENING
