"""Make up our mind about one opportunity: research, belief, decision, commit; then, and only then, the order."""

import logging

from coliseum.domain.opportunity import Belief, Decision, Opportunity, Research, Stage
from coliseum.errors import NotFound
from coliseum.flows.decide import decide
from coliseum.flows.desk import Desk
from coliseum.flows.job import Run, job
from coliseum.flows.trade import enter
from coliseum.tracing import here

log = logging.getLogger(__name__)


async def analyse(desk: Desk, opportunity_id: str) -> Decision:
    """The decision about an opportunity; one that was decided before is not decided again.

    Raises NotFound for an unknown or expired one, ServiceError when a service fails (it stays FOUND and can be
    tried again), LedgerError when the decision cannot be committed, in which case no order is sent.
    """
    opportunity = desk.ledger.opportunity(opportunity_id)
    known = desk.ledger.decision(opportunity_id)
    if known is not None:
        return known
    if opportunity.stage is not Stage.FOUND:
        raise NotFound(f"opportunity {opportunity_id} is {opportunity.stage}; only found ones are analysed")
    links = (opportunity.traceparent,)
    about = {"opportunity_id": opportunity.id, "market_ticker": opportunity.market_ticker}
    with job(desk, "analyst.research", links=links, **about) as run:
        run.spend.opportunity_id = opportunity.id
        return await _analysed(run, opportunity)


async def _analysed(run: Run, opportunity: Opportunity) -> Decision:
    desk = run.desk
    research = desk.ledger.research(opportunity.id) or await _research(run, opportunity)
    belief = await _believe(run, opportunity, research)
    async with desk.deciding:
        return await _decided(run, opportunity, research, belief)


async def _decided(run: Run, opportunity: Opportunity, research: Research, belief: Belief) -> Decision:
    desk = run.desk
    decision, intent = await decide(desk, opportunity, research, belief)
    fresh = desk.ledger.decide(decision, intent, here())
    desk.signals.decided(run.span, decision)
    log.info("%s: %s, %s", opportunity.market_ticker, decision.action, decision.binding)
    # Not fresh: somebody else committed it meanwhile and sends the order, or the reconciler looks it up.
    if intent is not None and fresh:
        await enter(desk, intent)
    return decision


async def _research(run: Run, opportunity: Opportunity) -> Research:
    desk, researcher = run.desk, run.desk.crew.researcher
    with run.spend.run("researcher", researcher.model) as meter:
        search = run.spend.searching(desk.search)
        research = await researcher.research(opportunity, search, desk.clock.now(), meter)
    desk.ledger.add_research(research, here())
    return research


async def _believe(run: Run, opportunity: Opportunity, research: Research) -> Belief:
    desk, recommender = run.desk, run.desk.crew.recommender
    with desk.signals.step("analyst.recommend", opportunity_id=opportunity.id) as span:
        with run.spend.run("recommender", recommender.model) as meter:
            belief = await recommender.estimate(opportunity, research, meter)
        desk.signals.about(span, probability=belief.probability, low=belief.low, high=belief.high)
        desk.ledger.add_belief(belief, here())
    return belief
