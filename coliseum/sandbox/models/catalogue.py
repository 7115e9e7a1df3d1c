"""The two models the local world has, and in what they differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The only ways in which one model differs from the other."""

    calls: int
    """Most tool calls in one answer."""
    characters: int
    """Longest text it composes, where the schema asks for less than that."""
    quotes: int
    """Most sentences in a list of reasons."""


MODELS: Mapping[str, Traits] = MappingProxyType(
    {
        "sandbox-large": Traits(calls=4, characters=600, quotes=4),
        "sandbox-small": Traits(calls=2, characters=200, quotes=2),
    }
)


def unknown_model(model: str) -> str:
    """What to say of a model that is not here: these never pass for a real one."""
    return f"model {model[:80]!r} does not exist in the local world; it has {' and '.join(MODELS)}"
