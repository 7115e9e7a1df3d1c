"""Serves one world over real HTTP on loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp

from coliseum.sandbox import admin, models, search
from coliseum.sandbox.breakage import Breakage
from coliseum.sandbox.connection import Connection
from coliseum.sandbox.exchange.routes import routes as exchange_routes
from coliseum.sandbox.exchange.signature import Verifier
from coliseum.sandbox.faults import HEADER, Kind
from coliseum.sandbox.requests import Recorder, note
from coliseum.sandbox.services import (
    ADMIN_PATH,
    ANTHROPIC_PATH,
    EXCHANGE_PATH,
    FIREWORKS_PATH,
    SEARCH_PATH,
    error_body,
)
from coliseum.sandbox.world import World

LOOPBACK = "127.0.0.1"
_CLOSING_SECONDS = 1
_BACKLOG = 512


def create_app(world: World) -> Starlette:
    """The whole world as one application: exchange, search, models and admin pages, with faults on demand."""
    app = Starlette(
        routes=_mounts(world),
        middleware=[
            Middleware(Recorder, log=world.requests, wall=world.wall),
            Middleware(Breakage, faults=world.faults),
        ],
        exception_handlers={HTTPException: _http_error},
    )
    app.router.redirect_slashes = False
    return app


def _mounts(world: World) -> list[BaseRoute]:
    keys = world.credentials
    spoken = models.routes(keys.model_key, world.totals.use)
    found = search.routes(world.clock, keys.exa_key, world.totals.spend)
    return [
        _mount(EXCHANGE_PATH, exchange_routes(world.exchange, _verifier(world), _paused(world))),
        _mount(SEARCH_PATH, found),
        _mount(ANTHROPIC_PATH, spoken),
        _mount(FIREWORKS_PATH, spoken),
        _mount(ADMIN_PATH, admin.routes(world)),
    ]


def _mount(path: str, pages: list[BaseRoute]) -> Mount:
    return Mount(path, app=Router(pages, redirect_slashes=False))


def _verifier(world: World) -> Verifier:
    keys = world.credentials
    return Verifier(keys.key_id, keys.private_key.public_key(), world.skew, world.wall)


def _paused(world: World) -> Callable[[Request, str], bool]:
    def paused(request: Request, ticker: str) -> bool:
        asked = request.headers.get(HEADER) == Kind.PAUSED_MARKET
        if not asked and not world.faults.take_pause(ticker):
            return False
        note(request.scope).fault = Kind.PAUSED_MARKET.value
        return True

    return paused


async def _http_error(request: Request, error: Exception) -> Response:
    """Unknown path or method, in the words of the service that would have answered."""
    problem = cast(HTTPException, error)  # the only kind it is registered for
    body = error_body(request.url.path, problem.status_code, problem.detail)
    return JSONResponse(body, status_code=problem.status_code, headers=problem.headers)


def listen(port: int, host: str = LOOPBACK) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises OSError when the port is in use."""
    # because asyncio turns Nagle's delay off (40 ms an answer) only where the protocol is named
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{host}:{port}"


def server(app: ASGIApp) -> uvicorn.Server:
    """A server whose connections can be cut; `run(sockets=[...])` serves until `should_exit` is set."""
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_CLOSING_SECONDS,
    )
    return uvicorn.Server(config)


@contextmanager
def serving(world: World, port: int = 0) -> Iterator[str]:
    """Serve the world from a thread of this process and yield its address. Leaving stops the server, closes
    every connection and joins the thread. Raises OSError when the port is in use."""
    with hosting(create_app(world), port) as url:
        yield url


@contextmanager
def hosting(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """What `serving` does, for any application."""
    listening = listen(port)
    running = server(app)
    thread = threading.Thread(target=running.run, args=([listening],), name="sandbox", daemon=True)
    thread.start()
    try:
        yield address(listening)
    finally:
        running.should_exit = True
        thread.join()
        listening.close()
