"""The rules that stand between a decision and money; every rule's verdict is kept."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal

from coliseum.domain.fees import FeeSchedule, worst_cost
from coliseum.domain.market import ExchangeStatus, Market
from coliseum.domain.money import ONE, ZERO, Contracts, Dollars, Price
from coliseum.domain.opportunity import Belief, Check, Quote
from coliseum.domain.portfolio import Exposure

OPEN = "active"
"""The status of a market that trades."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may be risked and on what evidence. Percentages are fractions of the bankroll, prices and
    edges are dollars per contract. Raises ValueError naming the field that makes no sense."""

    max_position_pct: Decimal = Decimal("0.10")
    max_event_pct: Decimal = Decimal("0.15")
    max_series_pct: Decimal = Decimal("0.50")
    max_exposure_pct: Decimal = Decimal("0.50")
    max_daily_loss_pct: Decimal = Decimal("0.05")
    max_open_positions: int = 10
    max_single_trade_usd: Dollars = Decimal(1000)
    min_edge: Decimal = Decimal("0.05")
    min_ev: Decimal = Decimal("0.10")
    kelly_fraction: Decimal = Decimal("0.25")
    max_spread: Price = Decimal("0.10")
    max_slippage: Price = Decimal("0.02")
    max_quote_age_seconds: int = 60
    close_buffer_minutes: int = 30
    min_volume: Contracts = Decimal(100)
    abstain_within_interval: bool = True
    """No trade at a price that the forecast's own interval contains."""
    min_belief_width: Decimal = Decimal("0.02")
    """An interval counts as at least this wide: a forecast is never surer than that."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value != value or value < 0:
                raise ValueError(f"{field.name} must not be negative, not {value}")
            if field.name.endswith(("_pct", "_fraction")) and not ZERO < value <= ONE:
                raise ValueError(f"{field.name} is a fraction above 0 and up to 1, not {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A purchase about to be made, and everything the rules compare it with.

    `halted` says why nothing may be bought ("" when something may), `exposure` is what was held before,
    `realized_today` is negative after losses, `depth` is what is on offer up to `limit`.
    """

    now: datetime
    halted: str
    exchange: ExchangeStatus
    market: Market
    belief: Belief
    quote: Quote | None
    count: Contracts
    limit: Price
    depth: Contracts
    exposure: Exposure
    bankroll: Dollars
    cash: Dollars
    realized_today: Dollars
    fees: FeeSchedule

    @property
    def cost(self) -> Dollars:
        """The most it can take from the balance."""
        return worst_cost(self.limit, self.count, self.fees)


Rule = Callable[[Proposal, Limits], Check]


def gate(proposal: Proposal, limits: Limits) -> tuple[Check, ...]:
    """Every rule's verdict, in the order of RULES. One that did not pass means: do not trade."""
    return tuple(rule(proposal, limits) for rule in RULES)


def passes(checks: tuple[Check, ...]) -> bool:
    """Whether every rule said yes; no verdict at all is no yes."""
    return bool(checks) and all(check.passed for check in checks)


def _halt(proposal: Proposal, limits: Limits) -> Check:
    return Check(rule="halt", passed=not proposal.halted, detail=proposal.halted or "trading is not halted")


def _exchange(proposal: Proposal, limits: Limits) -> Check:
    passed = proposal.exchange.exchange_active and proposal.exchange.trading_active
    detail = "the exchange takes orders" if passed else "the exchange takes no orders"
    return Check(rule="exchange", passed=passed, detail=detail)


def _market_open(proposal: Proposal, limits: Limits) -> Check:
    status = proposal.market.status
    return Check(rule="market_open", passed=status == OPEN, detail=f"market is {status}, must be {OPEN}")


def _close_buffer(proposal: Proposal, limits: Limits) -> Check:
    left = proposal.market.close_time - proposal.now
    passed = left >= timedelta(minutes=limits.close_buffer_minutes)
    detail = f"closes in {_minutes(left)} min, at least {limits.close_buffer_minutes} min wanted"
    return Check(rule="close_buffer", passed=passed, detail=detail)


def _quote_age(proposal: Proposal, limits: Limits) -> Check:
    age = proposal.now - proposal.market.quoted_at
    passed = abs(age) <= timedelta(seconds=limits.max_quote_age_seconds)
    detail = f"quote is {age.total_seconds():.0f} s old, at most {limits.max_quote_age_seconds} s allowed"
    return Check(rule="quote_age", passed=passed, detail=detail)


def _volume(proposal: Proposal, limits: Limits) -> Check:
    volume = proposal.market.volume
    detail = f"{volume} contracts traded, at least {limits.min_volume} wanted"
    return Check(rule="volume", passed=volume >= limits.min_volume, detail=detail)


def _spread(proposal: Proposal, limits: Limits) -> Check:
    spread = proposal.market.spread
    if spread is None:
        return Check(rule="spread", passed=False, detail="one side of the book is empty")
    detail = f"spread {spread}, at most {limits.max_spread} allowed"
    return Check(rule="spread", passed=ZERO <= spread <= limits.max_spread, detail=detail)


