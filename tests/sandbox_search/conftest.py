"""The search service behind real HTTP on a loopback port."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from threading import Thread
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette

from coliseum.sandbox import search
from coliseum.sandbox.clock import MarketClock

KEY = "key-of-this-test"
NOW = datetime(2026, 5, 9, 12, tzinfo=UTC)


@dataclass
class Service:
    """The running service and the dollars it reported."""

    address: str
    clock: MarketClock
    spent: list[Decimal] = field(default_factory=list)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
        with httpx2.Client() as client:
            return client.post(
                self.address + path, json=body, headers={"x-api-key": KEY} if headers is None else headers
            )

    def ok(self, path: str, **body: Any) -> dict[str, Any]:
        response = self.post(path, body)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found


@contextmanager
def serving(clock: MarketClock) -> Iterator[Service]:
    """The search service at `clock` on a free loopback port; it is gone when the block ends."""
    service = Service("", clock)
    app = Starlette(routes=search.routes(clock, KEY, lambda dollars: service.spent.append(dollars)))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    # listens before the server does, so that no early request is turned away
    listener.listen()
    service.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield service
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def running() -> Iterator[Service]:
    with serving(MarketClock(NOW)) as service:
        yield service


@pytest.fixture
def service(running: Service) -> Service:
    """At noon of 9 May 2026; no test may move this clock."""
    running.spent.clear()
    return running
