"""The vendor's own client works on the local service, synchronously and not."""

import asyncio

import pytest
from exa_py import AsyncExa, Exa
from exa_py.api import AnswerResponse

from tests.sandbox_search.conftest import KEY, Service

QUERY = "How often do they say “Buzzer” in NBA broadcasts?"
PAGE = "http://archive.sandbox.invalid/KXNBAMENTION-26FEB24NYKCLE#buzzer"


@pytest.fixture
def client(service: Service) -> Exa:
    return Exa(KEY, base_url=service.address)


def test_answers(client: Exa) -> None:
    found = client.answer(QUERY, text=True)
    assert isinstance(found, AnswerResponse)
    assert "'Buzzer' was said in" in str(found.answer)
    assert all(citation.text for citation in found.citations)
    assert found.cost_dollars is not None
    assert found.cost_dollars.total == 0.005


def test_streams(client: Exa) -> None:
    stream = client.stream_answer(QUERY)
    chunks = list(stream)
    stream.close()
    assert "'Buzzer' was said in" in "".join(chunk.content or "" for chunk in chunks)
    assert any(chunk.citations for chunk in chunks)
    assert stream.cost_dollars is not None
    assert stream.cost_dollars.total == 0.005


def test_searches_and_fetches(client: Exa) -> None:
    found = client.search(QUERY, num_results=3)
    assert len(found.results) == 3
    assert all(result.text for result in found.results)
    pages = client.get_contents([PAGE, "http://elsewhere.invalid/"])
    assert [page.url for page in pages.results] == [PAGE]
    assert [status.status for status in pages.statuses or []] == ["success", "error"]


def test_wrong_key(service: Service) -> None:
    with pytest.raises(ValueError, match=r"401.*INVALID_API_KEY"):
        Exa("wrong", base_url=service.address).answer(QUERY)


def test_everything_asynchronously(service: Service) -> None:
    async def use() -> None:
        async with AsyncExa(KEY, api_base=service.address) as client:
            answer = await client.answer(QUERY)
            stream = await client.stream_answer(QUERY)
            said = "".join([chunk.content or "" async for chunk in stream])
            found = await client.search(QUERY, num_results=2)
            pages = await client.get_contents([PAGE])
        assert isinstance(answer, AnswerResponse)
        assert said == answer.answer
        assert len(found.results) == 2
        assert len(pages.results) == 1

    asyncio.run(use())
