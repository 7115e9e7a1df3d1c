"""The same seed and the same requests give the same ids, prices and books, over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2

from coliseum.sandbox.credentials import Credentials
from coliseum.sandbox.server import serving
from coliseum.sandbox.world import new_world
from tests.sandbox_exchange.api import JORDAN, RETIRE, User


@contextmanager
def another_user(seed: int, keys: Credentials) -> Iterator[User]:
    world = new_world(seed=seed, start=datetime(2026, 2, 23, 12, tzinfo=UTC), credentials=keys)
    with serving(world) as url, httpx2.Client(base_url=url) as http:
        yield User(http, keys)


def trade(user: User) -> list[Any]:
    """A day of trading, and every page that shows its traces."""
    user.accepted(count="150", price="0.6000", client_order_id="a")
    user.rest(ticker=RETIRE, side="ask", price="0.1700", client_order_id="b")
    user.place(price="0.5750")
    user.move("2026-02-24T10:00:00Z")
    user.accepted(side="ask", price="0.4000", count="20", client_order_id="c")
    user.move("2026-02-25T06:00:00Z")
    paths = ("orders", "fills", "settlements", "balance", "positions?settlement_status=all")
    return [user.get(f"/portfolio/{path}") for path in paths] + [user.get("/markets/trades")]


def test_the_same_seed_repeats_itself_byte_for_byte(keys: Credentials) -> None:
    ends = []
    for _ in range(2):
        with another_user(5, keys) as user:
            ends.append((user.get(f"/markets/{JORDAN}/orderbook"), trade(user)))
    assert ends[0] == ends[1]


def test_another_seed_gives_other_ids_and_books(keys: Credentials) -> None:
    with another_user(5, keys) as user:
        first = (user.get(f"/markets/{JORDAN}/orderbook"), user.accepted()["order_id"])
    with another_user(6, keys) as user:
        second = (user.get(f"/markets/{JORDAN}/orderbook"), user.accepted()["order_id"])
    assert first[0] != second[0]
    assert first[1] != second[1]
