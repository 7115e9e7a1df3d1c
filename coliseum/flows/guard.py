"""Watch what we hold: leave a position when a rule, or the news, says that selling is worth more."""

import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from coliseum.agents.guardian import Reviewed
from coliseum.agents.question import questions
from coliseum.domain import edge
from coliseum.domain.money import ZERO, Price
from coliseum.domain.opportunity import Answer, Belief, Opportunity
from coliseum.domain.order import Order, Position
from coliseum.errors import ColiseumError, LedgerError
from coliseum.flows.desk import Desk
from coliseum.flows.exits import exit_intent, reason_to_leave
from coliseum.flows.job import Run, job
from coliseum.flows.memory import Memory, memories
from coliseum.flows.settle import settle
from coliseum.flows.trade import leave, reconcile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Guarded:
    """What one round did; `left` names the markets in which an exit sold something."""

    positions: int
    left: tuple[str, ...]


async def positions(desk: Desk) -> Guarded:
    """Reconcile, settle, then sell what reached its target or its stop and is worth more sold than held.

    Raises ServiceError when the exchange cannot be read. A ledger that fails stops no exit.
    """
    with job(desk, "guardian.positions") as run:
        await _keep_books(desk)
        known = _known(desk)
        held = await desk.exchange.positions()
        left = [p.market_ticker for p in held if await _safely(p, _guarded(desk, p, known))]
        return _done(run, held, left)


async def news(desk: Desk) -> Guarded:
    """Estimate anew each question we hold, from fresh answers; sell where new facts changed our mind.

    A service that fails leaves that position as it is. Raises ServiceError when the exchange cannot be read,
    LedgerError when the questions cannot.
    """
    known = memories(desk)
    links = [memory.opportunity.traceparent for memory in known.values()]
    with job(desk, "guardian.news", links=links) as run:
        held = await desk.exchange.positions()
        ours = [position for position in held if position.market_ticker in known]
        left = [p.market_ticker for p in ours if await _safely(p, _reviewed(run, p, known[p.market_ticker]))]
        return _done(run, held, left)


async def _keep_books(desk: Desk) -> None:
    try:
        await reconcile(desk, timedelta(minutes=desk.guarding.reconcile_after_minutes))
        await settle(desk)
    except ColiseumError as error:
        log.error("the books could not be brought up to date: %s", error)


def _known(desk: Desk) -> Mapping[str, Memory] | None:
    """None when the ledger cannot be read: then every position is taken for ours and guarded by its cost."""
    try:
        return memories(desk)
    except LedgerError as error:
        log.error("positions are guarded without the ledger: %s", error)
        return None


async def _safely(position: Position, attempt: Awaitable[bool]) -> bool:
    """A position that cannot be judged or sold just now keeps no other from it."""
    try:
        return await attempt
    except ColiseumError as error:
        log.error("%s is not guarded in this round: %s", position.market_ticker, error)
        return False


async def _guarded(desk: Desk, position: Position, known: Mapping[str, Memory] | None) -> bool:
    memory = known.get(position.market_ticker) if known is not None else None
    if known is not None and memory is None:
        log.info("%s is held but was not bought by this desk; left alone", position.market_ticker)
        return False
    if memory is not None and memory.leaving:
        return False
    belief = memory.belief if memory else None
    bid = await _bid(desk, position)
    if bid is None:
        return False
    p = None if belief is None else belief.probability
    reason = reason_to_leave(position, bid, p, desk.guarding, desk.fees)
    return bool(reason) and await _left(desk, position, bid, memory, reason)


async def _reviewed(run: Run, position: Position, memory: Memory) -> bool:
    if memory.belief is None or memory.leaving:
        return False
    run.spend.opportunity_id = memory.opportunity.id
    reviewed = await _review(run, memory.opportunity, memory.belief)
    bid = await _bid(run.desk, position)
    if bid is None or not _turned(run.desk, position, bid, reviewed):
        return False
    return await _left(run.desk, position, bid, memory, f"news: now {reviewed.belief.probability}")


async def _review(run: Run, opportunity: Opportunity, before: Belief) -> Reviewed:
    guardian, now = run.desk.crew.guardian, run.desk.clock.now()
    search = run.spend.searching(run.desk.search)
    fresh: list[Answer] = []
    for question in questions(opportunity, now):
        fresh.append(await search.answer(question, published_before=now))
    with run.spend.run("guardian", guardian.model) as meter:
        return await guardian.review(opportunity, before, fresh, meter)


def _turned(desk: Desk, position: Position, bid: Price, reviewed: Reviewed) -> bool:
    p = reviewed.belief.probability
    return reviewed.changed and edge.worth_selling(position.side, bid, p, desk.fees)


async def _bid(desk: Desk, position: Position) -> Price | None:
    """The best price for which the position's side can be sold now; None when nobody bids."""
    bid = (await desk.exchange.market(position.market_ticker)).bid(position.side)
    return bid if bid is not None and ZERO < bid < 1 else None


async def _left(desk: Desk, position: Position, bid: Price, memory: Memory | None, reason: str) -> bool:
    placed = await leave(desk, exit_intent(desk, position, bid, memory), reason)
    return isinstance(placed, Order) and placed.filled > ZERO


def _done(run: Run, held: Sequence[Position], left: Sequence[str]) -> Guarded:
    at_risk = sum((position.cost + position.fees for position in held), ZERO)
    run.desk.signals.exposed(at_risk)
    run.about(positions=len(held), exits=len(left), exposure=at_risk)
    return Guarded(len(held), tuple(left))
