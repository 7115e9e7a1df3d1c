"""Settlement, scores, snapshots, and that every dollar spent is booked once."""

from decimal import Decimal

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models.function import AgentInfo

from coliseum.domain.opportunity import Stage
from coliseum.errors import ServiceError
from coliseum.flows import guard
from coliseum.flows.analyse import analyse
from coliseum.flows.scan import scan
from coliseum.flows.settle import scores, settle
from coliseum.flows.snapshot import snapshot
from tests.agents.material import answer
from tests.agents.models import says
from tests.flows.conftest import scan_and_analyse
from tests.flows.desks import FINDINGS, Bench, Broken, Crash, estimate, researches, run


def test_a_market_that_ended_settles_what_was_held_once(holding: Bench) -> None:
    holding.exchange.end("KXT-1-A", "yes")
    assert len(run(settle(holding.desk()))) == 1
    assert run(settle(holding.desk())) == ()
    assert holding.ledger.opportunities()[0].stage is Stage.SETTLED
    assert holding.ledger.positions() == ()


def test_the_guardian_settles_on_its_round(holding: Bench) -> None:
    holding.exchange.end("KXT-1-A", "no")
    assert run(guard.positions(holding.desk())).positions == 0
    assert len(holding.ledger.settlements()) == 1


def test_a_decision_is_scored_against_the_market_of_its_moment(holding: Bench) -> None:
    holding.exchange.end("KXT-1-A", "yes")
    found = run(scores(holding.desk()))[0]
    assert found.happened
    assert (found.ours, found.market) == (Decimal("0.16"), Decimal("0.58") ** 2)


def test_an_abstention_is_scored_too_and_an_open_market_is_not(at: Bench) -> None:
    at.recommender = says(estimate(0.42))
    run(scan_and_analyse(at.desk()))
    assert run(scores(at.desk())) == ()
    at.exchange.end("KXT-1-A", "no")
    assert [each.happened for each in run(scores(at.desk()))] == [False]


def test_a_voided_market_scores_nothing(holding: Bench) -> None:
    holding.exchange.end("KXT-1-A", "scalar")
    assert run(scores(holding.desk())) == ()


def test_a_snapshot_notes_how_the_account_stands(holding: Bench) -> None:
    taken = run(snapshot(holding.desk()))
    assert taken == holding.ledger.snapshots()[0]
    assert (taken.open_positions, taken.cash, taken.at) == (1, Decimal(1000), holding.clock.now())


def test_every_agent_run_and_every_search_is_booked_once(at: Bench) -> None:
    run(scan_and_analyse(at.desk()))
    rows = [(row.kind, row.name, row.requests, row.input_tokens) for row in at.ledger.costs()]
    assert rows == [
        ("model", "scout", 1, 100),
        ("search", "exa", 1, 0),
        ("search", "exa", 1, 0),
        ("model", "researcher", 2, 200),
        ("model", "recommender", 1, 100),
    ]
    assert [row.dollars for row in at.ledger.costs() if row.kind == "search"] == [Decimal("0.005")] * 2
    assert {row.job for row in at.ledger.costs()} == {"scout.scan", "analyst.research"}


def test_a_run_that_fails_is_booked_with_what_it_used_and_once(at: Bench) -> None:
    opportunity = run(scan(at.desk(), "full")).found[0]
    at.recommender = says("no", "no", "no")
    with pytest.raises(ServiceError):
        run(analyse(at.desk(), opportunity.id))
    failed = [row for row in at.ledger.costs() if row.name == "recommender"]
    assert [(row.requests, row.input_tokens, row.output_tokens) for row in failed] == [(3, 300, 30)]


def test_a_run_that_is_cut_short_is_booked_too(at: Bench) -> None:
    opportunity = run(scan(at.desk(), "full")).found[0]

    def stopped(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise Crash

    at.researcher = says(researches, stopped)
    with pytest.raises(Crash):
        run(analyse(at.desk(), opportunity.id))
    booked = [(row.name, row.requests) for row in at.ledger.costs()][1:]
    assert booked == [("exa", 1), ("exa", 1), ("researcher", 1)]


def test_a_search_that_failed_cost_nothing(at: Bench) -> None:
    at.search.found = None
    run(scan_and_analyse(at.desk()))
    assert [row for row in at.ledger.costs() if row.kind == "search"] == []


def test_an_unknown_price_is_booked_as_unknown(at: Bench) -> None:
    at.search.found = answer(cost=None)
    run(scan_and_analyse(at.desk()))
    assert {row.dollars for row in at.ledger.costs() if row.kind == "search"} == {None}


def test_the_books_of_an_opportunity_name_it(at: Bench) -> None:
    decision = run(scan_and_analyse(at.desk()))
    named = [row.opportunity_id for row in at.ledger.costs()]
    assert named == ["", *[decision.opportunity_id] * 4]


def test_costs_that_cannot_be_written_keep_no_exit_back(holding: Bench) -> None:
    holding.guardian = says(estimate(0.15) | {"changed": True})

    class NoCosts:
        def __getattr__(self, name: str) -> object:
            return getattr(Broken() if name == "add_cost" else holding.ledger, name)

    assert run(guard.news(holding.desk(ledger=NoCosts()))).left == ("KXT-1-A",)


def test_a_review_of_news_is_booked_on_its_opportunity(holding: Bench) -> None:
    before = len(holding.ledger.costs())
    run(guard.news(holding.desk()))
    fresh = holding.ledger.costs()[before:]
    assert [(row.job, row.name) for row in fresh] == [
        ("guardian.news", "exa"),
        ("guardian.news", "exa"),
        ("guardian.news", "guardian"),
    ]
    assert len({row.opportunity_id for row in fresh}) == 1


def test_a_desk_that_searches_nothing_reports_no_searches(at: Bench) -> None:
    at.researcher = says(FINDINGS)
    run(scan_and_analyse(at.desk()))
    assert {row.kind for row in at.ledger.costs()} == {"model"}
