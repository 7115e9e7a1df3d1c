"""The book of record: what was found, thought, decided, ordered, filled and settled, in one SQL database."""

from coliseum.services.ledger.ledger import SqlLedger, open_ledger

__all__ = ["SqlLedger", "open_ledger"]
