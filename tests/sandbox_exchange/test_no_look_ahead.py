"""Nothing later than the market clock is ever served: the whole period is walked and every byte looked at."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coliseum.sandbox.records import markets
from tests.sandbox_exchange.api import TRANSFER, User

RECORDS = {each.ticker: each for each in markets()}
HAPPENED = ("created_time", "updated_time", "open_time", "settlement_ts", "last_update_time", "settled_time")
"""Fields that tell of something that has happened, not of something planned."""


def moments() -> Iterator[datetime]:
    """Around every opening, close and due time, and some quiet days in between."""
    turns = {each.due for each in markets()}
    turns |= {datetime.combine(each.event_date, datetime.min.time(), UTC) for each in markets()}
    turns |= {each.open_time for each in markets() if each.open_time is not None}
    second = timedelta(seconds=1)
    around = {turn + step for turn in turns for step in (-second, second * 0, timedelta(hours=20))}
    return iter(sorted(around | {datetime(2026, 2, 24, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)}))


def everything(user: User) -> Iterator[Any]:
    """Every page that shows market data."""
    yield user.get("/events?with_nested_markets=true")
    yield user.get("/series")
    yield user.get("/markets?limit=1000")
    yield user.get("/markets?status=settled&limit=1000")
    yield user.get("/markets/trades")
    yield user.get("/portfolio/positions?settlement_status=all")
    yield user.get("/portfolio/settlements")
    yield user.get("/portfolio/orders")


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from objects(each)


def check(served: dict[str, Any], now: datetime) -> None:
    for name in HAPPENED:
        if name in served:
            assert datetime.fromisoformat(served[name]) <= now, (name, served)
    result = served.get("result") or served.get("market_result") or ""
    record = RECORDS.get(served.get("ticker", ""))
    assert record is not None or not result
    if record is not None and (not record.result or now < record.due):
        assert not result
        assert not served.get("expiration_value")
        assert "settlement_value_dollars" not in served
        assert served.get("status") != "finalized"
    elif record is not None and "result" in served:
        assert result == record.result


@pytest.mark.slow
def test_no_page_tells_a_result_before_it_is_due(user: User) -> None:
    start, seen = datetime(2026, 2, 23, 12, tzinfo=UTC), set()
    user.accepted()
    for now in (each for each in moments() if each > start):
        user.move(now.isoformat())
        for page in everything(user):
            for served in objects(page):
                check(served, now)
                seen |= {served["ticker"]} if served.get("result") else set()
    assert seen == {each.ticker for each in markets() if each.result}


def test_a_market_is_unknown_until_it_opens(user: User) -> None:
    path = f"/trade-api/v2/markets/{TRANSFER}"
    user.move("2026-03-19T23:59:59Z")
    assert user.http.get(path).status_code == 404
    assert TRANSFER not in json.dumps(user.get("/events?with_nested_markets=true"))
    assert TRANSFER not in json.dumps(user.get(f"/markets/orderbooks?tickers={TRANSFER}"))
    user.move("2026-03-20T00:00:00Z")
    assert user.http.get(path).status_code == 200


def test_no_page_names_a_market_of_the_future(user: User) -> None:
    text = "".join(json.dumps(page) for page in everything(user))
    assert set(re.findall(r"KX[A-Z]+-26[A-Z]{3}\d\d[A-Z]+", text)) == {"KXNBAMENTION-26FEB24NYKCLE"}