def _belief_interval(proposal: Proposal, limits: Limits) -> Check:
    mid = proposal.market.mid
    low, high = interval(proposal.belief, limits.min_belief_width)
    if mid is None:
        return Check(rule="belief_interval", passed=False, detail="the market names no price")
    outside = not low <= mid <= high
    where = "outside" if outside else "inside"
    detail = f"market price {mid} is {where} the forecast's {low}..{high}"
    if not limits.abstain_within_interval:
        return Check(rule="belief_interval", passed=True, detail=f"{detail}; the rule is switched off")
    return Check(rule="belief_interval", passed=outside, detail=detail)


def _net_edge(proposal: Proposal, limits: Limits) -> Check:
    if proposal.quote is None:
        return Check(rule="net_edge", passed=False, detail="nothing is on offer")
    edge = proposal.quote.net_edge
    detail = f"net edge {_short(edge)}, at least {limits.min_edge} wanted"
    return Check(rule="net_edge", passed=edge >= limits.min_edge, detail=detail)


def _ev(proposal: Proposal, limits: Limits) -> Check:
    if proposal.quote is None:
        return Check(rule="ev", passed=False, detail="nothing is on offer")
    ev = proposal.quote.ev
    detail = f"expected return {_short(ev)} per dollar, at least {limits.min_ev} wanted"
    return Check(rule="ev", passed=ev >= limits.min_ev, detail=detail)


def _size(proposal: Proposal, limits: Limits) -> Check:
    detail = f"{proposal.count} contracts"
    return Check(rule="size", passed=proposal.count > ZERO, detail=detail)


def _per_trade(proposal: Proposal, limits: Limits) -> Check:
    return _at_most("per_trade", proposal.cost, limits.max_single_trade_usd)


def _market_share(proposal: Proposal, limits: Limits) -> Check:
    return _share("market", proposal, proposal.exposure.market, limits.max_position_pct)


def _event_share(proposal: Proposal, limits: Limits) -> Check:
    return _share("event", proposal, proposal.exposure.event, limits.max_event_pct)


def _series_share(proposal: Proposal, limits: Limits) -> Check:
    return _share("series", proposal, proposal.exposure.series, limits.max_series_pct)


def _total_share(proposal: Proposal, limits: Limits) -> Check:
    return _share("total", proposal, proposal.exposure.total, limits.max_exposure_pct)


def _positions(proposal: Proposal, limits: Limits) -> Check:
    held = proposal.exposure
    after = held.open_positions + (0 if held.market > ZERO else 1)
    detail = f"{after} open positions with this one, at most {limits.max_open_positions} allowed"
    return Check(rule="positions", passed=after <= limits.max_open_positions, detail=detail)


def _daily_loss(proposal: Proposal, limits: Limits) -> Check:
    loss = max(-proposal.realized_today, ZERO)
    allowed = limits.max_daily_loss_pct * proposal.bankroll
    detail = f"lost {_money(loss)} today, trading stops at {_money(allowed)}"
    return Check(rule="daily_loss", passed=loss < allowed, detail=detail)


def _cash(proposal: Proposal, limits: Limits) -> Check:
    detail = f"needs {_money(proposal.cost)} with fees, {_money(proposal.cash)} in cash"
    return Check(rule="cash", passed=proposal.cost <= proposal.cash, detail=detail)


def _depth(proposal: Proposal, limits: Limits) -> Check:
    detail = f"wants {proposal.count} contracts, {proposal.depth} on offer up to {proposal.limit}"
    return Check(rule="depth", passed=proposal.count <= proposal.depth, detail=detail)


def _slippage(proposal: Proposal, limits: Limits) -> Check:
    ask = None if proposal.quote is None else proposal.market.ask(proposal.quote.side)
    if ask is None:
        return Check(rule="slippage", passed=False, detail="nothing is on offer")
    worst = proposal.limit - ask
    detail = f"limit {proposal.limit} is {worst} above the ask {ask}, at most {limits.max_slippage} allowed"
    return Check(rule="slippage", passed=worst <= limits.max_slippage, detail=detail)


RULES: tuple[Rule, ...] = (
    _halt,
    _exchange,
    _market_open,
    _close_buffer,
    _quote_age,
    _volume,
    _spread,
    _belief_interval,
    _net_edge,
    _ev,
    _size,
    _per_trade,
    _market_share,
    _event_share,
    _series_share,
    _total_share,
    _positions,
    _daily_loss,
    _cash,
    _depth,
    _slippage,
)
"""From what concerns everything to what concerns this order; cheap certainties before close calls."""


def interval(belief: Belief, least_width: Decimal) -> tuple[Decimal, Decimal]:
    """The forecast's own interval, widened around its probability to `least_width`."""
    half = least_width / 2
    return min(belief.low, belief.probability - half), max(belief.high, belief.probability + half)


def _share(rule: str, proposal: Proposal, held: Dollars, fraction: Decimal) -> Check:
    return _at_most(rule, held + proposal.cost, fraction * proposal.bankroll)


def _at_most(rule: str, amount: Dollars, allowed: Dollars) -> Check:
    detail = f"{_money(amount)} at risk with this one, at most {_money(allowed)} allowed"
    return Check(rule=rule, passed=amount <= allowed, detail=detail)


def _money(amount: Dollars) -> str:
    return f"${amount:.2f}"


def _short(number: Decimal) -> str:
    return f"{number:.4f}"


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
