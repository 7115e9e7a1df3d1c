"""Language models that say what a test wants, and remember what they were told."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

Reply = dict[str, Any] | str | Exception | Callable[[list[ModelMessage], AgentInfo], ModelResponse]


@dataclass
class Scripted:
    """Replies in order, the last one again and again; a dict is the structured output."""

    replies: list[Reply]
    told: list[list[ModelMessage]] = field(default_factory=list)

    def model(self, name: str = "function") -> FunctionModel:
        return FunctionModel(self._reply, model_name=name)

    def text(self) -> str:
        """Everything any request contained, instructions included."""
        return "\n".join(_text(message) for messages in self.told for message in messages)

    def _reply(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.told.append(list(messages))
        reply = self.replies[min(len(self.told), len(self.replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, str):
            return used(ModelResponse(parts=[TextPart(reply)]))
        if isinstance(reply, dict):
            return used(ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, json.dumps(reply))]))
        return used(reply(messages, info))


def says(*replies: Reply) -> Scripted:
    return Scripted(list(replies))


def calls(tool: str, arguments: Iterable[dict[str, Any]]) -> Reply:
    """A reply that calls `tool` once for each of the arguments."""
    asked = list(arguments)
    return lambda messages, info: ModelResponse(
        parts=[ToolCallPart(tool, json.dumps(each)) for each in asked]
    )


def used(response: ModelResponse) -> ModelResponse:
    """Every reply costs the same, so that sums can be foretold."""
    response.usage = RequestUsage(input_tokens=100, output_tokens=10)
    return response


def _text(message: ModelMessage) -> str:
    instructions = getattr(message, "instructions", None) or ""
    parts = (str(getattr(part, "content", "") or getattr(part, "args", "")) for part in message.parts)
    return "\n".join([instructions, *parts])
