"""What goes over the wire, byte order and error shapes included."""

import json
from itertools import groupby
from typing import Any

import httpx2
import pytest

from tests.sandbox_models.conftest import KEY, Service

MESSAGES = "/anthropic/v1/messages"
COMPLETIONS = "/fireworks/v1/chat/completions"
TOOL = {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]}
QUESTION = "They said it in 37 of 97 games. What is the chance that they say it again?"


def messages_body(**changes: Any) -> dict[str, Any]:
    body = {
        "model": "sandbox-large",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": QUESTION}],
    }
    return {key: value for key, value in {**body, **changes}.items() if value is not ...}


def completions_body(**changes: Any) -> dict[str, Any]:
    body = {"model": "sandbox-large", "messages": [{"role": "user", "content": QUESTION}]}
    return {key: value for key, value in {**body, **changes}.items() if value is not ...}


def anthropic_events(text: str) -> list[tuple[str, dict[str, Any]]]:
    events = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


def test_anthropic_streams_in_its_order(service: Service) -> None:
    tools = [{"name": "ask", "description": "Ask.", "input_schema": TOOL}]
    response = service.post(MESSAGES, messages_body(stream=True, tools=tools))
    events = anthropic_events(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in groupby(events, key=lambda event: event[0])] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(name == body["type"] for name, body in events)
    start, end = events[0][1]["message"], events[-2][1]
    assert start["content"] == []
    assert start["usage"]["input_tokens"] == service.uses[0].input_tokens
    assert events[1][1]["content_block"]["type"] == "tool_use"
    assert events[1][1]["content_block"]["id"].startswith("toolu_")
    parts = [body["delta"]["partial_json"] for name, body in events if name == "content_block_delta"]
    assert json.loads("".join(parts))["question"].startswith("What is the chance") or len(parts) > 1
    assert end["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert end["usage"]["output_tokens"] == service.uses[0].output_tokens


def test_anthropic_streams_the_text_of_the_plain_answer(service: Service) -> None:
    plain = service.post(MESSAGES, messages_body()).json()
    events = anthropic_events(service.post(MESSAGES, messages_body(stream=True)).text)
    text = "".join(body["delta"]["text"] for name, body in events if name == "content_block_delta")
    assert text == plain["content"][0]["text"]
    assert plain["stop_reason"] == events[-2][1]["delta"]["stop_reason"] == "end_turn"
    assert plain["usage"]["output_tokens"] == events[-2][1]["usage"]["output_tokens"]


def test_openai_streams_in_its_order(service: Service) -> None:
    tools = [{"type": "function", "function": {"name": "ask", "parameters": TOOL}}]
    body = completions_body(stream=True, stream_options={"include_usage": True}, tools=tools)
    lines = service.post(COMPLETIONS, body).text.strip().split("\n\n")
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas[0]["role"] == "assistant"
    assert deltas[1]["tool_calls"][0]["id"].startswith("call_")
    assert deltas[1]["tool_calls"][0]["function"] == {"name": "ask", "arguments": ""}
    arguments = "".join(delta["tool_calls"][0]["function"]["arguments"] for delta in deltas[2:-1])
    assert json.loads(arguments) == {"question": json.loads(arguments)["question"]}
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens"] == service.uses[0].input_tokens
    assert {chunk["id"] for chunk in chunks} == {chunks[0]["id"]}
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)


def test_openai_leaves_usage_out_of_a_stream_unless_asked(service: Service) -> None:
    text = service.post(COMPLETIONS, completions_body(stream=True)).text
    assert "prompt_tokens" not in text
    assert len(service.uses) == 1


