"""A scripted service, and the values that the services' tests start from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from coliseum.domain.market import Side
from coliseum.domain.opportunity import Action, Belief, Check, Decision, Opportunity, Quote
from coliseum.domain.order import Fill, Intent, Order, OrderAction, OrderStatus
from coliseum.domain.record import SpanRef
from coliseum.services.http import Patience
from coliseum.services.kalshi import Credentials
from coliseum.services.ledger import SqlLedger, open_ledger

NOW = datetime(2026, 5, 9, 12, tzinfo=UTC)


@dataclass
class Script:
    """Answers requests in order: a status with a JSON body, a finished response, or an error to raise. The
    last step repeats. `at` answers by path instead, for whatever it names."""

    steps: list[Any] = field(default_factory=list)
    at: dict[str, Any] = field(default_factory=dict)
    requests: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        step = self.at.get(request.url.path.removeprefix("/trade-api/v2"))
        if step is None:
            step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if callable(step):
            step = step(request)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, httpx2.Response):
            return step
        status, body = step
        return httpx2.Response(status, json=body)

    @property
    def paths(self) -> list[str]:
        return [f"{each.method} {each.url.path.removeprefix('/trade-api/v2')}" for each in self.requests]

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self))


class Standing:
    """A market clock that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Standing:
    return Standing()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def patience() -> Patience:
    """Three attempts and no waiting."""
    return Patience(attempts=3, first_wait=0, longest_wait=0, jitter=0)


@pytest.fixture(scope="session")
def pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture
def credentials(pem: bytes) -> Credentials:
    return Credentials.from_pem("key-1", pem)


@pytest.fixture
def market_body() -> dict[str, Any]:
    """A market in the shape of the current API."""
    return {
        "ticker": "KXTALK-26MAY09-WORD",
        "event_ticker": "KXTALK-26MAY09",
        "title": "Will it be said?",
        "yes_sub_title": "word",
        "rules_primary": "Yes if it is said.",
        "rules_secondary": "On air.",
        "status": "active",
        "yes_bid_dollars": "0.4800",
        "yes_ask_dollars": "0.5000",
        "yes_bid_size_fp": "100.00",
        "yes_ask_size_fp": "14782.83",
        "last_price_dollars": "0.4900",
        "volume_fp": "5000.00",
        "volume_24h_fp": "500.00",
        "open_interest_fp": "900.00",
        "open_time": "2026-05-03T04:01:46.30003Z",
        "close_time": "2026-05-09T18:00:00Z",
        "result": "",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
    }


@pytest.fixture
def book_body() -> dict[str, Any]:
    return {
        "orderbook_fp": {
            "yes_dollars": [["0.4700", "50.00"], ["0.4800", "100.00"]],
            "no_dollars": [["0.4900", "40.00"], ["0.5000", "20.00"]],
        }
    }


def intent_with(**changes: Any) -> Intent:
    values: dict[str, Any] = {
        "client_order_id": "5f2b1f5e-0000-5000-8000-000000000001",
        "opportunity_id": "opp_1",
        "leg": "entry",
        "market_ticker": "KXTALK-26MAY09-WORD",
        "action": OrderAction.BUY,
        "side": Side.YES,
        "count": Decimal(10),
        "limit": Decimal("0.51"),
    }
    return Intent(**{**values, **changes})


@pytest.fixture
def make_intent() -> Callable[..., Intent]:
    """An intent to buy ten YES at up to 0.51, changed as the test says."""
    return intent_with


@pytest.fixture
def make_order() -> Callable[..., Order]:
    """Ten YES bought at 0.50, changed as the test says."""

    def make(**changes: Any) -> Order:
        values: dict[str, Any] = {
            "order_id": "order-1",
            "client_order_id": "5f2b1f5e-0000-5000-8000-000000000001",
            "market_ticker": "KXTALK-26MAY09-WORD",
            "status": OrderStatus.EXECUTED,
            "filled": Decimal(10),
            "remaining": Decimal(0),
            "average_price": Decimal("0.50"),
            "fees": Decimal("0.18"),
        }
        return Order(**{**values, **changes})

    return make


@pytest.fixture
def make_fill() -> Callable[..., Fill]:
    """The fill of that order, changed as the test says."""

    def make(**changes: Any) -> Fill:
        values: dict[str, Any] = {
            "fill_id": "fill-1",
            "order_id": "order-1",
            "market_ticker": "KXTALK-26MAY09-WORD",
            "action": OrderAction.BUY,
            "side": Side.YES,
            "count": Decimal(10),
            "price": Decimal("0.50"),
            "fee": Decimal("0.18"),
            "is_taker": True,
            "created": NOW,
        }
        return Fill(**{**values, **changes})

    return make


@pytest.fixture
def opportunity() -> Opportunity:
    return Opportunity(
        id="opp_1",
        scan="2026-05-09T12:00:00+00:00",
        market_ticker="KXTALK-26MAY09-WORD",
        event_ticker="KXTALK-26MAY09",
        series_ticker="KXTALK",
        title="Will it be said?",
        subtitle="word",
        rules="Yes if it is said.",
        yes_bid=Decimal("0.48"),
        yes_ask=Decimal("0.50"),
        close_time=NOW + timedelta(hours=6),
        rationale="tight spread",
        priority="high",
        found_at=NOW,
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    )


@pytest.fixture
def decision() -> Decision:
    """To buy ten YES."""
    belief = Belief(
        opportunity_id="opp_1",
        probability=Decimal("0.70"),
        low=Decimal("0.6000"),
        high=Decimal("0.8"),
        reasons=("seen often", "“quoted”"),
        model="sandbox-large",
        prompt="recommender@1",
    )
    quote = Quote(
        side=Side.YES,
        price=Decimal("0.50"),
        fee=Decimal("0.0175"),
        cost=Decimal("0.5175"),
        net_edge=Decimal("0.1825"),
        ev=Decimal("0.3526570048309178743961352657"),
        kelly=Decimal("0.3782383419689119170984455959"),
    )
    return Decision(
        id="dec_1",
        opportunity_id="opp_1",
        market_ticker="KXTALK-26MAY09-WORD",
        action=Action.BUY_YES,
        belief=belief,
        quote=quote,
        count=Decimal(10),
        binding="kelly",
        checks=(
            Check(rule="spread", passed=True, detail="0.02"),
            Check(rule="cash", passed=True, detail="ok"),
        ),
        market_mid=Decimal("0.49"),
        decided_at=NOW,
    )


@pytest.fixture
def span() -> SpanRef:
    return SpanRef("a" * 32, "b" * 16)


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/coliseum.db"


@pytest.fixture
def ledger(ledger_url: str, clock: Standing) -> Iterator[SqlLedger]:
    with open_ledger(ledger_url, venue="sandbox", mode="paper", now=clock.now) as opened:
        yield opened
