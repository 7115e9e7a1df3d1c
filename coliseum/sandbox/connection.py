"""One TCP connection of the server, which an answer in progress can cut without a word."""

import asyncio
from typing import Any, cast

from starlette.types import Receive, Scope
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_CUT = "sandbox.cut"


class Connection(asyncio.Protocol):
    """Hands everything on to uvicorn's HTTP/1.1 protocol; its requests carry the scissors in their state."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._http = H11Protocol(config, server_state, {**app_state, _CUT: self._cut}, _loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # TCP always brings one
        self._http.connection_made(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._http.data_received(data)

    def eof_received(self) -> None:
        self._http.eof_received()

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()

    def _cut(self) -> None:
        self._transport.abort()


async def cut(scope: Scope, receive: Receive) -> None:
    """Close the connection of this request without an answer, and wait until it is closed."""
    scope["state"][_CUT]()
    # because a handler that returns while the server believes in the connection would be answered with a 500
    while (await receive())["type"] != "http.disconnect":
        pass
