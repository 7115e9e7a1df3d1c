"""Which markets a query means: status, tickers, and at most one family of time filters."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from coliseum.sandbox.exchange import market_json
from coliseum.sandbox.exchange.life import Status
from coliseum.sandbox.exchange.listing import Listed
from coliseum.sandbox.exchange.query import Query
from coliseum.sandbox.exchange.refusal import Refused, bad_query

_STATUSES: Mapping[str, frozenset[Status]] = {
    "unopened": frozenset(),
    "open": frozenset({Status.ACTIVE}),
    "closed": frozenset({Status.CLOSED}),
    "settled": frozenset({Status.FINALIZED}),
    "": frozenset(Status),
}


@dataclass(frozen=True, slots=True)
class _Family:
    """One kind of time filter, the statuses it may stand beside, and the time it compares."""

    statuses: Collection[str]
    time: Callable[[Listed, datetime], datetime | None]


_FAMILIES: Mapping[str, _Family] = {
    "created": _Family(("", "unopened", "open"), lambda listed, now: _created(listed)),
    "close": _Family(("", "closed"), lambda listed, now: market_json.closes(listed)),
    "settled": _Family(("", "settled"), lambda listed, now: _settled(listed, now)),
    "updated": _Family(("",), market_json.updated),
}


def matching_markets(query: Query, visible: Sequence[Listed], now: datetime) -> list[Listed]:
    """Raises Refused for an unknown status and for time filters that exclude each other or the status."""
    statuses = event_statuses(query)
    wanted, combos = query.names("tickers"), query.choice("mve_filter", ("only", "exclude"))
    event, series = query.text("event_ticker"), query.text("series_ticker")
    in_time = _time_filter(query, now)
    return [
        each
        for each in visible
        if combos != "only"  # because no market of this world is a combo
        and each.life.status(now) in statuses
        and (not wanted or each.ticker in wanted)
        and event in ("", each.record.event_ticker)
        and series in ("", each.record.series_ticker)
        and in_time(each)
    ]


def event_statuses(query: Query) -> frozenset[Status]:
    return _STATUSES[query.choice("status", _STATUSES)]


def _time_filter(query: Query, now: datetime) -> Callable[[Listed], bool]:
    used = [name for name in _FAMILIES if query.text(f"min_{name}_ts") or query.text(f"max_{name}_ts")]
    if not used:
        return lambda listed: True
    if len(used) > 1 or query.text("status") not in _FAMILIES[used[0]].statuses:
        raise Refused(bad_query(f"{used[0]} filters do not go with the other filters"))
    return _within(query, used[0], now)


def _within(query: Query, name: str, now: datetime) -> Callable[[Listed], bool]:
    low, high = query.moment(f"min_{name}_ts"), query.moment(f"max_{name}_ts")

    def inside(listed: Listed) -> bool:
        at = _FAMILIES[name].time(listed, now)
        return at is not None and (low is None or at >= low) and (high is None or at <= high)

    return inside


def _created(listed: Listed) -> datetime:
    return listed.record.open_time or listed.life.opens


def _settled(listed: Listed, now: datetime) -> datetime | None:
    return listed.life.due if listed.result(now) else None
