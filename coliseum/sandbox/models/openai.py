"""The shape of OpenAI's chat completions, which Fireworks and others speak too."""

import json
from collections.abc import Iterator, Mapping
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

_STOPS = {Stop.END: "stop", Stop.CALLS: "tool_calls", Stop.LENGTH: "length"}
_CHOICES = {"auto": Choice.AUTO, "required": Choice.REQUIRED, "none": Choice.NONE}
_CODES = {
    Reason.INVALID: None,
    Reason.UNAUTHENTICATED: "invalid_api_key",
    Reason.NOT_FOUND: "model_not_found",
    Reason.TOO_LARGE: "request_too_large",
}
_SYSTEM = ("system", "developer")
_ROLES = (*_SYSTEM, "user", "assistant", "tool")


class OpenAI:
    """Chat completions, plain and streamed."""

    provider = "openai"

    def read(self, body: JsonObject) -> ModelRequest:
        """Raises Refusal."""
        if body.get("n") not in (None, 1):
            raise invalid("n: only one choice is offered", "n")
        options = mapping(body.get("stream_options") or {}, "stream_options")
        prompt = {name: body.get(name) for name in ("messages", "tools", "response_format")}
        return ModelRequest(
            model=text_of(body.get("model"), "model"),
            conversation=_conversation(body),
            max_tokens=_limit(body),
            stream=flag(body.get("stream"), "stream"),
            stream_usage=flag(options.get("include_usage"), "stream_options.include_usage"),
            input_tokens=tokens(prompt),
        )

    def plain(self, answer: Answer) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": answer.reply.text or None, "refusal": None}
        if answer.reply.calls:
            message["tool_calls"] = [
                _call(answer, index, call.json) for index, call in enumerate(answer.reply.calls)
            ]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _STOPS[answer.reply.stop],
        }
        return {**_head(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)}

    def events(self, answer: Answer) -> Iterator[str]:
        yield _chunk(answer, {"role": "assistant", "content": "" if answer.reply.text else None})
        for piece in pieces(answer.reply.text):
            yield _chunk(answer, {"content": piece})
        for index, call in enumerate(answer.reply.calls):
            yield _chunk(answer, {"tool_calls": [{"index": index, **_call(answer, index, "")}]})
            for piece in pieces(call.json):
                yield _chunk(answer, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield _chunk(answer, {}, finish=_STOPS[answer.reply.stop])
        if answer.request.stream_usage:
            head = _head(answer, "chat.completion.chunk")
            yield _event({**head, "choices": [], "usage": _usage(answer)})
        yield "data: [DONE]\n\n"

    def refused(self, refusal: Refusal, request_id: str) -> JsonObject:
        error = {
            "message": refusal.message,
            "type": "invalid_request_error",
            "param": refusal.param,
            "code": _CODES[refusal.reason]
            if refusal.param or refusal.reason is not Reason.NOT_FOUND
            else None,
        }
        return {"error": error}

    def models(self, names: tuple[str, ...]) -> JsonObject:
        entries = [
            {"id": name, "object": "model", "created": 1767225600, "owned_by": "local-world"}
            for name in names
        ]
        return {"object": "list", "data": entries}


def _head(answer: Answer, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{answer.digest[:24]}",
        "object": kind,
        "created": answer.created,
        "model": answer.request.model,
    }


def _chunk(answer: Answer, delta: JsonObject, finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _event({**_head(answer, "chat.completion.chunk"), "choices": [choice]})


def _call(answer: Answer, index: int, arguments: str) -> JsonObject:
    function = {"name": answer.reply.calls[index].name, "arguments": arguments}
    return {"id": answer.call_id("call_", index), "type": "function", "function": function}


def _usage(answer: Answer) -> JsonObject:
    total = answer.request.input_tokens + answer.reply.tokens
    return {
        "prompt_tokens": answer.request.input_tokens,
        "completion_tokens": answer.reply.tokens,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": answer.request.cache_read_tokens},
    }


def _event(body: JsonObject) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


def _limit(body: JsonObject) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        if body.get(name) is not None:
            return token_limit(body[name], name)
    return None


def _conversation(body: JsonObject) -> Conversation:
    messages = many(body.get("messages"), "messages")
    if not messages:
        raise invalid("messages: at least one message is required", "messages")
    choice, forced = _choice(body)
    return Conversation(
        system="\n".join(_system(messages)),
        parts=tuple(_parts(messages)),
        tools=tuple(_tools(body)),
        choice=choice,
        forced=forced,
        parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema(body),
    )


def _choice(body: JsonObject) -> tuple[Choice, str]:
    chosen = body.get("tool_choice") or "auto"
    if isinstance(chosen, str) and chosen in _CHOICES:
        return _CHOICES[chosen], ""
    function = mapping(mapping(chosen, "tool_choice").get("function"), "tool_choice.function")
    return Choice.REQUIRED, text_of(function.get("name"), "tool_choice.function.name")


def _system(messages: list[Any]) -> Iterator[str]:
    for index, entry in enumerate(messages):
        message = mapping(entry, f"messages.{index}")
        if message.get("role") in _SYSTEM:
            yield _joined(message.get("content"), f"messages.{index}.content")


def _parts(messages: list[Any]) -> Iterator[Part]:
    names: dict[str, str] = {}
    for index, message in enumerate(messages):
        place = f"messages.{index}"
        text = _joined(message.get("content"), f"{place}.content")
        match message.get("role"):
            case "user":
                yield heard(text)
            case "assistant":
                yield from _assistant(message, text, names, place)
            case "tool":
                yield _result(message, text, names, place)
            case role if role not in _ROLES:
                raise invalid(f"{place}.role: must be one of {', '.join(_ROLES)}", "messages")


def _assistant(message: Mapping[str, Any], text: str, names: dict[str, str], place: str) -> Iterator[Part]:
    if text:
        yield Spoken(text)
    for entry in many(message.get("tool_calls"), f"{place}.tool_calls"):
        function = mapping(mapping(entry, place).get("function"), f"{place}.function")
        call = Call(
            text_of(entry.get("id"), f"{place}.tool_calls.id"),
            text_of(function.get("name"), f"{place}.function.name"),
            _arguments(text_of(function.get("arguments"), f"{place}.function.arguments", "{}")),
        )
        names[call.id] = call.name
        yield call


def _arguments(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _result(message: Mapping[str, Any], text: str, names: Mapping[str, str], place: str) -> Result:
    call = text_of(message.get("tool_call_id"), f"{place}.tool_call_id")
    if call not in names:
        raise invalid(f"{place}: refers to {call[:80]!r}, which is no earlier tool call", "messages")
    return Result(call, names[call], text, failed=_is_error(text))


def _is_error(text: str) -> bool:
    """This shape has no mark for failure; clients answer with an object that holds an error and nothing else."""
    return text.lstrip().startswith("{") and set(_arguments(text)) == {"error"}


def _joined(content: object, place: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    parts = [mapping(part, place) for part in many(content, place)]
    return "\n".join(text_of(part.get("text"), place) for part in parts if part.get("type") == "text")


def _tools(body: JsonObject) -> Iterator[Tool]:
    for index, entry in enumerate(many(body.get("tools"), "tools")):
        function = mapping(mapping(entry, f"tools.{index}").get("function"), f"tools.{index}.function")
        yield Tool(
            text_of(function.get("name"), f"tools.{index}.function.name"),
            text_of(function.get("description"), f"tools.{index}.function.description", ""),
            mapping(function.get("parameters") or {}, f"tools.{index}.function.parameters"),
        )


def _schema(body: JsonObject) -> Schema | None:
    form = body.get("response_format")
    if form is None:
        return None
    described = mapping(form, "response_format")
    match described.get("type"):
        case "text":
            return None
        case "json_object":
            return {"type": "object"}
        case "json_schema":
            named = mapping(described.get("json_schema"), "response_format.json_schema")
            return mapping(named.get("schema"), "response_format.json_schema.schema")
        case _:
            raise invalid("response_format.type: must be text, json_object or json_schema", "response_format")
