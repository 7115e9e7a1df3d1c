"""The shape of Anthropic's Messages API."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from coliseum.sandbox.bodies import JsonObject
from coliseum.sandbox.models.conversation import (
    Call,
    Choice,
    Conversation,
    ModelRequest,
    Part,
    Result,
    Schema,
    Spoken,
    Tool,
    heard,
    tokens,
)
from coliseum.sandbox.models.refusal import Reason, Refusal, invalid
from coliseum.sandbox.models.reply import Stop
from coliseum.sandbox.models.wire import Answer, flag, many, mapping, pieces, text_of, token_limit

_STOPS = {Stop.END: "end_turn", Stop.CALLS: "tool_use", Stop.LENGTH: "max_tokens"}
_CHOICES = {"auto": Choice.AUTO, "any": Choice.REQUIRED, "tool": Choice.REQUIRED, "none": Choice.NONE}
_ERRORS = {
    Reason.INVALID: "invalid_request_error",
    Reason.UNAUTHENTICATED: "authentication_error",
    Reason.NOT_FOUND: "not_found_error",
    Reason.TOO_LARGE: "request_too_large",
}


class Anthropic:
    """Messages, plain and streamed."""

    provider = "anthropic"

    def read(self, body: JsonObject) -> ModelRequest:
        """Raises Refusal."""
        model = text_of(body.get("model"), "model")
        limit = token_limit(body.get("max_tokens"), "max_tokens")
        prompt = {name: body.get(name) for name in ("system", "tools", "messages", "output_config")}
        fixed = {name: body.get(name) for name in ("system", "tools")}
        return ModelRequest(
            model=model,
            conversation=_conversation(body),
            max_tokens=limit,
            stream=flag(body.get("stream"), "stream"),
            stream_usage=True,
            input_tokens=tokens(prompt),
            cacheable_tokens=tokens(fixed) if "cache_control" in json.dumps(fixed) else 0,
        )

    def plain(self, answer: Answer) -> JsonObject:
        content: list[JsonObject] = [{"type": "text", "text": answer.reply.text}] if answer.reply.text else []
        for index, call in enumerate(answer.reply.calls):
            content.append({**_tool_use(answer, index), "input": dict(call.arguments)})
        reason = _STOPS[answer.reply.stop]
        usage = _usage(answer, answer.reply.tokens)
        return {**_message(answer), "content": content, "stop_reason": reason, "usage": usage}

    def events(self, answer: Answer) -> Iterator[str]:
        yield _event("message_start", {"message": {**_message(answer), "usage": _usage(answer, 1)}})
        for index, (block, deltas) in enumerate(_blocks(answer)):
            yield _event("content_block_start", {"index": index, "content_block": block})
            for delta in deltas:
                yield _event("content_block_delta", {"index": index, "delta": delta})
            yield _event("content_block_stop", {"index": index})
        end = {"stop_reason": _STOPS[answer.reply.stop], "stop_sequence": None}
        yield _event("message_delta", {"delta": end, "usage": _usage(answer, answer.reply.tokens)})
        yield _event("message_stop", {})

    def refused(self, refusal: Refusal, request_id: str) -> JsonObject:
        error = {"type": _ERRORS[refusal.reason], "message": refusal.message}
        return {"type": "error", "error": error, "request_id": request_id}

    def models(self, names: tuple[str, ...]) -> JsonObject:
        entries = [
            {
                "type": "model",
                "id": name,
                "display_name": f"{name} (local world)",
                "created_at": "2026-01-01T00:00:00Z",
            }
            for name in names
        ]
        return {"data": entries, "has_more": False, "first_id": names[0], "last_id": names[-1]}


def _message(answer: Answer) -> JsonObject:
    return {
        "id": f"msg_{answer.digest[:24]}",
        "type": "message",
        "role": "assistant",
        "model": answer.request.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(answer: Answer, output: int) -> JsonObject:
    # Anthropic counts what a cache held beside the input, not as part of it.
    request = answer.request
    return {
        "input_tokens": request.input_tokens - request.cacheable_tokens,
        "cache_creation_input_tokens": request.cache_write_tokens,
        "cache_read_input_tokens": request.cache_read_tokens,
        "output_tokens": output,
    }


def _tool_use(answer: Answer, index: int) -> JsonObject:
    name = answer.reply.calls[index].name
    return {"type": "tool_use", "id": answer.call_id("toolu_", index), "name": name, "input": {}}


def _blocks(answer: Answer) -> Iterator[tuple[JsonObject, Iterable[JsonObject]]]:
    if answer.reply.text:
        deltas = ({"type": "text_delta", "text": piece} for piece in pieces(answer.reply.text))
        yield {"type": "text", "text": ""}, deltas
    for index, call in enumerate(answer.reply.calls):
        parts = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces(call.json))
        yield _tool_use(answer, index), parts


def _event(name: str, body: JsonObject) -> str:
    return f"event: {name}\ndata: {json.dumps({'type': name, **body}, ensure_ascii=False)}\n\n"


def _conversation(body: JsonObject) -> Conversation:
    choice = mapping(body.get("tool_choice") or {"type": "auto"}, "tool_choice")
    kind = text_of(choice.get("type"), "tool_choice.type")
    if kind not in _CHOICES:
        raise invalid(f"tool_choice.type: must be one of {', '.join(_CHOICES)}", "tool_choice")
    return Conversation(
        system=_joined(body.get("system"), "system"),
        parts=tuple(_parts(body)),
        tools=tuple(_tools(body)),
        choice=_CHOICES[kind],
        forced=text_of(choice.get("name"), "tool_choice.name") if kind == "tool" else "",
        parallel=not flag(choice.get("disable_parallel_tool_use"), "tool_choice.disable_parallel_tool_use"),
        schema=_schema(body),
    )


def _parts(body: JsonObject) -> Iterator[Part]:
    messages = many(body.get("messages"), "messages")
    if not messages:
        raise invalid("messages: at least one message is required", "messages")
    names: dict[str, str] = {}
    for index, entry in enumerate(messages):
        place = f"messages.{index}"
        message = mapping(entry, place)
        role = message.get("role")
        if role not in ("user", "assistant"):
            raise invalid(f"{place}.role: must be 'user' or 'assistant'", "messages")
        for block in _content(message.get("content"), f"{place}.content"):
            part = _part(str(role), block, names, place)
            if isinstance(part, Call):
                names[part.id] = part.name
            if part is not None:
                yield part


def _content(content: object, place: str) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if content is None:
        raise invalid(f"{place}: is required", "messages")
    return [mapping(block, place) for block in many(content, place)]


def _part(role: str, block: Mapping[str, Any], names: Mapping[str, str], place: str) -> Part | None:
    match block.get("type"), role:
        case "text", "user":
            return heard(text_of(block.get("text"), f"{place}.text"))
        case "text", _:
            return Spoken(text_of(block.get("text"), f"{place}.text"))
        case "tool_use", "assistant":
            arguments = mapping(block.get("input"), f"{place}.input")
            return Call(text_of(block.get("id"), place), text_of(block.get("name"), place), arguments)
        case "tool_result", "user":
            return _result(block, names, place)
        case _:
            # Images, documents and thinking say nothing to a model that reads text only.
            return None


def _result(block: Mapping[str, Any], names: Mapping[str, str], place: str) -> Result:
    call = text_of(block.get("tool_use_id"), f"{place}.tool_use_id")
    if call not in names:
        raise invalid(
            f"{place}: tool_result refers to {call[:80]!r}, which is no earlier tool_use", "messages"
        )
    failed = flag(block.get("is_error"), f"{place}.is_error")
    return Result(call, names[call], _joined(block.get("content"), place), failed)


def _joined(content: object, place: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    blocks = [mapping(block, place) for block in many(content, place)]
    return "\n".join(text_of(block.get("text"), place) for block in blocks if block.get("type") == "text")


def _tools(body: JsonObject) -> Iterator[Tool]:
    for index, entry in enumerate(many(body.get("tools"), "tools")):
        tool = mapping(entry, f"tools.{index}")
        # Tools that run on the vendor's side have no schema; there is nothing here to run them.
        if "input_schema" in tool:
            name = text_of(tool.get("name"), f"tools.{index}.name")
            schema = mapping(tool["input_schema"], f"tools.{index}.input_schema")
            yield Tool(name, text_of(tool.get("description"), f"tools.{index}.description", ""), schema)


def _schema(body: JsonObject) -> Schema | None:
    config = body.get("output_config")
    form = mapping(config, "output_config").get("format") if config is not None else body.get("output_format")
    if form is None:
        return None
    described = mapping(form, "output_config.format")
    if described.get("type") != "json_schema":
        raise invalid("output_config.format.type: must be 'json_schema'", "output_config")
    return mapping(described.get("schema"), "output_config.format.schema")
