"""From a belief to a decision: the market as it is now, edge, size, and every rule's verdict."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from zoneinfo import ZoneInfo

from coliseum.domain import edge, risk, sizing
from coliseum.domain.market import ExchangeStatus, Market, OrderBook, Side
from coliseum.domain.money import ZERO, Contracts, Dollars, Price
from coliseum.domain.opportunity import Action, Belief, Check, Decision, Opportunity, Quote, Research
from coliseum.domain.order import Balance, Intent, OrderAction, Position, client_order_id
from coliseum.domain.portfolio import Exposure, exposure
from coliseum.flows.desk import Desk
from coliseum.flows.exposure import at_stake, taken

EXCHANGE_DAY = ZoneInfo("America/New_York")
"""The daily loss limit starts anew at midnight where the exchange is."""
ENTRY = "entry"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The market and the account, read together just before deciding."""

    now: datetime
    market: Market
    book: OrderBook
    status: ExchangeStatus
    balance: Balance
    positions: tuple[Position, ...]
    exposure: Exposure
    realized_today: Dollars

    @property
    def bankroll(self) -> Dollars:
        return self.balance.cash + self.balance.portfolio_value


@dataclass(frozen=True, slots=True)
class Sized:
    """What would be bought: nothing when `count` is 0, for the reason named in `binding`."""

    quote: Quote | None
    limit: Price
    count: Contracts
    binding: str


async def decide(
    desk: Desk, opportunity: Opportunity, research: Research, belief: Belief
) -> tuple[Decision, Intent | None]:
    """The decision, and the order it asks for. Nothing is written and nothing is sent here."""
    view = await look(desk, opportunity)
    with desk.signals.step("decision.size", opportunity_id=opportunity.id) as span:
        sized = size(desk, view, belief)
        desk.signals.about(span, quantity=sized.count, binding=sized.binding, bankroll=view.bankroll)
    with desk.signals.step("risk.check", opportunity_id=opportunity.id) as span:
        checks = check(desk, view, opportunity, research, belief, sized)
        desk.signals.checked(span, checks)
    decision = _decision(view, opportunity, belief, sized, checks)
    return decision, _intent(desk, decision, sized)


async def look(desk: Desk, opportunity: Opportunity) -> View:
    """Read market, book and account anew: the research took time."""
    ticker = opportunity.market_ticker
    status, balance = await desk.exchange.status(), await desk.exchange.balance()
    positions = await desk.exchange.positions()
    market, book = await desk.exchange.market(ticker), await desk.exchange.book(ticker)
    now = desk.clock.now()
    return View(
        now=now,
        market=market,
        book=book,
        status=status,
        balance=balance,
        positions=positions,
        exposure=exposure(at_stake(desk, positions), market=ticker, event=market.event_ticker),
        realized_today=desk.ledger.realized_since(midnight(now)),
    )


def midnight(now: datetime) -> datetime:
    """When the exchange's day began."""
    return now.astimezone(EXCHANGE_DAY).replace(hour=0, minute=0, second=0, microsecond=0)


def size(desk: Desk, view: View, belief: Belief) -> Sized:
    """The better side at its executable price, and as much of it as every limit allows."""
    market, p = view.market, belief.probability
    quoted = edge.best(market.ask(Side.YES), market.ask(Side.NO), p, desk.fees)
    if quoted is None:
        return Sized(None, ZERO, ZERO, "no_offer")
    limit = sizing.limit_price(quoted, p, market.price_ranges, desk.limits, desk.fees)
    if limit is None:
        return Sized(quoted, quoted.price, ZERO, "net_edge")
    wish = sizing.Wish(
        side=quoted.side,
        belief_probability=p,
        offers=view.book.offers(quoted.side),
        limit=limit,
        exposure=view.exposure,
        bankroll=view.bankroll,
        cash=view.balance.cash,
    )
    found = sizing.size(wish, desk.limits, desk.fees)
    return Sized(found.quote or quoted, limit, found.count, found.binding)


def check(
    desk: Desk, view: View, opportunity: Opportunity, research: Research, belief: Belief, sized: Sized
) -> tuple[Check, ...]:
    """The desk's own two rules, then the gate's."""
    proposal = risk.Proposal(
        now=view.now,
        halted=desk.halted(),
        exchange=view.status,
        market=view.market,
        belief=belief,
        quote=sized.quote,
        count=sized.count,
        limit=sized.limit,
        depth=ZERO if sized.quote is None else view.book.depth(sized.quote.side, sized.limit),
        exposure=view.exposure,
        bankroll=view.bankroll,
        cash=view.balance.cash,
        realized_today=view.realized_today,
        fees=desk.fees,
    )
    return (
        _duplicate(desk, view, opportunity.market_ticker),
        _sources(research),
        *risk.gate(proposal, desk.limits),
    )


def _duplicate(desk: Desk, view: View, ticker: str) -> Check:
    held = taken(desk) | {position.market_ticker for position in view.positions}
    passed = ticker not in held
    detail = "nothing of this market is held or on order" if passed else "already held, or on order"
    return Check(rule="duplicate", passed=passed, detail=detail)


def _sources(research: Research) -> Check:
    found = sum(len(answer.sources) for answer in research.answers)
    return Check(rule="sources", passed=found > 0, detail=f"the belief rests on {found} sources")


def _decision(
    view: View, opportunity: Opportunity, belief: Belief, sized: Sized, checks: tuple[Check, ...]
) -> Decision:
    buys = risk.passes(checks) and sized.quote is not None
    failed = [check.rule for check in checks if not check.passed]
    return Decision(
        id=decision_id(opportunity.id, ENTRY),
        opportunity_id=opportunity.id,
        market_ticker=opportunity.market_ticker,
        action=_action(sized.quote) if buys else Action.ABSTAIN,
        belief=belief,
        quote=sized.quote,
        count=sized.count if buys else Decimal(0),
        binding=sized.binding if buys or not failed else _why_not(sized, failed),
        checks=checks,
        market_mid=view.market.mid,
        decided_at=view.now,
    )


def _why_not(sized: Sized, failed: list[str]) -> str:
    """An empty size fails the rule "size", but the limit that emptied it says more."""
    return sized.binding if failed[0] == "size" else failed[0]


def _action(quote: Quote | None) -> Action:
    return Action.BUY_YES if quote is not None and quote.side is Side.YES else Action.BUY_NO


def decision_id(opportunity_id: str, leg: str) -> str:
    """`dec_` and 16 hex digits; the same opportunity and leg always give the same id."""
    return "dec_" + sha256(f"{opportunity_id}:{leg}".encode()).hexdigest()[:16]


def _intent(desk: Desk, decision: Decision, sized: Sized) -> Intent | None:
    if decision.action is Action.ABSTAIN or sized.quote is None:
        return None
    return Intent(
        client_order_id=client_order_id(desk.venue, desk.mode, decision.opportunity_id, ENTRY),
        opportunity_id=decision.opportunity_id,
        leg=ENTRY,
        market_ticker=decision.market_ticker,
        action=OrderAction.BUY,
        side=sized.quote.side,
        count=decision.count,
        limit=sized.limit,
    )
