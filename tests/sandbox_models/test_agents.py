"""Any program's agents get usable answers over real HTTP, in both services' shapes."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

import httpx2
import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, NativeOutput, RunContext, ToolOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model

from tests.sandbox_models.conftest import Build, Service

T = TypeVar("T")
Given = Callable[[Model], Awaitable[T]]


def with_model(build: Build, use: Given[T], **options: Any) -> T:
    """Run `use` with a model whose connections are closed afterwards."""

    async def inside() -> T:
        async with httpx2.AsyncClient() as client:
            return await use(build(client, **options))

    return asyncio.run(inside())


class Mood(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Pick(BaseModel):
    ticker: str
    rationale: str = Field(max_length=80)
    priority: Mood


class Picks(BaseModel):
    """The markets worth a look."""

    picks: list[Pick] = Field(max_length=3)


class Estimate(BaseModel):
    probability: float = Field(ge=0.01, le=0.99)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    reasons: list[str] = Field(min_length=1, max_length=5)
    source: str | None = None
    abstain: bool
    kind: Literal["estimate"] = "estimate"


class Report(BaseModel):
    summary: str
    estimate: Estimate
    comment: Annotated[str | None, Field(max_length=20)] = None


MARKETS = """Pick at most two of these markets.
{"ticker": "AAA-1", "title": "Do they say Buzzer?", "yes_bid": "0.40"}
{"ticker": "BBB-2", "title": "Do they say Ankle?", "yes_bid": "0.55"}
{"ticker": "CCC-3", "title": "Do they say Elbow?", "yes_bid": "0.70"}
"""
BASE_RATE = (
    "In earlier NBA broadcasts before 2026-05-09, 'Buzzer' was said in 37 of 97 (38 %). "
    "See http://archive.sandbox.invalid/x#buzzer."
)


def test_plain_text_quotes_what_the_tool_said(model: Build, service: Service) -> None:
    asked: list[str] = []

    def research(question: str) -> str:
        asked.append(question)
        return BASE_RATE

    async def use(built: Model) -> str:
        return (await Agent(built, tools=[research]).run("How often do they say Buzzer?")).output

    assert "37 of 97" in with_model(model, use)
    assert asked == ["How often do they say Buzzer?"]
    assert len(service.uses) == 2


def test_listed_questions_are_asked_in_parallel_and_bounded(model: Build) -> None:
    asked: list[str] = []

    async def research(query: str) -> str:
        asked.append(query)
        return "nothing"

    prompt = "Please find out:\n- First thing?\n- Second thing?\n- Third?\n- Fourth?\n- Fifth?"

    async def use(built: Model) -> int:
        result = await Agent(built, tools=[research]).run(prompt)
        first = next(part for part in result.all_messages() if isinstance(part, ModelResponse))
        return sum(isinstance(part, ToolCallPart) for part in first.parts)

    assert with_model(model, use) == 4
    assert sorted(asked) == ["First thing?", "Fourth?", "Second thing?", "Third?"]
    asked.clear()
    assert with_model(model, use, name="sandbox-small") == 2
    assert asked == ["First thing?", "Second thing?"]


@pytest.mark.parametrize("output", [Report, ToolOutput(Report), ToolOutput(Report, name="hand_over")])
def test_structured_output_by_tool(model: Build, output: Any) -> None:
    def research(question: str) -> dict[str, str]:
        return {"answer": BASE_RATE}

    async def use(built: Model) -> Report:
        agent = Agent(built, output_type=output, tools=[research])
        return (await agent.run("What is the chance that they say Buzzer?")).output  # type: ignore[no-any-return]

    check_report(with_model(model, use))


def test_native_structured_output(model: Build) -> None:
    def research(question: str) -> str:
        return BASE_RATE

    async def use(built: Model) -> Report:
        agent = Agent(built, output_type=NativeOutput(Report), tools=[research])
        return (await agent.run("What is the chance that they say Buzzer?")).output

    check_report(with_model(model, use, native=True))


def check_report(report: Report) -> None:
    estimate = report.estimate
    assert estimate.probability == pytest.approx(38 / 99, abs=1e-6)
    assert 0 < estimate.low < estimate.probability < estimate.high < 1
    assert estimate.reasons
    assert "37 of 97" in estimate.reasons[0]
    assert estimate.source == "http://archive.sandbox.invalid/x#buzzer"
    assert estimate.abstain is False
    assert "37 of 97" in report.summary
    assert report.comment is None or len(report.comment) <= 20


@pytest.mark.parametrize("native", [True, False])
def test_lists_take_one_item_for_each_object_given_and_heed_at_most(model: Build, native: bool) -> None:
    async def use(built: Model) -> Picks:
        output: Any = NativeOutput(Picks) if native else Picks
        return (await Agent(built, output_type=output).run(MARKETS)).output  # type: ignore[no-any-return]

    picks = with_model(model, use, native=native).picks
    assert [pick.ticker for pick in picks] == ["AAA-1", "BBB-2"]
    assert all(pick.rationale and len(pick.rationale) <= 80 for pick in picks)
    assert {pick.priority for pick in picks} == {Mood.MEDIUM}


def test_streamed_runs_say_the_same_as_plain_ones(model: Build, service: Service) -> None:
    def research(question: str) -> str:
        return BASE_RATE

    async def plain(built: Model) -> tuple[str, int, int]:
        result = await Agent(built, tools=[research]).run("How often do they say Buzzer?")
        return result.output, result.usage.input_tokens, result.usage.output_tokens

    async def streamed(built: Model) -> tuple[str, int, int]:
        agent = Agent(built, tools=[research])
        async with agent.run_stream("How often do they say Buzzer?") as result:
            pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
        assert len(pieces) > 1
        return "".join(pieces), result.usage.input_tokens, result.usage.output_tokens

    assert with_model(model, plain) == with_model(model, streamed)


def test_streamed_structured_output_arrives_whole(model: Build) -> None:
    async def use(built: Model) -> Report:
        async with Agent(built, output_type=Report).run_stream(BASE_RATE) as result:
            return await result.get_output()

    assert with_model(model, use).estimate.probability == pytest.approx(38 / 99, abs=1e-6)


def test_usage_is_what_the_endpoint_reported(model: Build, service: Service) -> None:
    def research(question: str) -> str:
        return BASE_RATE

    async def use(built: Model) -> tuple[int, int]:
        usage = (await Agent(built, output_type=Report, tools=[research]).run("Buzzer?")).usage
        return usage.input_tokens, usage.output_tokens

    seen = with_model(model, use)
    assert seen == (sum(u.input_tokens for u in service.uses), sum(u.output_tokens for u in service.uses))
    assert service.uses[0].input_tokens < service.uses[1].input_tokens
    assert all(u.model == "sandbox-large" and u.provider in ("anthropic", "openai") for u in service.uses)


def test_an_output_validator_gets_the_field_it_names_corrected(model: Build) -> None:
    tries: list[float] = []

    async def use(built: Model) -> Estimate:
        agent = Agent(built, output_type=Estimate, retries=2)

        @agent.output_validator
        def careful(output: Estimate) -> Estimate:
            tries.append(output.probability)
            if output.probability > 0.2:
                raise ModelRetry("probability must be at most 0.2")
            return output

        return (await agent.run(BASE_RATE)).output

    assert with_model(model, use).probability == 0.2
    assert len(tries) == 2


def test_a_validation_error_is_mended_by_its_location(model: Build) -> None:
    class Even(BaseModel):
        n: Annotated[int, Field(json_schema_extra=lambda schema: schema.pop("maximum"), le=10)]

    async def use(built: Model) -> Even:
        return (await Agent(built, output_type=Even, retries=2).run("They said it in 37 of 97 games.")).output

    assert with_model(model, use).n == 10


def test_text_is_told_to_include_something_and_does(model: Build) -> None:
    async def use(built: Model) -> str:
        agent = Agent(built, retries=2)

        @agent.output_validator
        def polite(output: str) -> str:
            if "thank you" not in output:
                raise ModelRetry("The answer must include 'thank you'.")
            return output

        return (await agent.run(BASE_RATE)).output

    assert with_model(model, use).endswith("thank you")


def test_tools_with_several_arguments_and_none(model: Build) -> None:
    calls: list[tuple[str, int, str]] = []
    pings: list[int] = []

    def price(market_ticker: str, depth: Annotated[int, Field(ge=5)], side: Literal["yes", "no"]) -> str:
        calls.append((market_ticker, depth, side))
        return "0.40"

    def ping() -> str:
        pings.append(1)
        return "pong"

    async def use(built: Model) -> str:
        agent = Agent(built, tools=[price, ping])
        return (await agent.run("Ticker: AAA-1\nside: no\nWhat does it cost?")).output

    with_model(model, use)
    assert calls == [("AAA-1", 5, "no")]
    assert pings == [1]


def test_an_agent_can_delegate_to_another(model: Build, service: Service) -> None:
    async def use(built: Model) -> tuple[str, int]:
        helper = Agent(built, name="helper")
        chief = Agent(built, name="chief")

        @chief.tool
        async def delegate(ctx: RunContext[object], task: str) -> str:
            return (await helper.run(f"{task}\n{BASE_RATE}", usage=ctx.usage)).output

        result = await chief.run("How often do they say Buzzer?")
        return result.output, result.usage.requests

    said, requests = with_model(model, use)
    assert "37 of 97" in said
    assert requests == len(service.uses) == 3


def test_a_second_question_in_the_same_conversation_calls_the_tool_again(model: Build) -> None:
    asked: list[str] = []

    def research(question: str) -> str:
        asked.append(question)
        return BASE_RATE

    async def use(built: Model) -> None:
        agent = Agent(built, tools=[research])
        first = await agent.run("Do they say Buzzer?")
        await agent.run("Do they say Ankle?", message_history=first.all_messages())

    with_model(model, use)
    assert asked == ["Do they say Buzzer?", "Do they say Ankle?"]


def test_a_tool_that_asks_for_a_retry_does_not_loop(model: Build) -> None:
    def research(question: str) -> str:
        raise ModelRetry("say it in other words")

    async def use(built: Model) -> str:
        return (await Agent(built, tools=[research], retries=3).run("Do they say Buzzer?")).output

    assert "no evidence" in with_model(model, use)


def test_max_tokens_cuts_the_answer_and_says_so(model: Build) -> None:
    async def use(built: Model) -> ModelResponse:
        result = await Agent(built, model_settings={"max_tokens": 5}).run(BASE_RATE)
        return result.response

    response = with_model(model, use)
    assert response.finish_reason == "length"
    assert response.usage.output_tokens == 5
    assert [type(part) for part in response.parts] == [TextPart]


@pytest.mark.parametrize(
    ("options", "status"), [({"key": "wrong"}, 401), ({"name": "claude-sonnet-5-5"}, 404)]
)
def test_a_wrong_key_and_a_real_models_name_are_refused(
    model: Build, options: dict[str, str], status: int
) -> None:
    async def use(built: Model) -> int:
        with pytest.raises(ModelHTTPError) as caught:
            await Agent(built).run("hello")
        assert "sandbox-large" in str(caught.value) or status == 401
        return caught.value.status_code

    assert with_model(model, use, **options) == status
