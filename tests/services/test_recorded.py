"""The clients read what the real services once sent."""

import asyncio
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from coliseum.domain.market import Market, OrderBook, Side
from coliseum.services.exa import ExaSearch
from coliseum.services.http import parse
from coliseum.services.kalshi import parsing
from tests.services.conftest import NOW, Script


@pytest.fixture
def recorded() -> Path:
    folder = os.environ.get("COLISEUM_RECORDED")
    if not folder:
        pytest.skip("set COLISEUM_RECORDED to a folder of recorded API answers to run this")
    return Path(folder)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_recorded_markets_are_read(recorded: Path) -> None:
    event = load(recorded / "KXNBAMENTION-26MAY09OKCLAL.json")["markets"]
    converted = load(recorded / "kalshi-converted-3.34.json")["markets"]
    football = load(recorded / "kalshi-nfl-2026-10-06.json")
    games = football["GET /markets?limit=3&event_ticker=KXNFLGAME-26OCT08TBDAL"]["markets"]
    markets = [parsing.market(body, NOW) for body in [*event, *converted, *games]]
    assert len(markets) == len(event) + len(converted) + len(games)
    for market in markets:
        assert isinstance(market, Market)
        assert market.event_ticker.startswith(market.series_ticker)
        assert market.spread is None or market.spread > 0


def test_a_recorded_order_book_is_read(recorded: Path) -> None:
    football = load(recorded / "kalshi-nfl-2026-10-06.json")
    body = football["GET /markets/KXNFLGAME-26OCT08TBDAL-DAL/orderbook?depth=3"]
    book = parsing.book("KXNFLGAME-26OCT08TBDAL-DAL", body, NOW)
    assert isinstance(book, OrderBook)
    assert len(book.yes) == len(book.no) == 3
    assert book.bids(Side.YES)[0].price == max(level.price for level in book.yes)
    assert book.offers(Side.YES)[0].price > book.bids(Side.YES)[0].price


def test_a_recorded_answer_is_read(recorded: Path, script: Script) -> None:
    answer = load(recorded / "exa-recorded-2026-01.json")["answer_response"]["response"]
    script.steps = [(200, answer)]

    async def run() -> None:
        async with script.client() as http:
            found = await ExaSearch("https://search.example", "key", http).answer("?", published_before=NOW)
        assert found.cost == Decimal("0.005")
        assert len(found.sources) == len(answer["citations"])
        assert found.text.startswith("Example Domain")

    asyncio.run(run())


def test_recorded_files_are_the_json_we_parse(recorded: Path) -> None:
    for path in recorded.glob("*.json"):
        assert parse(path.read_bytes()) is not None
