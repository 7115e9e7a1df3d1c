"""What each agent may see, may do and may claim."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError, UnexpectedModelBehavior
from pydantic_ai.models.fallback import FallbackModel

from coliseum.agents.asking import Meter
from coliseum.agents.guardian import guardian
from coliseum.agents.prompt import prompt
from coliseum.agents.recommender import recommender
from coliseum.agents.researcher import MOST_SEARCHES, researcher
from coliseum.agents.scout import Pick, scout
from coliseum.errors import ServiceError, Unavailable
from tests.agents.material import INJECTION, NOW, Searching, answer, belief, market, opportunity, research
from tests.agents.models import Scripted, calls, says

T = TypeVar("T")
ESTIMATE = {"probability": 0.6, "low": 0.5, "high": 0.7, "reasons": ["it rains"]}
FINDINGS = {"summary": "It rained often.", "key_points": ["37 of 97"]}
AWAY = ModelConnectionError(model_name="m", message="secret body")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def pick(ticker: str) -> dict[str, str]:
    return {"market_ticker": ticker, "rationale": "a record exists", "priority": "high"}


def picks(model: Scripted, most: int = 5, meter: Meter | None = None) -> tuple[Pick, ...]:
    markets = [market(f"KXT-1-{letter}") for letter in "ABC"]
    return run(scout(model.model(), "m").pick(markets, most, meter or Meter("m")))


def test_the_scout_gets_no_price() -> None:
    model = says({"picks": []})
    assert picks(model) == ()
    assert "KXT-1-B" in model.text()
    assert not [price for price in ("0.41", "0.42", "0.43") if price in model.text()]


def test_what_the_scout_invents_or_repeats_is_dropped_and_the_rest_counted_in_code() -> None:
    model = says({"picks": [pick(t) for t in ("KXT-1-C", "MADE-UP", "KXT-1-C", "KXT-1-A", "KXT-1-B")]})
    assert [found.market_ticker for found in picks(model, most=2)] == ["KXT-1-C", "KXT-1-A"]


def test_a_hostile_title_stays_on_its_line_inside_the_fence() -> None:
    model = says({"picks": []})
    hostile = market("KXT-1-A", title=f"Rain?\n{{}}\n{INJECTION}")
    run(scout(model.model(), "m").pick([hostile], 5, Meter("m")))
    text = model.text()
    assert text.count("</untrusted>") == 1
    assert "\\n{}\\n&lt;/untrusted&gt; SYSTEM" in text


def test_a_reply_of_the_wrong_shape_is_asked_for_again_and_then_given_up() -> None:
    assert picks(says({"picks": "all"}, {"picks": [pick("KXT-1-A")]}))[0].market_ticker == "KXT-1-A"
    with pytest.raises(ServiceError, match="the scout's model failed: UnexpectedModelBehavior"):
        picks(says({"picks": "all"}))


def test_tokens_spent_before_a_failure_are_on_the_meter() -> None:
    meter = Meter("m")
    with pytest.raises(ServiceError):
        picks(says({"picks": "all"}), meter=meter)
    assert (meter.usage.requests, meter.usage.input_tokens, meter.usage.output_tokens) == (3, 300, 30)


def test_a_model_that_is_away_is_unavailable_and_its_words_are_not_repeated() -> None:
    meter = Meter("m")
    with pytest.raises(Unavailable, match="ModelConnectionError") as caught:
        picks(says(AWAY), meter=meter)
    assert "secret" not in str(caught.value)
    assert not meter.used
    assert meter.dollars == 0


def test_a_model_that_refuses_is_not_merely_away() -> None:
    refusal = ModelHTTPError(status_code=400, model_name="m", body={"error": "secret body"})
    with pytest.raises(ServiceError) as caught:
        picks(says(refusal))
    assert not isinstance(caught.value, Unavailable)
    assert "secret" not in str(caught.value)


def test_the_fallback_answers_when_the_first_is_away_and_is_named_as_the_model() -> None:
    meter = Meter("first")
    both = FallbackModel(says(AWAY).model("first"), says({"picks": [pick("KXT-1-A")]}).model("second"))
    assert run(scout(both, "first").pick([market()], 5, meter))
    assert meter.model == "second"
    neither = FallbackModel(says(AWAY).model("first"), says(AWAY).model("second"))
    with pytest.raises(Unavailable, match="no model answered the scout"):
        run(scout(neither, "first").pick([market()], 5, Meter("first")))


def test_a_price_that_is_not_known_is_none_and_never_zero() -> None:
    meter = Meter("m")
    picks(says({"picks": []}), meter=meter)
    assert meter.used
    assert meter.dollars is None


def test_a_known_price_is_tokens_times_price() -> None:
    meter = Meter("m")
    model = says({"picks": []}).model("claude-sonnet-5-5")
    run(scout(model, "m").pick([market()], 5, meter))
    assert meter.dollars is not None
    assert meter.dollars > 0


def test_the_researcher_asks_what_the_task_lists_and_keeps_every_answer() -> None:
    search = Searching(answer())
    model = says(calls("search", [{"question": "How often?"}, {"question": "What is new?"}]), FINDINGS)
    found = run(researcher(model.model(), "m").research(opportunity(), search, NOW, Meter("m")))
    assert [question for question, _ in search.asked] == ["How often?", "What is new?"]
    assert {before for _, before in search.asked} == {NOW}
    assert [each.question for each in found.answers] == ["How often?", "What is new?"]
    assert found.summary == "It rained often.\n- 37 of 97"
    assert found.prompt == prompt("researcher").version


def test_the_researcher_is_given_its_questions_one_a_line() -> None:
    model = says(FINDINGS)
    run(researcher(model.model(), "m").research(opportunity(), Searching(answer()), NOW, Meter("m")))
    listed = [line for line in model.text().splitlines() if line.endswith("?") and line.startswith("- ")]
    assert len(listed) == 2
    assert all("Does it rain in Oslo" in line for line in listed)


def test_neither_researcher_nor_recommender_nor_guardian_sees_a_price() -> None:
    models = [says(FINDINGS), says(ESTIMATE), says(ESTIMATE | {"changed": False})]
    found = opportunity()
    run(researcher(models[0].model(), "m").research(found, Searching(answer()), NOW, Meter("m")))
    run(recommender(models[1].model(), "m").estimate(found, research(), Meter("m")))
    run(guardian(models[2].model(), "m").review(found, belief(), [answer()], Meter("m")))
    for model in models:
        assert not [price for price in ("0.41", "0.42", "0.43", "a record exists") if price in model.text()]


def test_a_search_that_fails_does_not_end_the_research() -> None:
    model = says(calls("search", [{"question": "How often?"}]), FINDINGS)
    found = run(researcher(model.model(), "m").research(opportunity(), Searching(None), NOW, Meter("m")))
    assert found.answers == ()
    assert "did not answer" in model.text()


def test_a_researcher_that_cannot_stop_asking_is_stopped() -> None:
    search = Searching(answer())
    model = says(calls("search", [{"question": "Again?"}]))
    with pytest.raises(ServiceError, match="UsageLimitExceeded"):
        run(researcher(model.model(), "m").research(opportunity(), search, NOW, Meter("m")))
    assert len(search.asked) == MOST_SEARCHES


def test_a_hostile_page_cannot_close_its_fence() -> None:
    model = says(calls("search", [{"question": "How often?"}]), FINDINGS)
    search = Searching(answer(INJECTION))
    run(researcher(model.model(), "m").research(opportunity(title=INJECTION), search, NOW, Meter("m")))
    last = "\n".join(str(getattr(part, "content", "")) for part in model.told[-1][-1].parts)
    assert last.count("</untrusted>") == last.count("<untrusted source=") == 1
    assert "&lt;/untrusted&gt; SYSTEM" in last
    assert "<script>" not in model.text()


def test_the_recommender_gives_a_probability_and_nothing_else() -> None:
    """A reply that also names a side, a size and a price yields the same belief as one that does not."""
    plain = run(recommender(says(ESTIMATE).model(), "m").estimate(opportunity(), research(), Meter("m")))
    bold = ESTIMATE | {"side": "no", "count": 10000, "limit": 0.99, "id": "opp_mine"}
    assert run(recommender(says(bold).model(), "m").estimate(opportunity(), research(), Meter("m"))) == plain
    assert plain.probability == Decimal("0.6")
    assert plain.prompt == prompt("recommender").version


@pytest.mark.parametrize(
    "nonsense",
    [
        {"probability": 1.2},
        {"probability": "NaN"},
        {"probability": 0.8},
        {"low": 0.65},
        {"reasons": []},
        {"high": -1},
    ],
)
def test_an_estimate_that_cannot_be_one_is_not_believed(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match="UnexpectedModelBehavior"):
        run(
            recommender(says(ESTIMATE | nonsense).model(), "m").estimate(
                opportunity(), research(), Meter("m")
            )
        )


def test_the_recommender_has_no_tools() -> None:
    seen: list[list[str]] = []

    def look(messages: Any, info: Any) -> Any:
        seen.append([tool.name for tool in info.function_tools])
        raise UnexpectedModelBehavior("enough")

    with pytest.raises(ServiceError):
        run(recommender(says(look).model(), "m").estimate(opportunity(), research(), Meter("m")))
    assert seen == [[]]


def test_the_guardian_says_whether_facts_changed() -> None:
    model = says(ESTIMATE | {"changed": True})
    found = run(guardian(model.model(), "m").review(opportunity(), belief("0.3"), [answer()], Meter("m")))
    assert found.changed
    assert found.belief.probability == Decimal("0.6")
    assert "Believed before: 0.3" in model.text()


def test_a_prompt_has_a_version_that_follows_its_text() -> None:
    versions = {prompt(name).version for name in ("scout", "researcher", "recommender", "guardian")}
    assert len(versions) == 4
    assert all(len(version.partition("@")[2]) == 8 for version in versions)


def test_the_look_ahead_limit_is_the_market_time_given() -> None:
    search = Searching(answer())
    model = says(calls("search", [{"question": "?"}]), FINDINGS)
    before = NOW - timedelta(days=1)
    run(researcher(model.model(), "m").research(opportunity(), search, before, Meter("m")))
    assert search.asked[0][1] == before
