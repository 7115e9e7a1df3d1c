"""What the model answers, before it takes a service's shape."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from coliseum.sandbox.models.conversation import tokens


class Stop(StrEnum):
    """Why the answer ends."""

    END = "end"
    CALLS = "calls"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model wants to be made."""

    name: str
    arguments: Mapping[str, Any]

    @property
    def json(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False)

    @property
    def tokens(self) -> int:
        return tokens(self.name) + tokens(self.json)


@dataclass(frozen=True, slots=True)
class Reply:
    """Text, calls, or both."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    stop: Stop = Stop.END

    @property
    def tokens(self) -> int:
        return max(1, tokens(self.text) + sum(call.tokens for call in self.calls))


def spoken(text: str) -> Reply:
    return Reply(text=text)


def called(*calls: ToolCall) -> Reply:
    return Reply(calls=calls, stop=Stop.CALLS)


def within(reply: Reply, max_tokens: int | None) -> Reply:
    """The reply cut to `max_tokens`: text ends mid-word, a call that does not fit is left out whole."""
    if max_tokens is None or reply.tokens <= max_tokens:
        return reply
    room = max_tokens * 4
    text = reply.text.encode()[:room].decode(errors="ignore")
    left = max_tokens - tokens(text)
    calls: list[ToolCall] = []
    for call in reply.calls:
        left -= call.tokens
        if left < 0:
            break
        calls.append(call)
    return replace(reply, text=text, calls=tuple(calls), stop=Stop.LENGTH)
