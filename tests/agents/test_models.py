"""From a model's name to the right service, key and address; over real HTTP where bytes matter."""

import asyncio
import json

import httpx2
import pytest
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel

from coliseum.agents.asking import Meter
from coliseum.agents.models import models
from coliseum.agents.scout import scout
from coliseum.errors import ServiceError
from coliseum.settings import Settings
from tests.agents.material import market

KEYS = {"EXA_API_KEY": "e", "ANTHROPIC_API_KEY": "ant-secret", "FIREWORKS_API_KEY": "fw-secret"}


class Recorded:
    """Answers every request with 401 and remembers it."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(401, json={"error": {"message": "no"}})


def made(name: str, http: httpx2.AsyncClient, **variables: str) -> Model:
    return models(Settings.from_env({"HOME": "/h", **KEYS, **variables}), http)(name)


def asked(name: str, **variables: str) -> httpx2.Request:
    """The first request that an agent on the named model sends."""
    recorded = Recorded()

    async def ask() -> None:
        async with recorded.http:
            model = made(name, recorded.http, COLISEUM_MODELS__FALLBACK="none", **variables)
            with pytest.raises(ServiceError):
                await scout(model, name).pick([market()], 1, Meter(name))

    asyncio.run(ask())
    return recorded.requests[0]


def test_an_anthropic_model_is_asked_at_anthropics_address_with_its_key() -> None:
    request = asked("anthropic:claude-sonnet-5-5")
    assert str(request.url) == "https://api.anthropic.com/v1/messages"
    assert json.loads(request.content)["model"] == "claude-sonnet-5-5"
    assert "ant-secret" in str(request.headers.raw)
    assert "fw-secret" not in str(request.headers.raw)


def test_a_fireworks_model_keeps_its_whole_name() -> None:
    request = asked("fireworks:accounts/fireworks/models/deepseek-v3p2")
    assert str(request.url) == "https://api.fireworks.ai/inference/v1/chat/completions"
    assert json.loads(request.content)["model"] == "accounts/fireworks/models/deepseek-v3p2"
    assert "ant-secret" not in str(request.headers.raw)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("sandbox-large", "/anthropic/v1/messages"),
        ("fireworks:sandbox-small", "/fireworks/v1/chat/completions"),
    ],
)
def test_the_local_worlds_models_are_asked_there(name: str, path: str) -> None:
    request = asked(name, COLISEUM_VENUE="sandbox")
    assert (request.url.host, request.url.path) == ("127.0.0.1", path)
    assert json.loads(request.content)["model"] == name.rpartition(":")[2]


def test_a_configured_fallback_stands_behind_every_model_but_itself() -> None:
    async def build() -> tuple[Model, Model, Model]:
        async with httpx2.AsyncClient() as http:
            both = made("anthropic:claude-sonnet-5-5", http)
            alone = made("anthropic:claude-sonnet-5-5", http, COLISEUM_MODELS__FALLBACK="none")
            same = made("fireworks:accounts/fireworks/models/deepseek-v3p2", http)
            return both, alone, same

    both, alone, same = asyncio.run(build())
    assert isinstance(both, FallbackModel)
    assert isinstance(alone, AnthropicModel)
    assert isinstance(same, OpenAIChatModel)
