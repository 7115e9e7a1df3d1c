"""The models behind real HTTP on a loopback port, and clients for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

import httpx2
import pytest
import uvicorn
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.fireworks import FireworksProvider
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from coliseum.sandbox import models
from coliseum.sandbox.models import ModelUse

KEY = "key-of-this-test"
NATIVE = ModelProfile(supports_json_schema_output=True)


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The address of `app` on a free loopback port; the server is gone when the block ends."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    # listens before the server does, so that no early request is turned away
    listener.listen()
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@dataclass(frozen=True)
class Service:
    """The running service and what it reported."""

    address: str
    uses: list[ModelUse] = field(default_factory=list)

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> httpx2.Response:
        with httpx2.Client() as client:
            sent = {"authorization": f"Bearer {KEY}"} if headers is None else headers
            return client.post(self.address + path, json=body, headers=sent)

    def get(self, path: str, headers: dict[str, str]) -> httpx2.Response:
        with httpx2.Client() as client:
            return client.get(self.address + path, headers=headers)


@pytest.fixture(scope="session")
def running() -> Iterator[Service]:
    uses: list[ModelUse] = []
    routes = models.routes(KEY, uses.append, now=lambda: 1_780_000_000.0)
    app = Starlette(routes=[Mount("/anthropic", routes=routes), Mount("/fireworks", routes=routes)])
    with serving(app) as address:
        yield Service(address, uses)


@pytest.fixture
def service(running: Service) -> Service:
    running.uses.clear()
    return running


Build = Callable[..., Model]


@pytest.fixture(params=["anthropic", "fireworks"])
def model(request: pytest.FixtureRequest, service: Service) -> Build:
    """Builds a pydantic-ai model of one service's shape; pass `client=` to have its connections closed by it."""
    build: Build = anthropic_model if request.param == "anthropic" else fireworks_model

    def built(
        client: httpx2.AsyncClient, name: str = "sandbox-large", *, key: str = KEY, native: bool = False
    ) -> Model:
        return build(service, client, name, key, NATIVE if native else None)

    return built


def anthropic_model(
    service: Service, client: httpx2.AsyncClient, name: str, key: str, profile: ModelProfile | None
) -> Model:
    sdk = AsyncAnthropic(
        api_key=key, base_url=f"{service.address}/anthropic", http_client=client, max_retries=0
    )
    return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=sdk), profile=profile)


def fireworks_model(
    service: Service, client: httpx2.AsyncClient, name: str, key: str, profile: ModelProfile | None
) -> Model:
    sdk = AsyncOpenAI(
        api_key=key, base_url=f"{service.address}/fireworks/v1", http_client=client, max_retries=0
    )
    return OpenAIChatModel(name, provider=FireworksProvider(openai_client=sdk), profile=profile)
