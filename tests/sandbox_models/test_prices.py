"""What a run costs is tokens times the price file, to the last digit."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files

import httpx2
import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot, set_custom_snapshot
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings

from coliseum.sandbox.models.catalogue import MODELS
from coliseum.sandbox.prices import MILLION, prices, register
from tests.sandbox_models.conftest import Build, Service


@pytest.fixture
def registered() -> Iterator[None]:
    undo = register()
    yield
    undo()


def test_every_model_has_a_price_and_the_file_says_it_is_simulated() -> None:
    assert set(prices()) == set(MODELS)
    text = files("coliseum.sandbox").joinpath("data", "prices.json").read_text(encoding="utf-8")
    assert '"simulated": true' in text


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", list(MODELS))
def test_runs_and_chat_spans_carry_the_exact_cost(model: Build, service: Service, name: str) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))

    async def use() -> Decimal | None:
        async with httpx2.AsyncClient() as client:
            agent = Agent(model(client, name), tools=[lookup])
            agent.instrument = InstrumentationSettings(tracer_provider=provider)
            return (await agent.run("How often do they say Buzzer?")).usage.cost

    cost = asyncio.run(use())
    provider.shutdown()
    price = prices()[name]
    expected = [
        price.cost(input_tokens=used.input_tokens, output_tokens=used.output_tokens) for used in service.uses
    ]
    chats = [span for span in spans.get_finished_spans() if span.name == f"chat {name}"]
    assert len(expected) == 2
    assert cost == sum(expected)
    assert [(span.attributes or {})["operation.cost"] for span in chats] == [
        float(dollars) for dollars in expected
    ]


def lookup(question: str) -> str:
    """Look it up."""
    return "It was said in 37 of 97."


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("provider", ["anthropic", "fireworks", "openai"])
def test_cached_input_has_its_own_price(provider: str) -> None:
    usage = Usage(input_tokens=1000, cache_read_tokens=300, cache_write_tokens=200, output_tokens=10)
    found = calc_price(usage, "sandbox-large", provider_id=provider).total_price
    price = prices()["sandbox-large"]
    assert found == price.cost(
        input_tokens=1000, output_tokens=10, cache_read_tokens=300, cache_write_tokens=200
    )
    assert found == Decimal("0.0015") + Decimal("0.00009") + Decimal("0.00075") + Decimal("0.00015")
    assert MILLION == 1_000_000


def test_registering_leaves_other_prices_alone_and_can_be_undone() -> None:
    former = get_snapshot()
    usage = Usage(input_tokens=1000, output_tokens=10)
    before = calc_price(usage, "claude-sonnet-4-5", provider_id="anthropic").total_price
    undo = register()
    assert calc_price(usage, "claude-sonnet-4-5", provider_id="anthropic").total_price == before
    undo()
    undo()
    with pytest.raises(LookupError):
        calc_price(usage, "sandbox-large", provider_id="anthropic")
    assert get_snapshot() is former
    set_custom_snapshot(None)


def test_undoing_does_not_throw_away_prices_loaded_meanwhile() -> None:
    former = get_snapshot()
    undo = register()
    set_custom_snapshot(former)
    other = get_snapshot()
    undo()
    assert get_snapshot() is other
    set_custom_snapshot(None)
