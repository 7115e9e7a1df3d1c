"""Pages of a list whose cursor names the last item served, so that new items never shift a page."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

from coliseum.sandbox.exchange.query import Query
from coliseum.sandbox.exchange.refusal import Refused, bad_query

_Item = TypeVar("_Item")
_LONGEST_CURSOR = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """Items of one page; `cursor` is empty on the last one."""

    items: Sequence[_Item]
    cursor: str


def page(
    query: Query,
    items: Sequence[_Item],
    place: Callable[[_Item], int],
    *,
    default: int = 100,
    highest: int = 1000,
) -> Page[_Item]:
    """The page after the query's cursor. `items` must rise by `place`, which must never change for an item.
    Raises Refused for a bad limit, and for a cursor that is not one or belongs to other filters."""
    limit = query.number("limit", default, 1, highest)
    after = _read(query)
    rest = [item for item in items if after is None or place(item) > after]
    shown = rest[:limit]
    more = len(rest) > limit
    return Page(shown, _write(place(shown[-1]), query) if more else "")


def newest_first(number: int) -> int:
    """The place of a numbered item in a list that begins with the newest."""
    return -number


def _write(place: int, query: Query) -> str:
    return urlsafe_b64encode(json.dumps([place, _mark(query)]).encode()).decode()


def _read(query: Query) -> int | None:
    cursor = query.text("cursor")
    if not cursor:
        return None
    match _decode(cursor):
        case [int(place), str(mark)] if mark == _mark(query):
            return place
        case _:
            raise Refused(bad_query("invalid cursor"))


def _decode(cursor: str) -> object:
    if len(cursor) > _LONGEST_CURSOR:
        return None
    try:
        return json.loads(urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error, RecursionError):
        return None


def _mark(query: Query) -> str:
    return sha256(query.filters().encode()).hexdigest()[:8]
