"""How exact values are stored so that every database gives them back unchanged."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Dialect, String, Text
from sqlalchemy.types import TypeDecorator

MOMENT = "%Y-%m-%dT%H:%M:%S.%f+00:00"


class Exact(TypeDecorator[Decimal]):
    """A Decimal as its own digits: no database rounds a text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not value.is_finite():
            raise ValueError(f"{value} is no amount")
        return format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class Moment(TypeDecorator[datetime]):
    """A time in UTC as text of one width, so that text order is time order."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger keeps no time without a time zone")
        return value.astimezone(UTC).strftime(MOMENT)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Prose(TypeDecorator[str]):
    """Text that somebody else wrote: what no database can hold in it is replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
