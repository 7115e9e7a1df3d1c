"""Values the domain's tests start from; each test names only what it is about."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from coliseum.domain import edge
from coliseum.domain.fees import FeeSchedule
from coliseum.domain.market import ExchangeStatus, Market, PriceRange, Side
from coliseum.domain.opportunity import Belief
from coliseum.domain.order import Fill, OrderAction
from coliseum.domain.portfolio import Exposure
from coliseum.domain.risk import Proposal

NOW = datetime(2026, 5, 9, 12, tzinfo=UTC)
CENTS = (PriceRange(Decimal(0), Decimal(1), Decimal("0.01")),)


@pytest.fixture
def market() -> Market:
    """Open, 0.48 bid and 0.50 asked, quoted now."""
    return Market(
        ticker="KXTALK-26MAY09-WORD",
        event_ticker="KXTALK-26MAY09",
        series_ticker="KXTALK",
        title="Will it be said?",
        subtitle="word",
        rules="Yes if it is said.",
        status="active",
        yes_bid=Decimal("0.48"),
        yes_ask=Decimal("0.50"),
        yes_bid_size=Decimal(100),
        yes_ask_size=Decimal(100),
        last_price=Decimal("0.49"),
        volume=Decimal(5000),
        volume_24h=Decimal(500),
        open_interest=Decimal(900),
        open_time=NOW - timedelta(days=2),
        close_time=NOW + timedelta(hours=6),
        result="",
        settlement_value=None,
        price_ranges=CENTS,
        quoted_at=NOW,
    )


@pytest.fixture
def proposal(market: Market) -> Proposal:
    """A purchase that every rule allows."""
    fees = FeeSchedule()
    return Proposal(
        now=NOW,
        halted="",
        exchange=ExchangeStatus(exchange_active=True, trading_active=True),
        market=market,
        belief=Belief(
            opportunity_id="opp_1",
            probability=Decimal("0.70"),
            low=Decimal("0.60"),
            high=Decimal("0.80"),
            reasons=("base rate",),
            model="sandbox-large",
            prompt="recommender@1",
        ),
        quote=edge.quote(Side.YES, Decimal("0.50"), Decimal("0.70"), fees),
        count=Decimal(100),
        limit=Decimal("0.51"),
        depth=Decimal(500),
        exposure=Exposure(),
        bankroll=Decimal(10_000),
        cash=Decimal(9_000),
        realized_today=Decimal(0),
        fees=fees,
    )


@pytest.fixture
def fill() -> Callable[..., Fill]:
    """A fill of one YES at 0.50 without fee, changed as the test says."""
    plain = Fill(
        fill_id="f1",
        order_id="o1",
        market_ticker="M",
        action=OrderAction.BUY,
        side=Side.YES,
        count=Decimal(1),
        price=Decimal("0.50"),
        fee=Decimal(0),
        is_taker=True,
        created=NOW,
    )

    def make(**changes: Any) -> Fill:
        return replace(plain, **changes)

    return make
