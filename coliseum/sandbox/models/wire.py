"""What a service's shape has to bring: reading requests, and wording answers plain, streamed and refused."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from coliseum.sandbox.bodies import JsonObject
from coliseum.sandbox.models.conversation import ModelRequest
from coliseum.sandbox.models.refusal import Refusal, invalid
from coliseum.sandbox.models.reply import Reply

_PIECE = 32
"""Characters in one streamed piece of text or arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply with what it needs to be sent."""

    request: ModelRequest
    reply: Reply
    digest: str
    """64 hex digits derived from the request; all ids of the answer come from them."""
    created: int
    """Unix time, seconds."""

    def call_id(self, prefix: str, index: int) -> str:
        return prefix + sha256(f"{self.digest}:{index}".encode()).hexdigest()[:24]


class Wire(Protocol):
    """One service's shape. Stateless."""

    provider: str

    def read(self, body: JsonObject) -> ModelRequest:
        """Raises Refusal for what the service itself would refuse."""
        ...

    def plain(self, answer: Answer) -> JsonObject: ...
    def events(self, answer: Answer) -> Iterator[str]:
        """The same answer as server-sent events."""
        ...

    def refused(self, refusal: Refusal, request_id: str) -> JsonObject: ...
    def models(self, names: tuple[str, ...]) -> JsonObject:
        """The list of models."""
        ...


def digest(body: object) -> str:
    return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def pieces(text: str) -> Iterator[str]:
    return (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))


def text_of(value: object, param: str, default: str | None = None) -> str:
    """A text field; raises Refusal when it is something else, or missing without a default."""
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise invalid(f"{param}: must be a text", param)
    return value


def mapping(value: object, param: str) -> Mapping[str, Any]:
    """An object field; raises Refusal when it is something else."""
    if not isinstance(value, dict):
        raise invalid(f"{param}: must be an object", param)
    return value


def many(value: object, param: str) -> list[Any]:
    """A list field, empty when missing; raises Refusal when it is something else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(f"{param}: must be a list", param)
    return value


def flag(value: object, param: str) -> bool:
    """A true/false field, false when missing; raises Refusal when it is something else."""
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{param}: must be true or false", param)
    return bool(value)


def token_limit(value: object, param: str) -> int:
    """A limit of at least one token; raises Refusal."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise invalid(f"{param}: must be a whole number of at least 1", param)
    return value
