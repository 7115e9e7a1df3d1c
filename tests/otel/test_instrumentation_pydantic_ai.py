"""Agents are watched by pydantic-ai's own hooks, in one known format, without the largest attribute."""

import asyncio
from decimal import Decimal

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RequestUsage

from otel.testing import Recording, recording

# priced in the library's bundled list, so that a call has a cost
MODEL = "accounts/fireworks/models/deepseek-v3p2"


def with_a_tool() -> Agent[None, str]:
    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        usage = RequestUsage(input_tokens=1000, output_tokens=100)
        part = TextPart("done") if len(messages) > 1 else ToolCallPart("price", {"ticker": "KX"})
        return ModelResponse(parts=[part], usage=usage, model_name=MODEL, provider_name="fireworks")

    agent = Agent(FunctionModel(answer, model_name=MODEL), name="scout")

    @agent.tool_plain
    def price(ticker: str) -> str:
        return f"{ticker} is at {Decimal('0.42')}"

    return agent


def run(agent: Agent[None, str]) -> None:
    asyncio.run(agent.run("What is the price?"))


def test_a_run_is_a_tree_of_run_calls_and_tools() -> None:
    with recording() as running:
        run(with_a_tool())
        by_name: dict[str, list[str]] = {}
        for span in running.spans():
            by_name.setdefault(span.name, []).append(span.parent_span_id)
        (root,) = (span for span in running.spans() if span.name == "invoke_agent scout")
    assert by_name == {
        "invoke_agent scout": [""],
        f"chat {MODEL}": [root.span_id, root.span_id],
        "execute_tool price": [root.span_id],
    }
    assert root.scope == "pydantic-ai"
    assert root.attributes["gen_ai.aggregated_usage.input_tokens"] == 2000


def test_calls_carry_tokens_and_messages_but_not_the_request_parameters() -> None:
    with recording() as running:
        run(with_a_tool())
        chats = [span for span in running.spans() if span.name.startswith("chat")]
    for chat in chats:
        assert chat.attributes["gen_ai.operation.name"] == "chat"
        assert (
            chat.attributes["gen_ai.usage.input_tokens"],
            chat.attributes["gen_ai.usage.output_tokens"],
        ) == (
            1000,
            100,
        )
        assert "What is the price?" in chat.attributes["gen_ai.input.messages"]
        assert not [key for key in chat.attributes if "model_request_parameters" in key]


def test_tokens_are_measured_by_kind() -> None:
    with recording() as running:
        run(with_a_tool())
        points = running.points()
    assert {p.attributes["gen_ai.token.type"] for p in points if p.name == "gen_ai.client.token.usage"} == {
        "input",
        "output",
    }


def test_agents_are_watched_only_while_the_layer_runs() -> None:
    agent = with_a_tool()
    run(agent)
    with recording() as running:
        run(agent)
        count = len(running.spans())
    run(agent)
    assert count == 4


def test_a_failing_run_is_a_failed_span() -> None:
    def fail(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise RuntimeError("model is away")

    with recording() as running:
        with pytest.raises(RuntimeError):
            run(Agent(FunctionModel(fail), name="scout"))
        assert all(span.failed for span in running.spans())
        assert len(running.spans()) == 2


def test_runs_at_the_same_time_do_not_mix() -> None:
    async def both() -> None:
        agent = Agent(TestModel(custom_output_text="x"), name="scout")
        await asyncio.gather(*(agent.run("x") for _ in range(5)))

    with recording() as running:
        asyncio.run(both())
        spans = running.spans()
    assert len({span.trace_id for span in spans}) == 5
    roots = {span.span_id: span.trace_id for span in spans if not span.parent_span_id}
    assert all(roots[s.parent_span_id] == s.trace_id for s in spans if s.parent_span_id)


def test_a_run_is_kept_by_what_it_was_given(running_recording: Recording) -> None:
    run(with_a_tool())
    (tool,) = (span for span in running_recording.spans() if span.name == "execute_tool price")
    assert tool.attributes["gen_ai.tool.call.result"] == "KX is at 0.42"
