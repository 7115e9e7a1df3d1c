"""The ledger behind ports.Ledger: every method is one transaction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine, insert

from coliseum.domain.money import Dollars
from coliseum.domain.opportunity import Belief, Decision, Opportunity, Research, Stage
from coliseum.domain.order import Fill, Intent, Placed, Position, Settlement
from coliseum.domain.record import CostRow, OrderRow, Snapshot, SpanRef
from coliseum.services.ledger import reads, rows, schema, writes
from coliseum.services.ledger.database import migrate, open_engine, reading, told, writing


def wall_clock() -> datetime:
    """Now, UTC, aware."""
    return datetime.now(UTC)


@contextmanager
def open_ledger(
    url: str, *, venue: str, mode: str, now: Callable[[], datetime] = wall_clock
) -> Iterator["SqlLedger"]:
    """The ledger of one venue and mode, made or brought up to date on the way.

    `now` dates exits, the only entries that do not carry their own time. Raises SettingsError for a bad
    address or the ledger of another venue or mode, LedgerError for a file that cannot be written, is no
    database, or was written by a newer version; nothing is changed then.
    """
    with open_engine(url) as engine:
        with told("opened"):
            migrate(engine, {"venue": venue, "mode": mode})
        yield SqlLedger(engine, now)


class SqlLedger:
    """See ports.Ledger for what each method promises. Safe to use from any thread."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def add_opportunities(self, found: Sequence[Opportunity], span: SpanRef) -> tuple[Opportunity, ...]:
        with writing(self._engine) as connection:
            return writes.add_opportunities(connection, found, span)

    def opportunity(self, opportunity_id: str) -> Opportunity:
        """Raises NotFound."""
        with reading(self._engine) as connection:
            return reads.opportunity(connection, opportunity_id)

    def opportunities(self, *stages: Stage) -> tuple[Opportunity, ...]:
        with reading(self._engine) as connection:
            return reads.opportunities(connection, stages)

    def move(self, opportunity_id: str, stage: Stage) -> None:
        """Raises NotFound."""
        with writing(self._engine) as connection:
            writes.move(connection, opportunity_id, stage)

    def add_research(self, research: Research, span: SpanRef) -> None:
        with writing(self._engine) as connection:
            writes.add_research(connection, research, span)

    def add_belief(self, belief: Belief, span: SpanRef) -> None:
        with writing(self._engine) as connection:
            writes.add_belief(connection, belief, span)

    def decide(self, decision: Decision, intent: Intent | None, span: SpanRef) -> bool:
        with writing(self._engine) as connection:
            return writes.decide(connection, decision, intent, span)

    def add_exit(self, intent: Intent, reason: str, span: SpanRef) -> bool:
        with writing(self._engine) as connection:
            return writes.add_intent(connection, intent, reason, self._now(), span)

    def settle_order(
        self, client_order_id: str, placed: Placed, fills: Sequence[Fill], span: SpanRef
    ) -> None:
        """Raises NotFound for an order that was never intended."""
        with writing(self._engine) as connection:
            writes.settle_order(connection, client_order_id, placed, fills, span)

    def orders(self, *statuses: str) -> tuple[OrderRow, ...]:
        with reading(self._engine) as connection:
            return reads.orders(connection, statuses)

    def order(self, client_order_id: str) -> OrderRow:
        """By client_order_id or exchange order_id. Raises NotFound."""
        with reading(self._engine) as connection:
            return reads.order(connection, client_order_id)

    def fills(self, client_order_id: str | None = None) -> tuple[Fill, ...]:
        with reading(self._engine) as connection:
            return reads.fills(connection, client_order_id)

    def decision(self, opportunity_id: str) -> Decision | None:
        with reading(self._engine) as connection:
            found = reads.decisions(connection, opportunity_id)
        return found[-1] if found else None

    def decisions(self) -> tuple[Decision, ...]:
        with reading(self._engine) as connection:
            return reads.decisions(connection)

    def research(self, opportunity_id: str) -> Research | None:
        with reading(self._engine) as connection:
            return reads.research(connection, opportunity_id)

    def positions(self) -> tuple[Position, ...]:
        with reading(self._engine) as connection:
            return reads.account(connection).positions

    def settle(self, settlement: Settlement, span: SpanRef) -> bool:
        with writing(self._engine) as connection:
            return writes.settle(connection, settlement, span)

    def settlements(self) -> tuple[Settlement, ...]:
        table = schema.settlements
        with reading(self._engine) as connection:
            found = reads.everything(connection, table, table.c.settled, table.c.market_ticker)
        return tuple(rows.settlement_of(row) for row in found)

    def add_cost(self, cost: CostRow) -> None:
        with writing(self._engine) as connection:
            connection.execute(insert(schema.costs).values(rows.cost_row(cost)))

    def costs(self) -> tuple[CostRow, ...]:
        with reading(self._engine) as connection:
            found = reads.everything(connection, schema.costs, schema.costs.c.number)
        return tuple(rows.cost_of(row) for row in found)

    def add_snapshot(self, snapshot: Snapshot, span: SpanRef) -> None:
        with writing(self._engine) as connection:
            connection.execute(insert(schema.snapshots).values(rows.snapshot_row(snapshot, span)))

    def snapshots(self) -> tuple[Snapshot, ...]:
        with reading(self._engine) as connection:
            found = reads.everything(connection, schema.snapshots, schema.snapshots.c.number)
        return tuple(rows.snapshot_of(row) for row in found)

    def realized_since(self, when: datetime) -> Dollars:
        with reading(self._engine) as connection:
            return reads.account(connection).realized_since(when)
