"""What was said stays away from a destination that is not to hear it; what happened stays."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

import otel
from otel.batch import Batch, Signal
from otel.config import DESTINATION_NAMES, Config, Content, OtlpTarget
from otel.content import CONTENT, kind_of, limited
from otel.destination import Outcome
from otel.destinations import DESTINATIONS
from otel.destinations.transformed import Transformed
from otel.store.queries import SpanRow
from otel.testing import FaultServer
from tests.otel.making import log, logs, pairs, points, span, spans
from tests.otel.scripted import Scripted

WORDS = (
    "prompt-canary",
    "instruction-canary",
    "answer-canary",
    "argument-canary",
    "result-canary",
    "thought-canary",
)


def run_an_agent() -> None:
    """A run in which every kind of content is said: instructions, prompt, thinking, tool call, result, answer."""

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if len(messages) > 1:
            return ModelResponse(parts=[TextPart("answer-canary")])
        call = ToolCallPart("price", {"ticker": "argument-canary", "depth": 7713})
        return ModelResponse(parts=[ThinkingPart("thought-canary"), call])

    agent = Agent(FunctionModel(answer), name="scout", instructions="instruction-canary")

    @agent.tool_plain
    def price(ticker: str, depth: int) -> dict[str, Any]:
        """Looks up a definition-canary."""
        return {"note": f"result-canary of {ticker}"}

    assert asyncio.run(agent.run("prompt-canary")).output == "answer-canary"


def fail_an_agent() -> None:
    def fail(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise RuntimeError("exception-canary")

    with pytest.raises(RuntimeError):
        asyncio.run(Agent(FunctionModel(fail), name="scout").run("prompt-canary"))


def delivered(server: FaultServer, home: Path, content: Content) -> tuple[tuple[SpanRow, ...], bytes]:
    """The spans of both agents as an endpoint with this policy gets them, and all that it was sent."""
    config = Config(
        service="test",
        home=home,
        destinations=("otlp",),
        otlp=OtlpTarget.at(server.url),
        content={"otlp": content},
    )
    with otel.start(config) as telemetry:
        run_an_agent()
        fail_an_agent()
        assert telemetry.force_flush(10)
    return server.spans(), b"".join(request.body for request in server.requests)


def one(found: tuple[SpanRow, ...], name: str) -> dict[str, Any]:
    return dict(next(span for span in found if span.name.startswith(name)).attributes)


def test_an_agents_run_is_whole_where_nothing_else_is_said(server: FaultServer, tmp_path: Path) -> None:
    _, sent = delivered(server, tmp_path, Content.FULL)
    for word in (*WORDS, "definition-canary", "exception-canary"):
        assert word.encode() in sent


def test_without_content_nothing_that_was_said_is_sent(server: FaultServer, tmp_path: Path) -> None:
    found, sent = delivered(server, tmp_path, Content.NONE)
    assert b"canary" not in sent
    assert b"7713" not in sent
    chat, tool = one(found, "chat"), one(found, "execute_tool price")
    assert chat["gen_ai.operation.name"] == "chat"
    assert chat["gen_ai.usage.input_tokens"] > 0
    assert tool["gen_ai.tool.name"] == "price"
    assert not {*chat, *tool} & set(CONTENT)
    failed = [row for row in found if row.failed]
    assert len(failed) == 2
    assert {event["attributes"]["exception.type"] for row in failed for event in row.events} == {
        "RuntimeError"
    }


def test_redacted_content_keeps_its_shape_and_its_lengths(server: FaultServer, tmp_path: Path) -> None:
    found, sent = delivered(server, tmp_path, Content.REDACTED)
    assert b"canary" not in sent
    assert b"7713" not in sent
    first = json.loads(one(found, "chat")["gen_ai.input.messages"])
    assert first == [{"role": "user", "parts": [{"type": "text", "content": "[13 characters]"}]}]
    (message,) = json.loads(one(found, "chat")["gen_ai.output.messages"])
    call = next(part for part in message["parts"] if part["type"] == "tool_call")
    assert (message["role"], call["name"]) == ("assistant", "price")
    assert call["arguments"] == {"ticker": "[15 characters]", "depth": "[number]"}
    tool = one(found, "execute_tool price")
    assert json.loads(tool["gen_ai.tool.call.result"]) == {"note": "[32 characters]"}


def cut(batch: Batch, content: Content) -> Any:
    transform = limited(content)
    assert transform is not None
    other = transform(batch)
    assert (other.signal, other.items) == (batch.signal, batch.items)
    kind = ExportTraceServiceRequest if batch.signal is Signal.TRACES else ExportLogsServiceRequest
    return kind.FromString(other.payload)


EVERYWHERE = spans(
    span(
        "GET kalshi /markets",
        error="canary happened",
        attributes={
            **dict.fromkeys(CONTENT, "canary"),
            "url.full": "https://me:canary@host:8/path?key=canary#canary",
            "http.target": "/path?canary",
            "http.url": "http://[canary",
            "gen_ai.prompt.0.content": "canary",
            "http.request.header.x": ["canary"],
            "gen_ai.request.model": "stays",
            "coliseum.price": "0.42",
        },
        events=[
            {"name": "exception", "attributes": pairs({"exception.message": "canary", "exception.type": "E"})}
        ],
        links=[{"attributes": pairs({"gen_ai.completion": {"deep": ["canary", 1, 2.5, b"canary", True]}})}],
    ),
)


@pytest.mark.parametrize("content", [Content.REDACTED, Content.NONE])
def test_every_place_that_content_may_stand_in_is_looked_at(content: Content) -> None:
    request = cut(EVERYWHERE, content)
    assert b"canary" not in request.SerializeToString()
    (only,) = request.resource_spans[0].scope_spans[0].spans
    attributes = {pair.key: pair.value.string_value for pair in only.attributes}
    assert (only.name, only.status.code) == ("GET kalshi /markets", 2)
    assert (attributes["gen_ai.request.model"], attributes["coliseum.price"]) == ("stays", "0.42")
    assert (attributes["url.full"], attributes["http.target"]) == ("https://host:8/path", "/path")
    assert only.events[0].attributes[-1].value.string_value == "E"


@pytest.mark.parametrize(
    ("content", "body"), [(Content.REDACTED, "[11 characters]"), (Content.NONE, "")], ids=str
)
def test_of_a_log_record_its_place_and_severity_stay(content: Content, body: str) -> None:
    request = cut(logs(log("canary here", event_name="trade.executed", attributes={"side": "yes"})), content)
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert (record.body.string_value, record.severity_number, record.event_name) == (
        body,
        9,
        "trade.executed",
    )
    assert record.attributes[0].value.string_value == "yes"


def test_a_structured_body_is_masked_leaf_by_leaf() -> None:
    request = cut(logs(log({"canary": ["canary", 5, True, None or ""]})), Content.REDACTED)
    body = request.resource_logs[0].scope_logs[0].log_records[0].body.kvlist_value.values[0]
    first, number, flag, empty = body.value.array_value.values
    assert (first.string_value, number.string_value) == ("[6 characters]", "[number]")
    assert (flag.bool_value, empty.string_value) == (True, "[0 characters]")


@pytest.mark.parametrize("text", ["[" * 5000, "{broken", '["x"', "[1e999]"])
def test_text_that_only_looks_like_json_is_masked_all_the_same(text: str) -> None:
    request = cut(spans(span("a", attributes={"gen_ai.input.messages": text})), Content.REDACTED)
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.string_value
    assert value in (f"[{len(text)} characters]", '["[number]"]')


def test_metrics_pass_as_they_are() -> None:
    transform = limited(Content.NONE)
    assert transform is not None
    batch = points(1, 2)
    assert transform(batch) is batch


def test_full_content_costs_nothing() -> None:
    assert limited(Content.FULL) is None


@pytest.mark.parametrize("name", DESTINATION_NAMES)
def test_every_destination_has_a_policy_of_its_own(name: str, tmp_path: Path) -> None:
    given = {
        "home": tmp_path,
        "otlp": OtlpTarget.at("http://127.0.0.1:9"),
        "logfire_tokens": ("pylf_v1_us_abcdefgh", "pylf_v1_eu_abcdefgh"),
    }
    plain = DESTINATIONS[name](Config(service="s", **given))  # type: ignore[arg-type]  # fields of Config
    wrapped = DESTINATIONS[name](Config(service="s", content={name: Content.NONE}, **given))  # type: ignore[arg-type]
    others = DESTINATIONS[name](Config(service="s", content={"other": Content.NONE}, **given))  # type: ignore[arg-type]
    assert all(isinstance(each, Transformed) for each in wrapped)
    assert [type(each) for each in others] == [type(each) for each in plain]
    assert [(w.name, w.signals, w.max_bytes) for w in wrapped] == [
        (p.name, p.signals, p.max_bytes) for p in plain
    ]
    for each in (*plain, *wrapped, *others):
        each.close()


def test_bytes_that_cannot_be_looked_into_are_not_passed_on() -> None:
    transform = limited(Content.NONE)
    assert transform is not None
    inner = Scripted()
    there = Transformed(inner, transform)
    assert there.deliver(Batch(Signal.TRACES, b"\xff\xff", 1)) == Outcome.refused("not an OTLP request")
    assert inner.offered == []
    there.close()
    assert inner.closed


def test_the_page_of_attributes_and_the_table_agree_on_what_is_content() -> None:
    page = (Path(__file__).parents[2] / "docs/telemetry.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \| [^|]+ \| (content|metadata) \|", page, re.MULTILINE)
    said = {name: kind for names, kind in rows for name in re.findall(r"`([^`]+)`", names)}
    assert len(said) > 50
    assert {
        name for name, kind in said.items() if (kind == "content") != (kind_of(name) is not None)
    } == set()
