"""From a model's name to a model: which service, which address, which key."""

from collections.abc import Callable

import httpx2
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.fireworks import FireworksProvider

from coliseum.settings import Service, Settings

NO_KEY = "none-needed"
"""Sent where no key is set, which settings allow on the local world only."""
PATIENCE = 120.0
"""Seconds for one answer of a model, after which the request counts as lost."""
RETRIES = 2
"""Of the vendors' clients, after 429, 5xx and broken connections; each is a request of its own in the trace."""


def models(settings: Settings, http: httpx2.AsyncClient) -> Callable[[str], Model]:
    """How this run makes a model from its name. All share `http`, which stays the caller's to close."""

    def build_with_fallback(name: str) -> Model:
        first, spare = build(name, settings, http), settings.models.fallback
        if spare is None or spare == name:
            return first
        return FallbackModel(first, build(spare, settings, http))

    return build_with_fallback


def build(name: str, settings: Settings, http: httpx2.AsyncClient) -> Model:
    """One model: `anthropic:<id>`, `fireworks:<id>`, or a bare id of the local world, which speaks
    Anthropic's protocol."""
    provider, _, model = name.rpartition(":")
    match provider:
        case "fireworks":
            return _fireworks(model, settings.fireworks, http)
        case _:
            return _anthropic(model, settings.anthropic, http)


def _anthropic(model: str, service: Service, http: httpx2.AsyncClient) -> Model:
    client = AsyncAnthropic(
        api_key=_key(service),
        base_url=service.base_url,
        http_client=http,
        timeout=PATIENCE,
        max_retries=RETRIES,
        # Its own span would repeat the tokens of the agent's chat span, and every sum would be double.
        open_telemetry=False,
    )
    return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=client))


def _fireworks(model: str, service: Service, http: httpx2.AsyncClient) -> Model:
    client = AsyncOpenAI(
        api_key=_key(service),
        base_url=service.base_url,
        http_client=http,
        timeout=PATIENCE,
        max_retries=RETRIES,
    )
    return OpenAIChatModel(model, provider=FireworksProvider(openai_client=client))


def _key(service: Service) -> str:
    return service.api_key.get_secret_value() if service.api_key else NO_KEY
