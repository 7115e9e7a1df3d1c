"""Which fills a query means, newest first."""

from collections.abc import Collection, Sequence

from coliseum.sandbox.exchange.order import Fill
from coliseum.sandbox.exchange.query import Query


def fills_between(query: Query, fills: Sequence[Fill], tickers: Collection[str]) -> list[Fill]:
    """Of these tickers (all when none is named), within min_ts and max_ts."""
    low, high = query.moment("min_ts"), query.moment("max_ts")
    return [
        each
        for each in reversed(fills)
        if (not tickers or each.ticker in tickers)
        and (low is None or each.at >= low)
        and (high is None or each.at <= high)
    ]
