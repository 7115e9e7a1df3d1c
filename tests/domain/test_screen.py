"""The screen spends no token on what cannot become a trade, and counts why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from coliseum.domain.market import Market
from coliseum.domain.screen import Criteria, reason_against, screen

NOW = datetime(2026, 5, 9, 12, tzinfo=UTC)
CRITERIA = Criteria(max_time_to_close=timedelta(hours=24))


def test_a_good_market_is_kept(market: Market) -> None:
    assert reason_against(market, CRITERIA, NOW) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ticker": "KXMVENFL-1"}, "combo"),
        ({"status": "closed"}, "not_open"),
        ({"close_time": NOW + timedelta(minutes=29)}, "closes_too_soon"),
        ({"close_time": NOW + timedelta(hours=25)}, "closes_too_late"),
        ({"yes_bid": None}, "one_sided_book"),
        ({"volume": Decimal(99)}, "volume"),
        ({"yes_bid": Decimal("0.39")}, "spread"),
        ({"yes_bid": Decimal("0.60")}, "spread"),
        ({"yes_bid": Decimal("0.01"), "yes_ask": Decimal("0.02")}, "price_band"),
    ],
)
def test_each_criterion_alone_leaves_a_market_out(
    market: Market, change: dict[str, object], reason: str
) -> None:
    assert reason_against(replace(market, **change), CRITERIA, NOW) == reason  # type: ignore[arg-type]


def test_fault_16_what_was_left_out_is_counted_here_and_adds_up(market: Market) -> None:
    markets = [market, replace(market, volume=Decimal(1)), replace(market, ticker="KNOWN")]
    found = screen(markets, CRITERIA, NOW, known={"KNOWN"})
    assert found.kept == (market,)
    assert found.reasons == {"volume": 1, "known": 1}
    assert found.seen == 3


def test_without_a_latest_closing_time_all_of_them_are_early_enough(market: Market) -> None:
    far = replace(market, close_time=NOW + timedelta(days=900))
    assert screen([far], Criteria(), NOW).kept == (far,)
