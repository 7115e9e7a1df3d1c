"""Puts everything together once: from settings to one desk, its telemetry, and the words that drive it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import httpx2

from coliseum import __version__
from coliseum.agents.crew import Crew
from coliseum.agents.models import NO_KEY, models
from coliseum.clock import WallClock, WorldClock, wall_now
from coliseum.domain.fees import FeeSchedule
from coliseum.domain.opportunity import Decision
from coliseum.domain.order import Settlement
from coliseum.domain.record import Snapshot
from coliseum.errors import SettingsError
from coliseum.flows import guard, settle
from coliseum.flows.analyse import analyse
from coliseum.flows.desk import Desk, Durable, ScanKind
from coliseum.flows.guard import Guarded
from coliseum.flows.scan import Scan, scan
from coliseum.flows.settle import Score
from coliseum.flows.snapshot import snapshot
from coliseum.flows.trade import reconcile
from coliseum.halt import halted
from coliseum.ports import Exchange
from coliseum.sandbox import prices
from coliseum.services.exa import ExaSearch
from coliseum.services.kalshi import Credentials, KalshiExchange
from coliseum.services.ledger import open_ledger
from coliseum.services.paper import open_paper
from coliseum.settings import Mode, Settings, Venue
from coliseum.signals import Signals

PAPER_ACCOUNT = "paper.db"
EXCHANGE_PATIENCE = 10.0
RESEARCH_PATIENCE = 60.0
"""Seconds one request may take before it counts as lost."""

RunningClock: TypeAlias = WallClock | WorldClock


@dataclass(frozen=True, slots=True)
class App:
    """One running desk. Every verb first asks what time it is in the markets."""

    settings: Settings
    desk: Desk
    clock: RunningClock

    async def scan(self, kind: ScanKind = "full") -> Scan:
        """See flows.scan."""
        return await scan(await self._now(), kind)

    async def analyse(self, opportunity_id: str) -> Decision:
        """Research, decide and, when every rule agrees, trade; see flows.analyse."""
        return await analyse(await self._now(), opportunity_id)

    async def guard_positions(self) -> Guarded:
        """See flows.guard.positions."""
        return await guard.positions(await self._now())

    async def guard_news(self) -> Guarded:
        """See flows.guard.news."""
        return await guard.news(await self._now())

    async def settle(self) -> tuple[Settlement, ...]:
        """See flows.settle; guard_positions does it too."""
        return await settle.settle(await self._now())

    async def scores(self) -> tuple[Score, ...]:
        """See flows.settle.scores."""
        return await settle.scores(await self._now())

    async def snapshot(self) -> Snapshot:
        """See flows.snapshot."""
        return await snapshot(await self._now())

    async def reconcile(self, older_than: timedelta = timedelta(0)) -> int:
        """See flows.trade.reconcile; with no minimum age only while nobody else is trading."""
        return await reconcile(await self._now(), older_than)

    async def _now(self) -> Desk:
        await self.clock.refresh()
        return self.desk


async def nothing_to_wait_for(seconds: float) -> bool:
    """What an order waits for when there is no telemetry."""
    return True


@asynccontextmanager
async def open_app(
    settings: Settings, *, durable: Durable = nothing_to_wait_for, confirm_live: bool = False
) -> AsyncIterator[App]:
    """The desk of these settings, everything open; leaving closes it in reverse.

    Raises SettingsError for a missing key, an unconfirmed live mode or a state folder that cannot be written,
    LedgerError for a ledger that cannot be opened. Nothing was sent anywhere by then.
    """
    settings.ready(confirm_live=confirm_live)
    make_state(settings)
    async with AsyncExitStack() as stack:
        exchange_http = await stack.enter_async_context(_client(settings, EXCHANGE_PATIENCE))
        research_http = await stack.enter_async_context(_client(settings, RESEARCH_PATIENCE))
        if settings.venue is Venue.SANDBOX:
            stack.callback(prices.register())
        clock = _clock(settings, exchange_http)
        ledger = stack.enter_context(
            open_ledger(settings.database, venue=settings.venue, mode=settings.mode, now=clock.now)
        )
        desk = Desk(
            venue=settings.venue,
            mode=settings.mode,
            exchange=stack.enter_context(_open_exchange(settings, exchange_http, clock)),
            search=ExaSearch(settings.exa.base_url, _exa_key(settings), research_http),
            ledger=ledger,
            clock=clock,
            signals=Signals.of(settings.venue, settings.mode, __version__),
            crew=Crew.of(settings.models, models(settings, research_http)),
            limits=settings.risk,
            scouting=settings.scout,
            guarding=settings.guardian,
            fees=FeeSchedule(),
            durable=durable,
            halted=lambda: halted(settings.state),
        )
        yield App(settings, desk, clock)


def make_state(settings: Settings) -> Path:
    """The state folder, made for its owner alone when it was not there. Raises SettingsError."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = settings.state / ".writable"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"the state folder {settings.state} cannot be written ({error.strerror}); set COLISEUM_HOME"
        ) from error
    return settings.state


@contextmanager
def _open_exchange(settings: Settings, http: httpx2.AsyncClient, clock: RunningClock) -> Iterator[Exchange]:
    """Paper is given market data without a key, so that it could not send an order if it tried."""
    if settings.mode is Mode.LIVE:
        yield KalshiExchange(settings.kalshi.base_url, _credentials(settings), http, wall_now, clock)
        return
    public = KalshiExchange(settings.kalshi.base_url, None, http, wall_now, clock)
    account = f"sqlite:///{settings.state / PAPER_ACCOUNT}"
    with open_paper(account, public, start_cash=settings.paper_balance, clock=clock) as paper:
        yield paper


def _credentials(settings: Settings) -> Credentials:
    key_id, path = settings.kalshi.api_key_id, settings.kalshi.private_key_path
    if key_id is None or path is None:
        raise SettingsError("mode live needs KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH")
    return Credentials.load(key_id.get_secret_value(), path)


def _clock(settings: Settings, http: httpx2.AsyncClient) -> RunningClock:
    if settings.venue is Venue.SANDBOX:
        return WorldClock(settings.kalshi.base_url, http)
    return WallClock()


def _client(settings: Settings, patience: float) -> httpx2.AsyncClient:
    # A proxy of the environment is for the outside; the local world is on this machine.
    outside = settings.venue is not Venue.SANDBOX
    return httpx2.AsyncClient(timeout=patience, trust_env=outside, follow_redirects=False)


def _exa_key(settings: Settings) -> str:
    return settings.exa.api_key.get_secret_value() if settings.exa.api_key else NO_KEY
