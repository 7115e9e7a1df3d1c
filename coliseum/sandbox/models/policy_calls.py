"""Which tools to call, and with what arguments, told from the conversation and the tools' schemas."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from coliseum.sandbox.models import schema
from coliseum.sandbox.models.catalogue import Traits
from coliseum.sandbox.models.conversation import Call, Choice, Conversation, Prompt, Tool
from coliseum.sandbox.models.filling import filled
from coliseum.sandbox.models.policy_evidence import Evidence
from coliseum.sandbox.models.policy_text import listed, short
from coliseum.sandbox.models.reply import ToolCall
from coliseum.sandbox.models.roles import Role, text_role

_CLOSING_NAME = re.compile(r"^final[_ -]?(?:result|answer|output|response)|^submit_|^return_", re.IGNORECASE)
_CLOSING_WORDS = re.compile(
    r"\bfinal (?:result|answer|output|response)\b|\bends? (?:this|the) conversation\b", re.IGNORECASE
)
_QUESTION_CHARACTERS = 400


def closing_tools(conversation: Conversation) -> tuple[Tool, ...]:
    """The tools whose call is the answer: named or described as final; where a call is required and none is,
    the last one, since there must be a way out."""
    tools = conversation.tools
    marked = tuple(
        tool for tool in tools if _CLOSING_NAME.search(tool.name) or _CLOSING_WORDS.search(tool.description)
    )
    if marked or conversation.choice is not Choice.REQUIRED or conversation.schema is not None:
        return marked
    return tools[-1:]


def due_calls(
    conversation: Conversation, closing: Sequence[Tool], evidence: Evidence, traits: Traits
) -> tuple[ToolCall, ...]:
    """One round of calls: every ordinary tool that was not called since the user last spoke."""
    if conversation.choice is Choice.NONE:
        return ()
    done = _called_since_prompt(conversation)
    due = [tool for tool in conversation.tools if tool not in closing and tool.name not in done]
    planned = [calls_of(tool, evidence, traits) for tool in due]
    # Each tool gets its first call before any gets a second.
    rounds = range(max((len(calls) for calls in planned), default=0))
    ordered = [calls[turn] for turn in rounds for calls in planned if turn < len(calls)]
    return tuple(ordered[: traits.calls if conversation.parallel else 1])


def calls_of(tool: Tool, evidence: Evidence, traits: Traits) -> list[ToolCall]:
    """One call; or one for each question the user's last message lists, if the tool takes a question."""
    arguments = filled(tool.schema, evidence, traits)
    arguments = arguments if isinstance(arguments, dict) else {}
    name = question_parameter(tool)
    if not name:
        return [ToolCall(tool.name, arguments)]
    questions = listed(evidence.prompts[-1]) if evidence.prompts else ()
    asked = questions or (evidence.question,)
    return [ToolCall(tool.name, arguments | {name: _fitting(tool, name, question)}) for question in asked]


def question_parameter(tool: Tool) -> str:
    """The text parameter that takes a question or task; empty when there is none."""
    texts = [
        name for name, node in schema.properties(tool.schema).items() if _is_free_text(node, tool.schema)
    ]
    named = [name for name in texts if text_role(name) is Role.QUESTION]
    needed = schema.required(tool.schema)
    prose = [name for name in texts if text_role(name) is Role.PROSE and name in needed]
    return next(iter(named or prose), "")


def _called_since_prompt(conversation: Conversation) -> frozenset[str]:
    names: set[str] = set()
    for part in conversation.parts:
        if isinstance(part, Prompt):
            names.clear()
        elif isinstance(part, Call):
            names.add(part.name)
    return frozenset(names)


def _is_free_text(node: object, whole: Mapping[str, Any]) -> bool:
    plain = schema.resolved(node, schema.definitions_of(whole))
    return schema.kind(plain) == "string" and not {"enum", "const", "format", "anyOf", "oneOf"} & set(plain)


def _fitting(tool: Tool, name: str, question: str) -> str:
    node = schema.resolved(schema.properties(tool.schema)[name], schema.definitions_of(tool.schema))
    return short(question, schema.whole(node, "maxLength", _QUESTION_CHARACTERS, _QUESTION_CHARACTERS))
