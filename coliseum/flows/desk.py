"""Everything a flow may touch: the ports, the agents, the rules, and two questions to the outside."""

from asyncio import Lock
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from coliseum.agents.crew import Crew
from coliseum.domain.fees import FeeSchedule
from coliseum.domain.risk import Limits
from coliseum.ports import Clock, Exchange, Ledger, Search
from coliseum.settings import Guarding, Scouting
from coliseum.signals import Signals

Durable: TypeAlias = Callable[[float], Awaitable[bool]]
"""Waits up to so many seconds until all telemetry so far is on disk; False when it is not."""
ScanKind: TypeAlias = Literal["full", "quick"]
"""Every open market, or those closing within a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One trading desk: a venue, a mode, and all it works with."""

    venue: str
    mode: str
    exchange: Exchange
    search: Search
    ledger: Ledger
    clock: Clock
    signals: Signals
    crew: Crew
    limits: Limits
    scouting: Scouting
    guarding: Guarding
    durable: Durable
    halted: Callable[[], str]
    """Why nothing may be bought; "" when something may."""
    fees: FeeSchedule
    deciding: Lock = field(default_factory=Lock)
    """Held from reading the account until the order is placed: each decision sees what the one before it put at
    stake."""
