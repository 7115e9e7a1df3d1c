"""When selling a position is worth more than holding it, and the order that does it."""

from decimal import Decimal

from coliseum.domain import edge
from coliseum.domain.fees import FeeSchedule
from coliseum.domain.money import ZERO, Price, Probability
from coliseum.domain.order import Intent, OrderAction, Position, client_order_id
from coliseum.flows.desk import Desk
from coliseum.flows.memory import Memory
from coliseum.settings import Guarding


def reason_to_leave(
    position: Position, bid: Price, p: Probability | None, rules: Guarding, fees: FeeSchedule
) -> str:
    """Which rule says to sell at `bid` (a price of the position's side); "" to hold.

    Target and stop compare what is left after the fee with what the position cost. Neither sells what we
    believe to be worth more: `p` is the probability of YES, or None when the ledger cannot say.
    """
    paid = position.cost + position.fees
    if paid <= ZERO or not ZERO < bid < 1:
        return ""
    if p is not None and not edge.worth_selling(position.side, bid, p, fees):
        return ""
    return _rule(edge.exit_value(bid, fees) * position.count / paid - 1, rules)


def _rule(gain: Decimal, rules: Guarding) -> str:
    if gain >= rules.profit_target:
        return f"profit target: {gain:+.1%} of {rules.profit_target:.0%}"
    if gain <= -rules.stop_loss:
        return f"stop loss: {gain:+.1%} of {-rules.stop_loss:.0%}"
    return ""


def exit_intent(desk: Desk, position: Position, bid: Price, memory: Memory | None) -> Intent:
    """Sell all of it at `bid` or better. Exits of an opportunity are numbered, so that one that found no
    buyer can be followed by another; without a ledger to count them, the second it is numbers them."""
    number = int(desk.clock.now().timestamp()) if memory is None else memory.exits + 1
    source = f"unrecorded:{position.market_ticker}" if memory is None else memory.opportunity.id
    leg = f"exit-{number}"
    return Intent(
        client_order_id=client_order_id(desk.venue, desk.mode, source, leg),
        opportunity_id=source,
        leg=leg,
        market_ticker=position.market_ticker,
        action=OrderAction.SELL,
        side=position.side,
        count=position.count,
        limit=bid,
    )
