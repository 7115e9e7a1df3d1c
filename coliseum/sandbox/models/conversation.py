"""A conversation as the policy sees it, whichever service's shape it came in."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Any

Schema = Mapping[str, Any]
"""A JSON Schema object, not yet trusted."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something the user said."""

    text: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the calling program says about an answer it could not use."""

    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something the model said."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call the model made earlier."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answered."""

    call_id: str
    name: str
    text: str
    failed: bool


Part = Prompt | Feedback | Spoken | Call | Result


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer, with the schema of its arguments."""

    name: str
    description: str
    schema: Schema


class Choice(StrEnum):
    """Whether tools may, must or must not be called."""

    AUTO = "auto"
    REQUIRED = "required"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Everything an answer may depend on."""

    system: str
    parts: tuple[Part, ...]
    tools: tuple[Tool, ...] = ()
    choice: Choice = Choice.AUTO
    forced: str = ""
    """The one tool that has to be called, if any."""
    parallel: bool = True
    """Whether several tools may be called at once."""
    schema: Schema | None = None
    """The shape of a native structured answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One request for an answer."""

    model: str
    conversation: Conversation
    max_tokens: int | None
    stream: bool
    stream_usage: bool
    input_tokens: int
    """All of the prompt, cached or not."""
    cacheable_tokens: int = 0
    """How many of them the caller marked as the same in every request."""

    @property
    def cache_read_tokens(self) -> int:
        """The marked part is read once an earlier answer in the conversation shows it was sent before."""
        return self.cacheable_tokens if self._continues else 0

    @property
    def cache_write_tokens(self) -> int:
        return 0 if self._continues else self.cacheable_tokens

    @property
    def _continues(self) -> bool:
        return any(isinstance(part, Spoken | Call) for part in self.conversation.parts)


_FENCED = re.compile(r"<pyai:(?:validation_errors|retry_feedback)>|^<system>")
_ASKS_AGAIN = re.compile(r"validation error.*(?:try again|fix the errors)", re.IGNORECASE | re.DOTALL)


def heard(text: str) -> Prompt | Feedback:
    """A user-role text is feedback when a program wrote it: the known fences and retry sentences."""
    return Feedback(text) if _FENCED.search(text) or _ASKS_AGAIN.search(text) else Prompt(text)


def tokens(value: object) -> int:
    """A steady estimate: a quarter of the UTF-8 bytes, rounded up; objects are measured as compact JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return ceil(len(text.encode()) / 4)
