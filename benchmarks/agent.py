"""The agent that is run in the cases: two tools, each one HTTP call, and four log lines; its model is a function."""

import logging

import httpx2
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

# priced in the library's bundled list, so that a call has a cost
MODEL = "accounts/fireworks/models/deepseek-v3p2"
INSTRUCTIONS = "Estimate how likely the market is to resolve YES. " * 8
logger = logging.getLogger("bench.agent")


async def _answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    usage = RequestUsage(input_tokens=1000, output_tokens=100)
    calls = [ToolCallPart("quote", {"ticker": "KXSKY-26-BLUE"}), ToolCallPart("news", {"topic": "sky"})]
    parts = [TextPart("The sky is blue: 0.93, because two sources agree.")] if len(messages) > 1 else calls
    return ModelResponse(parts=parts, usage=usage, model_name=MODEL, provider_name="fireworks")


def build(client: httpx2.AsyncClient, server: str) -> Agent[None, str]:
    """Its tools ask `server`."""
    agent = Agent(FunctionModel(_answer, model_name=MODEL), name="researcher", instructions=INSTRUCTIONS)

    @agent.tool_plain
    async def quote(ticker: str) -> str:
        logger.info("asking for the price of %s", ticker)
        return (await client.get(f"{server}/quote/{ticker}")).text

    @agent.tool_plain
    async def news(topic: str) -> str:
        logger.info("asking for news on %s", topic)
        return (await client.get(f"{server}/quote/{topic}")).text

    return agent


async def run(agent: Agent[None, str]) -> None:
    logger.info("research of %s begins", "KXSKY-26-BLUE")
    result = await agent.run("Will the sky be blue tomorrow?")
    logger.info("research says %s", result.output)
