"""One local world, composed: seed, clock, keys, exchange, faults, request log, totals."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from coliseum.sandbox.clock import MarketClock
from coliseum.sandbox.credentials import Credentials, generate
from coliseum.sandbox.exchange.exchange import Exchange
from coliseum.sandbox.faults import Faults
from coliseum.sandbox.process import STARTING_BALANCE
from coliseum.sandbox.records import markets
from coliseum.sandbox.requests import RequestLog, current_trace
from coliseum.sandbox.totals import Totals

SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Belongs to the thread that serves it; only the clock may be read and moved from others."""

    seed: int
    clock: MarketClock
    credentials: Credentials
    exchange: Exchange
    faults: Faults
    requests: RequestLog
    totals: Totals
    skew: timedelta
    """How far a signature's timestamp may be from the wall clock."""
    wall: Callable[[], datetime]


def new_world(
    *,
    seed: int,
    start: datetime,
    balance: Decimal = STARTING_BALANCE,
    skew: timedelta = SKEW,
    credentials: Credentials | None = None,
) -> World:
    """A world at the beginning: nothing traded, market time at `start`, fresh keys unless some are given.
    Raises ValueError for a balance that is not a whole number of cents from zero up."""
    if balance < 0 or balance % Decimal("0.01"):
        raise ValueError("the starting balance must be whole cents, not below zero")
    clock = MarketClock(start)
    return World(
        seed=seed,
        clock=clock,
        credentials=credentials or generate(),
        exchange=Exchange(seed=seed, clock=clock, records=markets(), cash=balance),
        faults=Faults(),
        requests=RequestLog(),
        totals=Totals(current_trace),
        skew=skew,
        wall=lambda: datetime.now(UTC),
    )
