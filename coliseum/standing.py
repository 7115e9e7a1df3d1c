"""How the desk stands, for `coliseum status`: read from the ledger, without asking anybody outside."""

from collections import Counter
from typing import Any

from coliseum.domain.money import ZERO
from coliseum.halt import halted
from coliseum.services.ledger import open_ledger
from coliseum.settings import Settings


def standing(settings: Settings) -> dict[str, Any]:
    """Groups of figures by title; money as decimal strings. Nothing is made where nothing is. Raises LedgerError."""
    desk = {"venue": str(settings.venue), "mode": str(settings.mode), "state": str(settings.state)}
    if settings.database_url is None and not (settings.state / "coliseum.db").exists():
        return {"desk": desk | {"ledger": "nothing yet; begin with `coliseum scout`"}}
    with open_ledger(settings.database, venue=settings.venue, mode=settings.mode) as ledger:
        costs = ledger.costs()
        known = sum((row.dollars for row in costs if row.dollars is not None), ZERO)
        snapshots = ledger.snapshots()
        return {
            "desk": desk | {"halted": halted(settings.state) or "no"},
            "opportunities": dict(Counter(o.stage.value for o in ledger.opportunities())),
            "decisions": dict(Counter(d.action.value for d in ledger.decisions())),
            "orders": dict(Counter(row.status.value for row in ledger.orders())),
            "positions": {
                p.market_ticker: f"{p.count:f} {p.side} for ${p.cost:f}" for p in ledger.positions()
            },
            "costs": {
                "dollars": f"{known:f}",
                "of unknown price": sum(row.dollars is None for row in costs),
                "input tokens": sum(row.input_tokens for row in costs),
                "output tokens": sum(row.output_tokens for row in costs),
            },
            "last snapshot": {}
            if not snapshots
            else {
                "at": snapshots[-1].at.isoformat(),
                "cash": f"{snapshots[-1].cash:f}",
                "positions value": f"{snapshots[-1].positions_value:f}",
                "realized profit": f"{snapshots[-1].realized_pnl:f}",
            },
        }
