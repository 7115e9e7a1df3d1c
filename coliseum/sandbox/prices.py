"""What the local world's models cost: figures invented for rehearsal, from a file marked simulated."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, Provider
from genai_prices.types import ModelPrice as ListedPrice

from coliseum.domain.money import Dollars

MILLION = Decimal(1_000_000)
PROVIDERS = ("anthropic", "fireworks", "openai")
"""Under which names the two models are found: the services whose shape the local world speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """Dollars per million tokens. Cached input is priced by the two cache figures instead of `input`."""

    input_per_million: Dollars
    output_per_million: Dollars
    cache_read_per_million: Dollars
    cache_write_per_million: Dollars

    def cost(
        self,
        *,
        input_tokens: int,
        output_tokens: int,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
    ) -> Dollars:
        """Exact dollars. `input_tokens` is all input; what was read from or written to a cache is part of it."""
        plain = input_tokens - cache_read_tokens - cache_write_tokens
        return (
            plain * self.input_per_million
            + output_tokens * self.output_per_million
            + cache_read_tokens * self.cache_read_per_million
            + cache_write_tokens * self.cache_write_per_million
        ) / MILLION


@cache
def prices() -> Mapping[str, ModelPrice]:
    """Price by model id."""
    text = files("coliseum.sandbox").joinpath("data", "prices.json").read_text(encoding="utf-8")
    models: dict[str, dict[str, str]] = json.loads(text)["models"]
    return MappingProxyType({name: _price(figures) for name, figures in models.items()})


def register() -> Callable[[], None]:
    """Let genai-prices price the two models, and with it the cost on every chat span and of every run.

    Process-wide, as genai-prices keeps one list of prices. The returned function puts the former list back,
    unless another has been set meanwhile; calling it twice does no harm.
    """
    former = get_snapshot()
    ours = DataSnapshot(
        [_with_models(provider) for provider in former.providers], from_auto_update=former.from_auto_update
    )
    ours.timestamp = former.timestamp
    set_custom_snapshot(ours)

    def undo() -> None:
        if get_snapshot() is ours:
            set_custom_snapshot(former)

    return undo


def _price(figures: Mapping[str, str]) -> ModelPrice:
    return ModelPrice(
        input_per_million=Decimal(figures["input_per_million"]),
        output_per_million=Decimal(figures["output_per_million"]),
        cache_read_per_million=Decimal(figures["cache_read_per_million"]),
        cache_write_per_million=Decimal(figures["cache_write_per_million"]),
    )


def _with_models(provider: Provider) -> Provider:
    if provider.id not in PROVIDERS:
        return provider
    return replace(provider, models=[*_models(), *provider.models])


def _models() -> list[ModelInfo]:
    return [
        ModelInfo(id=name, match=ClauseEquals(equals=name), name=f"{name} (simulated)", prices=_listed(price))
        for name, price in prices().items()
    ]


def _listed(price: ModelPrice) -> ListedPrice:
    return ListedPrice(
        input_mtok=price.input_per_million,
        output_mtok=price.output_per_million,
        cache_read_mtok=price.cache_read_per_million,
        cache_write_mtok=price.cache_write_per_million,
    )
