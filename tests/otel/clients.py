"""The four HTTP clients that programs use, called alike."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import httpx2

Send = Callable[..., int]


def _sync(library: Any) -> Send:
    def send(url: str, method: str = "GET", **more: Any) -> int:
        with library.Client(trust_env=False) as client:
            return int(client.request(method, url, **more).status_code)

    return send


def _async(library: Any) -> Send:
    async def sent(url: str, method: str, more: dict[str, Any]) -> int:
        async with library.AsyncClient(trust_env=False) as client:
            return int((await client.request(method, url, **more)).status_code)

    def send(url: str, method: str = "GET", **more: Any) -> int:
        return asyncio.run(sent(url, method, more))

    return send


CLIENTS: dict[str, Send] = {
    "httpx": _sync(httpx),
    "httpx async": _async(httpx),
    "httpx2": _sync(httpx2),
    "httpx2 async": _async(httpx2),
}
