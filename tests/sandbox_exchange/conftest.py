"""A local world served over loopback, and a user whose key it knows."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from coliseum.sandbox.credentials import Credentials, generate
from coliseum.sandbox.server import create_app, hosting
from coliseum.sandbox.world import World, new_world
from tests.sandbox_exchange.api import User

START = datetime(2026, 2, 23, 12, tzinfo=UTC)


class Stage:
    """One real server for all tests, since stopping one takes a while; every test puts its own world on."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def keys() -> Credentials:
    """Made once: a key pair takes a tenth of a second."""
    return generate()


@pytest.fixture(scope="session")
def stage() -> Iterator[tuple[Stage, str]]:
    stage = Stage()
    with hosting(stage) as url:
        yield stage, url


@pytest.fixture
def world(keys: Credentials) -> World:
    return new_world(seed=7, start=START, credentials=keys)


@pytest.fixture
def user(world: World, keys: Credentials, stage: tuple[Stage, str]) -> Iterator[User]:
    stage[0].app = create_app(world)
    with httpx2.Client(base_url=stage[1], timeout=10) as http:
        yield User(http, keys)
