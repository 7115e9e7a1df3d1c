"""What a market becomes on its way to a trade: opportunity, research, belief, decision."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

from coliseum.domain.market import Side
from coliseum.domain.money import Contracts, Dollars, Price, Probability


class Stage(StrEnum):
    """Where an opportunity stands. PASSED, REJECTED, EXPIRED and SETTLED are final."""

    FOUND = "found"
    PASSED = "passed"
    DECIDED = "decided"
    HELD = "held"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CLOSED = "closed"
    SETTLED = "settled"


def opportunity_id(venue: str, market_ticker: str, scan: str) -> str:
    """`opp_` and 16 hex digits; the same venue, market and scan always give the same id."""
    return "opp_" + sha256(f"{venue}:{market_ticker}:{scan}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """A market worth the cost of research, with the quote under which it was found."""

    id: str
    scan: str
    """Names the scan that found it: its market time as ISO text."""
    market_ticker: str
    event_ticker: str
    series_ticker: str
    title: str
    subtitle: str
    rules: str
    yes_bid: Price
    yes_ask: Price
    close_time: datetime
    rationale: str
    priority: str
    found_at: datetime
    stage: Stage = Stage.FOUND
    traceparent: str = ""
    """W3C trace context it was found under; later jobs are new roots that link to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A page that a statement rests on. Everything in it is untrusted text from outside."""

    url: str
    title: str
    published: datetime | None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the search service said to one question. `cost` is None when the service named none."""

    question: str
    text: str
    sources: tuple[Source, ...]
    cost: Dollars | None
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Research:
    """What was learned about an opportunity, without any estimate."""

    opportunity_id: str
    summary: str
    answers: tuple[Answer, ...]
    model: str
    prompt: str
    """Version of the prompt, `researcher@<hash>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """A probability of YES with its interval and reasons, formed without seeing the price."""

    opportunity_id: str
    probability: Probability
    low: Probability
    high: Probability
    reasons: tuple[str, ...]
    model: str
    prompt: str


class Action(StrEnum):
    """What was decided."""

    BUY_YES = "buy_yes"
    BUY_NO = "buy_no"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule's verdict. `detail` holds the compared figures in words."""

    rule: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What buying `side` would cost and bring, per contract, fees included (see domain.edge)."""

    side: Side
    price: Price
    fee: Dollars
    cost: Dollars
    net_edge: Decimal
    ev: Decimal
    """Expected profit per dollar at risk: net_edge / cost."""
    kelly: Decimal
    """Full Kelly fraction of the bankroll, 0 when there is no edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do about an opportunity, with every figure it rests on. ABSTAIN has count 0."""

    id: str
    """`dec_` and 16 hex digits derived from the opportunity id and leg."""
    opportunity_id: str
    market_ticker: str
    action: Action
    belief: Belief
    quote: Quote | None
    count: Contracts
    binding: str
    """Which limit decided the size ("kelly", "per_trade", ..., or why nothing is bought)."""
    checks: tuple[Check, ...]
    market_mid: Price | None
    """The market's own probability when we decided; the yardstick of every score."""
    decided_at: datetime
