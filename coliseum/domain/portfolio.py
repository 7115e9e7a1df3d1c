"""What fills and settlements add up to: positions, exposure, cash and realised profit.

A market is one account of signed YES contracts, as on the exchange: buying NO at q is selling YES at 1 - q, and
a YES together with a NO of the same market returns its dollar at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from coliseum.domain.market import Side
from coliseum.domain.money import ONE, ZERO, Contracts, Dollars, Price
from coliseum.domain.order import Fill, Intent, OrderAction, Position, Settlement


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Dollars at risk, fees included, in one market, its event, its series, and altogether."""

    market: Dollars = ZERO
    event: Dollars = ZERO
    series: Dollars = ZERO
    total: Dollars = ZERO
    open_positions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Realized:
    """Profit (or loss, below zero) that became final at one moment, fees deducted."""

    market_ticker: str
    at: datetime
    dollars: Dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where all fills and settlements have led. `cash` is what they added to the balance in all."""

    positions: tuple[Position, ...]
    realized: tuple[Realized, ...]
    cash: Dollars

    def realized_since(self, when: datetime) -> Dollars:
        """What became final at `when` or later."""
        return sum((each.dollars for each in self.realized if each.at >= when), ZERO)


@dataclass(frozen=True, slots=True)
class _Holding:
    """Signed YES contracts of one market, with what the open ones cost and were charged."""

    count: Decimal = ZERO
    cost: Dollars = ZERO
    fees: Dollars = ZERO
    realized: Dollars = ZERO


def series_of(event_ticker: str) -> str:
    """The series an event belongs to: its ticker up to the first dash."""
    return event_ticker.partition("-")[0]


def account(fills: Iterable[Fill], settlements: Iterable[Settlement], event_of: Mapping[str, str]) -> Account:
    """Fold everything that happened, oldest first, fills before a settlement of the same moment.

    `event_of` names the event of a market; one it does not know stands for itself.
    """
    holdings: dict[str, _Holding] = {}
    realized: list[Realized] = []
    cash = ZERO
    for moment in _in_order(fills, settlements):
        before = holdings.get(moment.market_ticker, _Holding())
        after, received = _applied(before, moment)
        holdings[moment.market_ticker] = after
        cash += received
        if after.realized != before.realized:
            realized.append(_became_final(moment, after.realized - before.realized))
    return Account(positions=_open(holdings, event_of), realized=tuple(realized), cash=cash)


def exposure(positions: Sequence[Position], *, market: str, event: str) -> Exposure:
    """What is at risk before one more purchase in `market` of `event`."""
    series = series_of(event)
    return Exposure(
        market=_at_risk(each for each in positions if each.market_ticker == market),
        event=_at_risk(each for each in positions if each.event_ticker == event),
        series=_at_risk(each for each in positions if series_of(each.event_ticker) == series),
        total=_at_risk(positions),
        open_positions=len({each.market_ticker for each in positions}),
    )


def pending(intent: Intent, event_ticker: str) -> Position:
    """The position that an order of unknown fate may already be; it counts as exposure until it is known."""
    return Position(
        market_ticker=intent.market_ticker,
        event_ticker=event_ticker,
        side=intent.side,
        count=intent.count,
        cost=intent.count * intent.limit,
        fees=ZERO,
        realized_pnl=ZERO,
    )


def as_ordered(fill: Fill, action: OrderAction, side: Side) -> Fill:
    """The same fill told in the words of the order. The exchange only knows bids and asks of YES, so it may
    report the sale of a YES as the purchase of a NO."""
    if (fill.action, fill.side) == (action, side):
        return fill
    return replace(
        fill, action=action, side=side, price=fill.price if fill.side is side else ONE - fill.price
    )


def _in_order(fills: Iterable[Fill], settlements: Iterable[Settlement]) -> list[Fill | Settlement]:
    moments: list[tuple[datetime, int, Fill | Settlement]] = [(fill.created, 0, fill) for fill in fills]
    moments += [(settlement.settled, 1, settlement) for settlement in settlements]
    return [moment for _, _, moment in sorted(moments, key=lambda each: each[:2])]


def _applied(held: _Holding, moment: Fill | Settlement) -> tuple[_Holding, Dollars]:
    if isinstance(moment, Settlement):
        return _settled(held, moment)
    return _filled(held, moment)


def _filled(held: _Holding, fill: Fill) -> tuple[_Holding, Dollars]:
    buys_yes = (fill.action is OrderAction.BUY) == (fill.side is Side.YES)
    yes_price = fill.price if fill.side is Side.YES else ONE - fill.price
    delta = fill.count if buys_yes else -fill.count
    closing = min(abs(delta), abs(held.count)) if delta * held.count < ZERO else ZERO
    closing_fee = fill.fee * closing / fill.count if fill.count else ZERO
    rest, received = _closed(held, closing, yes_price, closing_fee)
    opening = fill.count - closing
    return _opened(rest, opening, yes_price, fill.fee - closing_fee, buys_yes, received)


def _closed(held: _Holding, count: Contracts, yes_price: Price, fee: Dollars) -> tuple[_Holding, Dollars]:
    if count == ZERO:
        return held, ZERO
    value = yes_price if held.count > ZERO else ONE - yes_price
    share = count / abs(held.count)
    profit = count * value - fee - (held.cost + held.fees) * share
    left = held.count - count if held.count > ZERO else held.count + count
    kept = ONE - share
    rest = _Holding(left, held.cost * kept, held.fees * kept, held.realized + profit)
    return rest, count * value - fee


def _opened(
    held: _Holding, count: Contracts, yes_price: Price, fee: Dollars, buys_yes: bool, received: Dollars
) -> tuple[_Holding, Dollars]:
    if count == ZERO:
        return held, received
    paid = count * (yes_price if buys_yes else ONE - yes_price)
    signed = count if buys_yes else -count
    more = replace(held, count=held.count + signed, cost=held.cost + paid, fees=held.fees + fee)
    return more, received - paid - fee


def _settled(held: _Holding, settlement: Settlement) -> tuple[_Holding, Dollars]:
    if held.count == ZERO:
        return held, ZERO
    revenue = _revenue(held.count, settlement)
    profit = revenue - held.cost - held.fees
    return _Holding(realized=held.realized + profit), revenue


def _revenue(count: Decimal, settlement: Settlement) -> Dollars:
    match settlement.result:
        case "yes":
            return max(count, ZERO)
        case "no":
            return max(-count, ZERO)
        case _:
            # A scalar or voided market pays what the exchange says it paid.
            return settlement.revenue


def _became_final(moment: Fill | Settlement, dollars: Dollars) -> Realized:
    at = moment.settled if isinstance(moment, Settlement) else moment.created
    return Realized(market_ticker=moment.market_ticker, at=at, dollars=dollars)


def _open(holdings: Mapping[str, _Holding], event_of: Mapping[str, str]) -> tuple[Position, ...]:
    return tuple(
        Position(
            market_ticker=ticker,
            event_ticker=event_of.get(ticker, ticker),
            side=Side.YES if held.count > ZERO else Side.NO,
            count=abs(held.count),
            cost=held.cost,
            fees=held.fees,
            realized_pnl=held.realized,
        )
        for ticker, held in holdings.items()
        if held.count != ZERO
    )


def _at_risk(positions: Iterable[Position]) -> Dollars:
    return sum((each.cost + each.fees for each in positions), ZERO)
