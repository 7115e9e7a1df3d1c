"""Take in how markets ended: the exchange's settlements, and how good our forecasts were."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from coliseum.domain.opportunity import Decision
from coliseum.domain.order import Settlement
from coliseum.domain.record import OrderRow
from coliseum.domain.scoring import Forecast, brier
from coliseum.flows.desk import Desk
from coliseum.flows.job import job
from coliseum.signals import Value
from coliseum.tracing import here, linkable

log = logging.getLogger(__name__)

OUTCOMES = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Score:
    """One decision against its outcome, bought or not. `market` is the market's own error at that moment."""

    decision: Decision
    happened: bool
    ours: Decimal
    market: Decimal | None


async def settle(desk: Desk) -> tuple[Settlement, ...]:
    """Write every settlement that is not yet in the ledger, and return those. Raises ServiceError."""
    written = {settlement.market_ticker for settlement in desk.ledger.settlements()}
    reported = await desk.exchange.settlements()
    fresh = [each for each in reported if each.market_ticker not in written]
    decisions, orders = desk.ledger.decisions(), desk.ledger.orders()
    return tuple(each for each in fresh if _settled(desk, each, decisions, orders))


async def scores(desk: Desk) -> tuple[Score, ...]:
    """Every decision whose market has a yes-or-no result by now, in order of decision. Raises ServiceError."""
    decisions = desk.ledger.decisions()
    with job(desk, "portfolio.score", decisions=len(decisions)) as run:
        tickers = dict.fromkeys(decision.market_ticker for decision in decisions)
        results = {ticker: (await desk.exchange.market(ticker)).result for ticker in tickers}
        found = tuple(
            score(decision, OUTCOMES[results[decision.market_ticker]])
            for decision in decisions
            if results[decision.market_ticker] in OUTCOMES
        )
        run.about(scored=len(found))
        return found


def score(decision: Decision, happened: bool) -> Score:
    """The Brier scores of our belief and of the market's middle price when we decided."""
    mid = decision.market_mid
    return Score(
        decision=decision,
        happened=happened,
        ours=brier([Forecast(decision.belief.probability, happened)]),
        market=None if mid is None else brier([Forecast(mid, happened)]),
    )


def _settled(
    desk: Desk, settlement: Settlement, decisions: Sequence[Decision], orders: Sequence[OrderRow]
) -> bool:
    ticker = settlement.market_ticker
    links = [linkable(row.span) for row in orders if row.intent.market_ticker == ticker]
    about: dict[str, Value] = {"market_ticker": ticker, "result": settlement.result}
    with desk.signals.step("trade.settle", links=links) as span:
        desk.signals.about(span, **about, revenue=settlement.revenue, fees=settlement.fees)
        desk.signals.about(span, **_figures(settlement, decisions))
        log.info("%s ended %s: %s dollars", ticker, settlement.result, settlement.revenue)
        return desk.ledger.settle(settlement, here())


def _figures(settlement: Settlement, decisions: Sequence[Decision]) -> dict[str, Value]:
    ours = [each for each in decisions if each.market_ticker == settlement.market_ticker]
    if not ours or settlement.result not in OUTCOMES:
        return {}
    last = score(ours[-1], OUTCOMES[settlement.result])
    figures: dict[str, Value] = {"opportunity_id": last.decision.opportunity_id, "brier": last.ours}
    return figures if last.market is None else figures | {"market_brier": last.market}