@pytest.mark.parametrize(("path", "body"), [(MESSAGES, messages_body()), (COMPLETIONS, completions_body())])
def test_the_same_request_gets_the_same_bytes(service: Service, path: str, body: dict[str, Any]) -> None:
    first, again = service.post(path, body), service.post(path, body)
    assert first.content == again.content
    assert first.headers["request-id"] == again.headers["request-id"] == service.uses[0].request_id
    assert first.json()["model"] == "sandbox-large"
    other = service.post(path, {**body, "messages": [{"role": "user", "content": "Another?"}]})
    assert other.json()["id"] != first.json()["id"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": []}, "messages"),
        ({"messages": ...}, "messages"),
        ({"messages": [{"role": "user"}]}, "content"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [7]}, "messages.0"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": ...}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"model": ...}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"tool_choice": {"type": "sometimes"}}, "tool_choice"),
        ({"tools": [{"name": "x", "input_schema": 7}]}, "input_schema"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": ""}]}
                ]
            },
            "tool_use",
        ),
    ],
)
def test_anthropic_refuses_what_the_service_refuses(
    service: Service, changes: dict[str, Any], word: str
) -> None:
    response = service.post(MESSAGES, messages_body(**changes))
    body = response.json()
    assert response.status_code == 400
    assert body["type"] == "error"
    assert body["error"]["type"] == "invalid_request_error"
    assert word in body["error"]["message"]
    assert body["request_id"].startswith("req_")
    assert not service.uses


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": []}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens"),
        ({"n": 2}, "n:"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"messages": [{"role": "tool", "tool_call_id": "c", "content": ""}]}, "tool call"),
    ],
)
def test_openai_refuses_what_the_service_refuses(
    service: Service, changes: dict[str, Any], word: str
) -> None:
    response = service.post(COMPLETIONS, completions_body(**changes))
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert word in response.json()["error"]["message"]


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Basic x"}])
def test_a_wrong_key_is_401_in_the_services_own_shape(service: Service, headers: dict[str, str]) -> None:
    anthropic = service.post(MESSAGES, messages_body(), headers)
    openai = service.post(COMPLETIONS, completions_body(), headers)
    assert anthropic.status_code == openai.status_code == 401
    assert anthropic.json()["error"]["type"] == "authentication_error"
    assert openai.json()["error"]["code"] == "invalid_api_key"
    assert KEY not in anthropic.text + openai.text


@pytest.mark.parametrize("headers", [{"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
def test_both_ways_of_sending_the_key_are_taken(service: Service, headers: dict[str, str]) -> None:
    assert service.post(MESSAGES, messages_body(), headers).status_code == 200


def test_only_the_local_models_exist_and_are_listed(service: Service) -> None:
    anthropic = service.post(MESSAGES, messages_body(model="claude-sonnet-5-5"))
    openai = service.post(COMPLETIONS, completions_body(model="gpt-oss"))
    assert anthropic.status_code == openai.status_code == 404
    assert anthropic.json()["error"]["type"] == "not_found_error"
    assert openai.json()["error"]["code"] == "model_not_found"
    for response in (anthropic, openai):
        assert "sandbox-large and sandbox-small" in response.json()["error"]["message"]
    key = {"x-api-key": KEY}
    for prefix in ("/anthropic", "/fireworks"):
        listed = service.get(f"{prefix}/v1/models", key).json()["data"]
        assert [entry["id"] for entry in listed] == ["sandbox-large", "sandbox-small"]
    assert service.get("/fireworks/v1/models", {}).status_code == 401


@pytest.mark.parametrize("path", ["/anthropic/v1/complete", "/anthropic/v1/messages/batches"])
def test_an_unknown_path_is_404(service: Service, path: str) -> None:
    response = service.post(path, {})
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"
    assert service.get("/fireworks/v1/files", {"x-api-key": KEY}).json()["error"]["code"] is None


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"not json", 400),
        (b"[]", 400),
        (b'{"a": "\\ud800"}', 400),
        (b"[" * 5000, 400),
        (b'"' + b"x" * 4_200_000, 413),
    ],
)
def test_bodies_that_are_no_request_are_refused(service: Service, content: bytes, status: int) -> None:
    with httpx2.Client() as client:
        response = client.post(service.address + MESSAGES, content=content, headers={"x-api-key": KEY})
    assert response.status_code == status
    assert response.json()["type"] == "error"


def test_cached_input_is_written_once_and_read_afterwards(service: Service) -> None:
    system = [{"type": "text", "text": "Rules. " * 50, "cache_control": {"type": "ephemeral"}}]
    first = service.post(MESSAGES, messages_body(system=system)).json()["usage"]
    turns = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "And now?"},
    ]
    second = service.post(MESSAGES, messages_body(system=system, messages=turns)).json()["usage"]
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 0
    assert first["cache_read_input_tokens"] == second["cache_creation_input_tokens"] == 0
    use = service.uses[0]
    assert use.input_tokens == first["input_tokens"] + use.cache_write_tokens


def test_a_forced_tool_is_called_and_none_forbids(service: Service) -> None:
    tools = [
        {"name": "ask", "description": "Ask.", "input_schema": TOOL},
        {"name": "look", "description": "Look.", "input_schema": TOOL},
    ]
    forced = service.post(
        MESSAGES, messages_body(tools=tools, tool_choice={"type": "tool", "name": "look"})
    ).json()
    assert [block["name"] for block in forced["content"]] == ["look"]
    silent = service.post(MESSAGES, messages_body(tools=tools, tool_choice={"type": "none"})).json()
    assert [block["type"] for block in silent["content"]] == ["text"]
    single = {"type": "auto", "disable_parallel_tool_use": True}
    one = service.post(MESSAGES, messages_body(tools=tools, tool_choice=single)).json()
    assert len(one["content"]) == 1
