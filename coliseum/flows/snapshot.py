"""Note how the account stands."""

from datetime import UTC, datetime

from coliseum.domain.money import ZERO
from coliseum.domain.record import Snapshot
from coliseum.flows.desk import Desk
from coliseum.flows.job import job
from coliseum.tracing import here

EVER = datetime(1970, 1, 1, tzinfo=UTC)


async def snapshot(desk: Desk) -> Snapshot:
    """Cash, positions and all profit realised so far, written to the ledger. Raises ServiceError, LedgerError."""
    with job(desk, "portfolio.snapshot") as run:
        balance, held = await desk.exchange.balance(), await desk.exchange.positions()
        taken = Snapshot(
            at=desk.clock.now(),
            cash=balance.cash,
            positions_value=balance.portfolio_value,
            open_positions=len(held),
            realized_pnl=desk.ledger.realized_since(EVER),
        )
        desk.ledger.add_snapshot(taken, here())
        desk.signals.exposed(sum((position.cost + position.fees for position in held), ZERO))
        run.about(cash=taken.cash, positions=taken.open_positions, realized_pnl=taken.realized_pnl)
        return taken
