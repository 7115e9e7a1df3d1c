"""Reads the query parameters of one request, refusing what cannot be meant."""

import re
from collections.abc import Collection
from datetime import UTC, datetime

from starlette.datastructures import QueryParams

from coliseum.sandbox.exchange.refusal import Refused, bad_query

_SECONDS = re.compile(r"[0-9]{1,12}")
_LATEST = 253402300799  # the last second that a date can hold
_MOST_TICKERS = 200


class Query:
    """Every reader raises Refused for a value that is not what its name promises."""

    def __init__(self, parameters: QueryParams) -> None:
        self._parameters = parameters

    def text(self, name: str) -> str:
        """Empty when absent."""
        return self._parameters.get(name, "")

    def choice(self, name: str, allowed: Collection[str]) -> str:
        """One of `allowed`, or empty when absent."""
        value = self.text(name)
        if value and value not in allowed:
            raise Refused(bad_query(f"{name} must be one of {', '.join(sorted(allowed))}"))
        return value

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false", "1", "0")) in ("true", "1")

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        text = self.text(name)
        if not text:
            return default
        number = int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None
        if number is None or not lowest <= number <= highest:
            raise Refused(bad_query(f"{name} must be a number from {lowest} to {highest}"))
        return number

    def moment(self, name: str) -> datetime | None:
        """A filter in Unix seconds."""
        text = self.text(name)
        if not text:
            return None
        if not _SECONDS.fullmatch(text) or int(text) > _LATEST:
            raise Refused(bad_query(f"{name} must be Unix seconds"))
        return datetime.fromtimestamp(int(text), UTC)

    def names(self, name: str) -> frozenset[str]:
        """Comma-separated, repeated, or both; empty when absent."""
        parts = (part for value in self._parameters.getlist(name) for part in value.split(","))
        found = frozenset(part.strip() for part in parts) - {""}
        if len(found) > _MOST_TICKERS:
            raise Refused(bad_query(f"{name} may name at most {_MOST_TICKERS}"))
        return found

    def only_account(self) -> None:
        """There is one account: any other subaccount or exchange does not exist."""
        self.number("subaccount", 0, 0, 0)
        self.number("exchange_index", 0, 0, 0)

    def filters(self) -> str:
        """All parameters but the page's own, to notice filters that change between pages."""
        kept = (pair for pair in self._parameters.multi_items() if pair[0] not in ("cursor", "limit"))
        return repr(sorted(kept))
