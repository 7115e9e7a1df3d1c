"""Find markets worth researching: every open one, screened by rule, then picked by the scout."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from coliseum.agents.scout import Pick
from coliseum.domain.market import Market
from coliseum.domain.opportunity import Opportunity, Stage, opportunity_id
from coliseum.domain.screen import Criteria, Screened, screen
from coliseum.flows.desk import Desk, ScanKind
from coliseum.flows.exposure import taken
from coliseum.flows.job import Run, job
from coliseum.tracing import here, traceparent

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scan:
    """What one scan did. `found` holds only what was not known before."""

    seen: int
    kept: int
    left_out: dict[str, int]
    found: tuple[Opportunity, ...]


async def scan(desk: Desk, kind: ScanKind) -> Scan:
    """Markets, screen, scout, ledger; opportunities that waited too long expire first.

    Raises ServiceError when exchange or model fail, LedgerError when nothing can be written.
    """
    with job(desk, "scout.scan", scan_type=kind) as run:
        now = desk.clock.now()
        expire(desk, now)
        screened = await _screened(desk, kind, now)
        candidates = _busiest(screened.kept, desk.scouting.max_candidates)
        picks = await _picked(run, candidates)
        found = desk.ledger.add_opportunities(_opportunities(desk, candidates, picks, now), here())
        done = Scan(screened.seen, len(screened.kept), dict(screened.reasons), found)
        run.about(markets_seen=done.seen, markets_kept=done.kept, opportunities_found=len(found))
        log.info("scan %s: %d markets, %d kept, %d new opportunities", kind, done.seen, done.kept, len(found))
        return done


def expire(desk: Desk, now: datetime) -> tuple[str, ...]:
    """Let go of opportunities that nobody analysed in time; their ids."""
    oldest = now - timedelta(hours=desk.scouting.max_age_hours)
    stale = [
        each.id
        for each in desk.ledger.opportunities(Stage.FOUND)
        if each.found_at < oldest or each.close_time <= now
    ]
    for stale_id in stale:
        desk.ledger.move(stale_id, Stage.EXPIRED)
    return tuple(stale)


async def _screened(desk: Desk, kind: ScanKind, now: datetime) -> Screened:
    hours = desk.scouting.quick_close_hours if kind == "quick" else desk.scouting.max_close_hours
    horizon = timedelta(hours=hours)
    criteria = Criteria(
        min_volume=desk.limits.min_volume,
        max_spread=desk.limits.max_spread,
        min_price=desk.scouting.min_price,
        max_price=desk.scouting.max_price,
        min_time_to_close=timedelta(minutes=desk.limits.close_buffer_minutes),
        max_time_to_close=horizon,
    )
    markets = [market async for market in desk.exchange.open_markets(closing_before=now + horizon)]
    return screen(markets, criteria, now, _known(desk, now))


def _known(desk: Desk, now: datetime) -> set[str]:
    """Markets under analysis, held or on order, and those looked at so recently that nothing is new."""
    recent = now - timedelta(hours=desk.scouting.max_age_hours)
    waiting = (Stage.FOUND, Stage.DECIDED, Stage.HELD)
    looked_at = {
        each.market_ticker
        for each in desk.ledger.opportunities()
        if each.stage in waiting or each.found_at >= recent
    }
    return looked_at | taken(desk)


def _busiest(markets: Sequence[Market], most: int) -> tuple[Market, ...]:
    """The most traded ones: a prompt is bounded, and they are the likeliest to fill an order."""
    return tuple(sorted(markets, key=lambda market: (-market.volume, market.ticker))[:most])


async def _picked(run: Run, candidates: Sequence[Market]) -> tuple[Pick, ...]:
    if not candidates:
        return ()
    scout = run.desk.crew.scout
    with run.spend.run("scout", scout.model) as meter:
        return await scout.pick(candidates, run.desk.scouting.max_opportunities, meter)


def _opportunities(
    desk: Desk, candidates: Sequence[Market], picks: Sequence[Pick], now: datetime
) -> list[Opportunity]:
    by_ticker = {market.ticker: market for market in candidates}
    found = (_opportunity(desk.venue, by_ticker[pick.market_ticker], pick, now) for pick in picks)
    return [each for each in found if each is not None]


def _opportunity(venue: str, market: Market, pick: Pick, now: datetime) -> Opportunity | None:
    if market.yes_bid is None or market.yes_ask is None:
        return None
    scan_name = now.isoformat()
    return Opportunity(
        id=opportunity_id(venue, market.ticker, scan_name),
        scan=scan_name,
        market_ticker=market.ticker,
        event_ticker=market.event_ticker,
        series_ticker=market.series_ticker,
        title=market.title,
        subtitle=market.subtitle,
        rules=market.rules,
        yes_bid=market.yes_bid,
        yes_ask=market.yes_ask,
        close_time=market.close_time,
        rationale=pick.rationale,
        priority=pick.priority,
        found_at=now,
        traceparent=traceparent(),
    )
