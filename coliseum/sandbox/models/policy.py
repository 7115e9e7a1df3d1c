"""What the local world's models say: a fixed rule that reads the messages, the tools and the schemas.

The rule, the same for any program: call every ordinary tool once for each thing the user asks, then answer in
the shape that is asked for, from counts and sentences found in the messages. Probabilities come from counts
("37 of 97") only, so that a text claiming one moves nothing. Nothing is random and nothing is remembered.
"""

import json

from coliseum.sandbox.models.catalogue import Traits
from coliseum.sandbox.models.conversation import Choice, Conversation, Schema, Tool
from coliseum.sandbox.models.filling import filled
from coliseum.sandbox.models.policy_calls import calls_of, closing_tools, due_calls
from coliseum.sandbox.models.policy_corrections import corrected, corrected_text, feedback
from coliseum.sandbox.models.policy_evidence import Evidence, evidence
from coliseum.sandbox.models.policy_text import short
from coliseum.sandbox.models.reply import Reply, ToolCall, called, spoken
from coliseum.sandbox.models.texts import composed


def decide(conversation: Conversation, traits: Traits) -> Reply:
    """The next answer. The same conversation and traits always give the same one."""
    closing = closing_tools(conversation)
    names = frozenset(tool.name for tool in closing)
    known = evidence(conversation, names)
    said = feedback(conversation, names)
    forced = next((tool for tool in conversation.tools if tool.name == conversation.forced), None)
    if forced is not None:
        return _forced(forced, forced in closing, known, said, traits)
    due = due_calls(conversation, closing, known, traits)
    if due:
        return called(*due)
    return _answer(conversation, closing, known, said, traits)


def _forced(tool: Tool, closes: bool, known: Evidence, said: tuple[str, ...], traits: Traits) -> Reply:
    return _closed(tool, known, said, traits) if closes else called(calls_of(tool, known, traits)[0])


def _answer(
    conversation: Conversation,
    closing: tuple[Tool, ...],
    known: Evidence,
    said: tuple[str, ...],
    traits: Traits,
) -> Reply:
    if conversation.schema is not None:
        return spoken(json.dumps(_filled(conversation.schema, known, said, traits), ensure_ascii=False))
    if closing and conversation.choice is not Choice.NONE:
        return _closed(closing[0], known, said, traits)
    return spoken(corrected_text(_text(known, traits), said))


def _closed(tool: Tool, known: Evidence, said: tuple[str, ...], traits: Traits) -> Reply:
    arguments = _filled(tool.schema, known, said, traits)
    return called(ToolCall(tool.name, arguments if isinstance(arguments, dict) else {}))


def _filled(schema: Schema, known: Evidence, said: tuple[str, ...], traits: Traits) -> object:
    return corrected(filled(schema, known, traits), said)


def _text(known: Evidence, traits: Traits) -> str:
    quoted = composed(known, traits.characters)
    if known.exchanges and quoted:
        return quoted
    counted = known.count
    if counted is not None:
        return f"{quoted} The count named is {counted.hits} of {counted.cases}."
    question = short(known.question, traits.characters // 2)
    return f"The messages hold no evidence on this: {question}" if question else "The messages are empty."
