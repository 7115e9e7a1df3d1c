"""From market to order: what must be true before money moves."""

import asyncio
import logging
import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from coliseum.domain.market import Market
from coliseum.domain.opportunity import Action, Stage
from coliseum.domain.order import Intent, OrderStatus, Placed, Position, Refused, Unknown
from coliseum.domain.risk import Limits
from coliseum.errors import LedgerError, NotFound, Unavailable
from coliseum.flows.analyse import analyse
from coliseum.flows.scan import scan
from tests.agents.material import INJECTION, answer, market
from tests.agents.models import says
from tests.flows.conftest import scan_and_analyse
from tests.flows.desks import Bench, Broken, estimate, picks, run


def test_the_whole_way_from_scan_to_a_held_position(at: Bench) -> None:
    decision = run(scan_and_analyse(at.desk()))
    assert decision.action is Action.BUY_YES
    assert decision.market_mid == Decimal("0.42")
    row = at.ledger.orders()[0]
    assert (row.status, row.filled) == (OrderStatus.EXECUTED, decision.count)
    assert at.ledger.opportunity(decision.opportunity_id).stage is Stage.HELD
    assert at.ledger.positions()[0].count == decision.count


def test_an_entry_is_never_sent_before_its_decision_and_intent_are_committed(at: Bench) -> None:
    """Seen through a second connection at the very moment the exchange is asked."""
    seen: list[tuple[bool, OrderStatus]] = []

    def look(intent: Intent) -> Placed | None:
        with at.other_ledger() as other:
            decided = other.decision(intent.opportunity_id) is not None
            seen.append((decided, other.order(intent.client_order_id).status))
        return None

    at.exchange.on_place = look
    run(scan_and_analyse(at.desk()))
    assert seen == [(True, OrderStatus.INTENT)]


def test_without_a_ledger_there_is_no_entry(at: Bench) -> None:
    opportunity = run(scan(at.desk(), "full")).found[0]

    class NoCommit:
        def __getattr__(self, name: str) -> object:
            return getattr(Broken() if name == "decide" else at.ledger, name)

    with pytest.raises(LedgerError):
        run(analyse(at.desk(ledger=NoCommit()), opportunity.id))
    assert at.exchange.sent == []
    assert at.ledger.opportunity(opportunity.id).stage is Stage.FOUND


