"""Single fields of the exchange's JSON, read with suspicion."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from coliseum.domain.money import CENT, ONE, ZERO, Contracts, Dollars, Price
from coliseum.errors import ServiceError
from coliseum.services.http import Json, printable

Body = Mapping[str, Json]
FIXED_POINT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
MAX_CENTS = 10**15
TICKER = re.compile(r"[A-Za-z0-9._:-]{1,200}", re.ASCII)
MAX_TEXT = 20_000


def text(body: Body, key: str, most: int = MAX_TEXT) -> str:
    """Text of at most `most` characters; missing and null are empty."""
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(key, "text")
    return printable(value, most)


def name(body: Body, key: str) -> str:
    """A ticker or an id: short, and without anything that could change the meaning of a path."""
    value = body.get(key)
    if not isinstance(value, str) or not TICKER.fullmatch(value):
        raise wrong(key, "a name")
    return value


def amount(body: Body, key: str) -> Decimal:
    """A fixed-point string, required."""
    value = body.get(key)
    if not isinstance(value, str) or not FIXED_POINT.fullmatch(value):
        raise wrong(key, "a fixed-point number in a string")
    return Decimal(value)


def amount_or_zero(body: Body, key: str) -> Decimal:
    """A fixed-point string; missing and null are zero."""
    return ZERO if body.get(key) is None else amount(body, key)


def contracts(body: Body, key: str) -> Contracts:
    """A count that is not negative; missing and null are zero."""
    value = amount_or_zero(body, key)
    if value < ZERO:
        raise wrong(key, "a count")
    return value


def dollars_of_cents(body: Body, key: str) -> Dollars:
    """An integer number of cents as dollars; missing and null are zero."""
    value = body.get(key)
    if value is None:
        return ZERO
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_CENTS:
        raise wrong(key, "an integer number of cents")
    return value * CENT


def price(body: Body, key: str) -> Price:
    """Dollars per contract from 0 to 1, required."""
    value = amount(body, key)
    if not ZERO <= value <= ONE:
        raise wrong(key, "a price between 0 and 1")
    return value


def quoted(body: Body, key: str) -> Price | None:
    """A quote; 0 and 1 are how the exchange writes an empty side."""
    if body.get(key) is None:
        return None
    value = price(body, key)
    return value if ZERO < value < ONE else None


def moment(body: Body, key: str) -> datetime:
    """An RFC 3339 time, required, as UTC."""
    value = body.get(key)
    try:
        found = datetime.fromisoformat(value if isinstance(value, str) and len(value) < 64 else "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as unreadable:
        raise wrong(key, "a time") from unreadable


def flag(body: Body, key: str) -> bool:
    value = body.get(key)
    if not isinstance(value, bool):
        raise wrong(key, "true or false")
    return value


def child(body: Body, key: str) -> dict[str, Json]:
    """The object under `key`, required."""
    value = body.get(key)
    if not isinstance(value, dict):
        raise wrong(key, "an object")
    return value


def wrong(key: str, expected: str) -> ServiceError:
    """The error for a field that is not what it must be; its value is not repeated."""
    return ServiceError(f"the exchange sent {key} that is not {expected}")
