"""What an immediate-or-cancel order gets from an order book, with the fees it would pay."""

from datetime import datetime

from coliseum.domain import edge
from coliseum.domain.fees import FeeSchedule, order_fees
from coliseum.domain.market import Level, OrderBook
from coliseum.domain.money import ZERO, Contracts, Price
from coliseum.domain.order import Fill, Intent, OrderAction


def match(
    intent: Intent, most: Contracts, book: OrderBook, fees: FeeSchedule, order_id: str, now: datetime
) -> tuple[Fill, ...]:
    """One fill for each level taken, at most `most` contracts in all, best price first, never worse than the
    limit. Ids follow from the order, so the same order on the same book gives the same fills."""
    buying = intent.action is OrderAction.BUY
    if buying:
        taken = edge.take(book.offers(intent.side), most, intent.limit)
    else:
        taken = _hit(book.bids(intent.side), most, intent.limit)
    charged = order_fees(((level.price, level.count) for level in taken), fees, buying=buying)
    return tuple(
        Fill(
            fill_id=f"{order_id}-{number}",
            order_id=order_id,
            market_ticker=intent.market_ticker,
            action=intent.action,
            side=intent.side,
            count=level.count,
            price=level.price,
            fee=fee,
            is_taker=True,
            created=now,
        )
        for number, (level, fee) in enumerate(zip(taken, charged, strict=True), start=1)
    )


def _hit(bids: tuple[Level, ...], count: Contracts, least: Price) -> tuple[Level, ...]:
    taken, wanted = [], count
    for level in sorted(bids, key=lambda each: -each.price):
        if wanted <= ZERO or level.price < least:
            break
        part = min(level.count, wanted)
        taken.append(Level(level.price, part))
        wanted -= part
    return tuple(taken)