def test_telemetry_that_is_not_on_disk_is_noted_and_stops_nothing(
    at: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    waited: list[float] = []

    async def never(seconds: float) -> bool:
        waited.append(seconds)
        return False

    at.durable = never
    with caplog.at_level(logging.WARNING):
        run(scan_and_analyse(at.desk()))
    assert waited == [0.25]
    assert len(at.exchange.sent) == 1
    assert "before its trace is on disk" in caplog.text


def test_the_same_opportunity_is_decided_and_bought_once(at: Bench) -> None:
    first = run(scan_and_analyse(at.desk()))
    again = run(analyse(at.desk(), first.opportunity_id))
    assert again == first
    assert len(at.exchange.sent) == 1


def test_an_analyst_whose_decision_was_committed_by_another_sends_no_order(at: Bench) -> None:
    opportunity = run(scan(at.desk(), "full")).found[0]

    class TooLate:
        """Between looking and committing, somebody else has committed."""

        def __getattr__(self, name: str) -> object:
            return (lambda *arguments: False) if name == "decide" else getattr(at.ledger, name)

    assert run(analyse(at.desk(ledger=TooLate()), opportunity.id)).action is Action.BUY_YES
    assert at.exchange.sent == []


def test_two_analyses_at_once_do_not_both_spend_the_last_of_a_limit(at: Bench) -> None:
    at.exchange.markets["KXT-1-B"] = market("KXT-1-B")
    at.scout = says(picks("KXT-1-A", "KXT-1-B"))
    at.limits = Limits(max_open_positions=1)

    second, bought = asyncio.Event(), asyncio.Event()

    class Meanwhile:
        """An order is on its way until the other analysis has looked at the account, which in turn is not
        done looking until that order has filled. The first must not happen, so the wait for it is short."""

        looks = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(at.exchange, name)

        async def positions(self) -> tuple[Position, ...]:
            self.looks += 1
            if self.looks == 2:
                second.set()
            return await at.exchange.positions()

        async def market(self, ticker: str) -> Market:
            if second.is_set():
                await asyncio.wait_for(bought.wait(), 2)
            return await at.exchange.market(ticker)

        async def place(self, intent: Intent) -> Placed:
            with suppress(TimeoutError):
                await asyncio.wait_for(second.wait(), 0.05)
            placed = await at.exchange.place(intent)
            bought.set()
            return placed

    async def both() -> list[Action]:
        desk = at.desk(exchange=Meanwhile())
        found = (await scan(desk, "full")).found
        decisions = await asyncio.gather(*(analyse(desk, each.id) for each in found))
        return [decision.action for decision in decisions]

    assert sorted(run(both())) == [Action.ABSTAIN, Action.BUY_YES]


def test_nothing_is_bought_twice_in_a_market_that_is_held_or_on_order(at: Bench) -> None:
    at.exchange.on_place = lambda intent: Unknown(reason="the line went dead")
    run(scan_and_analyse(at.desk()))
    opportunity = at.ledger.opportunities()[0]
    second = replace(opportunity, id="opp_ffffffffffffffff", scan="later", stage=Stage.FOUND)
    at.ledger.add_opportunities([second], at.ledger.orders()[0].span)
    decision = run(analyse(at.desk(), second.id))
    assert (decision.action, decision.binding) == (Action.ABSTAIN, "duplicate")
    assert len(at.exchange.sent) == 1


def test_a_market_held_at_the_exchange_is_not_bought_even_if_our_books_do_not_know(holding: Bench) -> None:
    opportunity = holding.ledger.opportunities()[0]
    holding.exchange.held[0] = replace(holding.exchange.held[0], market_ticker="KXT-1-B")
    holding.exchange.markets["KXT-1-B"] = market("KXT-1-B")
    fresh = replace(opportunity, id="opp_ffffffffffffffff", market_ticker="KXT-1-B", stage=Stage.FOUND)
    holding.ledger.add_opportunities([fresh], holding.ledger.orders()[0].span)
    assert run(analyse(holding.desk(), fresh.id)).binding == "duplicate"


def test_a_halt_stops_entries_with_its_reason(at: Bench) -> None:
    at.halted = "on holiday"
    decision = run(scan_and_analyse(at.desk()))
    assert (decision.action, decision.binding) == (Action.ABSTAIN, "halt")
    assert "on holiday" in [check.detail for check in decision.checks]
    assert at.exchange.sent == []


def test_a_belief_without_a_single_source_buys_nothing(at: Bench) -> None:
    at.search.found = None
    decision = run(scan_and_analyse(at.desk()))
    assert (decision.action, decision.binding) == (Action.ABSTAIN, "sources")


def test_the_market_is_read_again_after_the_research(at: Bench) -> None:
    """The quote under which it was found is an hour old by then; only the fresh one counts."""
    opportunity = run(scan(at.desk(), "full")).found[0]
    at.exchange.quote("KXT-1-A", "0.57", "0.59")
    decision = run(analyse(at.desk(), opportunity.id))
    assert decision.action is Action.ABSTAIN
    assert decision.market_mid == Decimal("0.58")


def test_a_hostile_page_changes_neither_side_nor_size_nor_limit(at: Bench) -> None:
    """The page can only reach the belief; with the same belief the order is the same to the last digit."""
    opportunity = run(scan(at.desk(), "full")).found[0]
    at.search.found = answer(INJECTION)
    at.recommender = says(estimate(0.60) | {"side": "no", "count": 10000, "limit": 0.99})
    run(analyse(at.desk(), opportunity.id))
    bought = at.exchange.sent[0]
    assert (bought.side.value, bought.limit) == ("yes", Decimal("0.45"))
    assert bought.count == run_plain(at)
    assert "</untrusted> SYSTEM" not in at.recommender.text()


def run_plain(at: Bench) -> Decimal:
    """How much a desk with an honest page buys of the same market."""
    at.search.found, at.recommender = answer(), says(estimate(0.60))
    at.exchange.held.clear()
    at.exchange.markets["KXU-1-A"] = market("KXU-1-A")
    opportunity = replace(at.ledger.opportunities()[0], id="opp_ffffffffffffffff", stage=Stage.FOUND)
    fresh = replace(opportunity, market_ticker="KXU-1-A", event_ticker="KXU-1")
    at.ledger.add_opportunities([fresh], at.ledger.orders()[0].span)
    run(analyse(at.desk(), fresh.id))
    return at.exchange.sent[-1].count


def test_the_recommender_never_sees_the_price(at: Bench) -> None:
    run(scan_and_analyse(at.desk()))
    assert "Does it rain in Oslo" in at.recommender.text()
    assert not re.search(r"0?\.4[1-5]", at.recommender.text() + at.researcher.text())


def test_ids_follow_from_venue_market_and_scan_not_from_the_model(at: Bench) -> None:
    decision = run(scan_and_analyse(at.desk()))
    assert re.fullmatch(r"opp_[0-9a-f]{16}", decision.opportunity_id)
    assert re.fullmatch(r"dec_[0-9a-f]{16}", decision.id)
    assert at.ledger.opportunities()[0].found_at == at.clock.now()


def test_a_refused_entry_ends_the_opportunity(at: Bench) -> None:
    at.exchange.on_place = lambda intent: Refused(code="insufficient_balance", message="no money")
    decision = run(scan_and_analyse(at.desk()))
    assert at.ledger.opportunity(decision.opportunity_id).stage is Stage.REJECTED
    assert at.ledger.orders()[0].reason == "insufficient_balance: no money"


def test_an_order_whose_fills_cannot_be_read_is_held_all_the_same(at: Bench) -> None:
    at.exchange.fills_away = True
    decision = run(scan_and_analyse(at.desk()))
    assert at.ledger.positions()[0].count == decision.count


def test_a_model_that_fails_leaves_the_opportunity_to_be_tried_again(at: Bench) -> None:
    at.recommender = says("no", "no", "no", estimate(0.60))
    opportunity = run(scan(at.desk(), "full")).found[0]
    with pytest.raises(Exception, match="recommender's model failed"):
        run(analyse(at.desk(), opportunity.id))
    assert at.ledger.opportunity(opportunity.id).stage is Stage.FOUND
    asked = len(at.search.asked)
    assert run(analyse(at.desk(), opportunity.id)).action is Action.BUY_YES
    assert len(at.search.asked) == asked, "the research that was paid is used"


def test_only_found_opportunities_are_analysed(at: Bench) -> None:
    opportunity = run(scan(at.desk(), "full")).found[0]
    at.ledger.move(opportunity.id, Stage.EXPIRED)
    with pytest.raises(NotFound, match="is expired"):
        run(analyse(at.desk(), opportunity.id))
    with pytest.raises(NotFound):
        run(analyse(at.desk(), "opp_0000000000000000"))


def test_a_scan_looks_at_no_market_twice_while_it_is_fresh(at: Bench) -> None:
    at.exchange.markets["KXT-1-B"] = market("KXT-1-B", volume=Decimal(1))
    first = run(scan(at.desk(), "full"))
    at.pass_time(hours=1)
    second = run(scan(at.desk(), "full"))
    assert (len(first.found), first.left_out) == (1, {"volume": 1})
    assert (len(second.found), second.left_out) == (0, {"known": 1, "volume": 1})
    assert len(at.scout.told) == 1, "no candidate, no model"


def test_what_nobody_analysed_expires_and_may_be_found_again(at: Bench) -> None:
    first = run(scan(at.desk(), "full")).found[0]
    at.pass_time(hours=25)
    again = run(scan(at.desk(), "full")).found[0]
    assert at.ledger.opportunity(first.id).stage is Stage.EXPIRED
    assert again.id != first.id


def test_a_quick_scan_sees_what_closes_within_a_day(at: Bench) -> None:
    assert run(scan(at.desk(), "quick")).left_out == {"closes_too_late": 1}
    at.pass_time(hours=7)
    assert len(run(scan(at.desk(), "quick")).found) == 1


def test_a_prompt_lists_the_most_traded_markets_only(at: Bench) -> None:
    for number in range(70):
        ticker = f"KXV-1-{number:02}"
        at.exchange.markets[ticker] = market(ticker, volume=Decimal(1000 + number))
    at.scout = says(picks("KXV-1-69"))
    run(scan(at.desk(), "full"))
    listed = re.findall(r'"ticker": "(KX[^"]*)"', at.scout.text())
    assert len(listed) == 60
    assert "KXV-1-09" not in listed


def test_an_exchange_that_is_away_fails_the_scan_and_writes_nothing(at: Bench) -> None:
    at.exchange.away = True
    with pytest.raises(Unavailable):
        run(scan(at.desk(), "full"))
    assert at.ledger.opportunities() == ()


def test_the_daily_loss_counts_from_midnight_in_new_york(at: Bench) -> None:
    asked: list[str] = []

    def realized_since(when: datetime) -> Decimal:
        asked.append(when.isoformat())
        return Decimal(0)

    class Asked:
        def __getattr__(self, name: str) -> object:
            return realized_since if name == "realized_since" else getattr(at.ledger, name)

    at.clock.when = at.clock.when.replace(hour=4)  # still yesterday over there
    at.exchange.markets["KXT-1-A"] = market(close_time=at.clock.when + timedelta(hours=9))
    run(scan_and_analyse(at.desk(ledger=Asked())))
    assert asked == ["2026-02-28T00:00:00-05:00"]
