"""What is generated stays near the record, depends on the seed alone, and knows no outcome."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from coliseum.sandbox.exchange.life import Status, life
from coliseum.sandbox.exchange.matching import BookSide
from coliseum.sandbox.exchange.quotes import HIGHEST, LOWEST, TICK, depth, quote
from coliseum.sandbox.records import MarketRecord, markets

DAYS = [date(2026, 2, 20) + timedelta(days=days) for days in range(0, 240, 3)]


def record(ticker: str) -> MarketRecord:
    return next(each for each in markets() if each.ticker == ticker)


def test_on_its_own_day_the_quote_is_the_recorded_one() -> None:
    for each in markets():
        on = life(each).quoted_on
        shown = quote(3, each, life(each), on)
        assert (shown.bid or Decimal(0), shown.ask) == (each.yes_bid, each.yes_ask)


def test_on_other_days_it_moves_by_two_ticks_at_most_and_keeps_its_spread() -> None:
    moves = set()
    for each in markets():
        for day in DAYS:
            shown = quote(3, each, life(each), day)
            assert shown.ask is not None
            moves.add(move := (shown.ask - each.yes_ask) / TICK)
            assert abs(move) <= 2
            assert shown.bid is None or shown.ask - shown.bid == each.yes_ask - each.yes_bid
    assert moves == {-2, -1, 0, 1, 2}


def test_an_empty_side_stays_empty() -> None:
    nobody = record("KXNBAMENTION-26MAY09OKCLAL-NQE")
    assert all(quote(3, nobody, life(nobody), day).bid is None for day in DAYS)
    assert not depth(3, nobody, life(nobody), DAYS[0], BookSide.BID)


def test_depth_is_whole_ticks_inside_the_range_behind_the_best_price() -> None:
    for each in markets():
        for side in BookSide:
            entries = depth(3, each, life(each), DAYS[7], side)
            assert all(LOWEST <= entry.price <= HIGHEST and entry.price % TICK == 0 for entry in entries)
            assert all(entry.count > 0 for entry in entries)
            assert not entries or entries[0].price == quote(3, each, life(each), DAYS[7]).price(side)


def test_a_recorded_size_is_shown_on_its_day() -> None:
    jordan = record("KXNBAMENTION-26MAY09OKCLAL-JORD")
    assert depth(3, jordan, life(jordan), life(jordan).quoted_on, BookSide.BID)[0].count == 73


def test_another_seed_gives_another_world() -> None:
    each = markets()[30]
    assert depth(1, each, life(each), DAYS[0], BookSide.BID) == depth(
        1, each, life(each), DAYS[0], BookSide.BID
    )
    assert depth(1, each, life(each), DAYS[0], BookSide.BID) != depth(
        2, each, life(each), DAYS[0], BookSide.BID
    )


@pytest.mark.parametrize("side", list(BookSide))
def test_the_outcome_changes_nothing_that_is_generated(side: BookSide) -> None:
    for each in markets():
        turned = replace(each, result={"yes": "no", "no": "yes", "": ""}[each.result])
        for day in DAYS[:10]:
            assert depth(3, each, life(each), day, side) == depth(3, turned, life(turned), day, side)


def test_a_market_opens_with_the_day_of_its_quote_and_closes_with_the_day_of_its_event() -> None:
    jordan = life(record("KXNBAMENTION-26FEB24NYKCLE-JORDAN"))
    assert jordan.opens.isoformat() == "2026-02-23T00:00:00+00:00"
    assert jordan.closes is not None
    assert jordan.closes.isoformat() == "2026-02-24T23:59:59+00:00"
    assert jordan.due is not None
    assert jordan.due.isoformat() == "2026-02-25T06:00:00+00:00"


def test_without_the_day_of_the_quote_it_opens_when_the_record_says() -> None:
    lakers = record("KXNBAMENTION-26MAY09OKCLAL-JORD")
    assert life(lakers).opens == lakers.open_time
    unknown = replace(lakers, open_time=None)
    assert life(unknown).opens.isoformat() == "2026-05-06T00:00:00+00:00"


def test_a_market_passes_through_active_closed_and_finalized() -> None:
    found = life(record("KXNBAMENTION-26FEB24NYKCLE-JORDAN"))
    assert found.closes is not None
    assert found.due is not None
    second = timedelta(seconds=1)
    assert not found.visible(found.opens - second)
    assert found.status(found.closes) is Status.ACTIVE
    assert found.status(found.closes + second) is Status.CLOSED
    assert found.status(found.due - second) is Status.CLOSED
    assert found.status(found.due) is Status.FINALIZED


def test_the_34_markets_without_an_outcome_stay_open() -> None:
    lives = [life(each) for each in markets() if not each.result]
    assert len(lives) == 34
    assert all(each.status(each.opens + timedelta(days=3650)) is Status.ACTIVE for each in lives)
