"""Reads the JSON of a new order into a ticket, and says what is wrong with it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from coliseum.sandbox.exchange.amounts import parse_count, parse_price
from coliseum.sandbox.exchange.matching import BookSide, SelfTrade
from coliseum.sandbox.exchange.order import Ticket, TimeInForce
from coliseum.sandbox.exchange.refusal import Refused, invalid_order, missing_parameters, unparseable

_LONGEST_KEY = 128
_LATEST = 253402300799  # the last second that a date can hold
_Choice = TypeVar("_Choice", bound=StrEnum)


def read(body: Mapping[str, object]) -> Ticket:
    """Raises Refused: with a flat body for a value of the wrong type, as an invalid order otherwise."""
    _need(body)
    ticket = Ticket(
        ticker=_text(body, "ticker"),
        side=_choice(BookSide, body, "side"),
        count=parse_count(body["count"]),
        price=parse_price(body["price"]),
        time_in_force=_choice(TimeInForce, body, "time_in_force"),
        prevention=_choice(SelfTrade, body, "self_trade_prevention_type"),
        client_order_id=_text(body, "client_order_id"),
        expires=_expires(body),
        post_only=_flag(body, "post_only"),
        reduce_only=_flag(body, "reduce_only"),
        cancel_on_pause=_flag(body, "cancel_order_on_pause"),
    )
    _agree(ticket)
    _only_account(body)
    return ticket


def _need(body: Mapping[str, object]) -> None:
    if not body.get("ticker"):
        raise Refused(missing_parameters("missing ticker"))
    for name in ("side", "count", "price", "time_in_force", "self_trade_prevention_type"):
        if body.get(name) is None:
            raise Refused(invalid_order(f"missing {name}"))


def _agree(ticket: Ticket) -> None:
    rests = ticket.time_in_force is TimeInForce.GOOD_TILL_CANCELED
    if ticket.expires is not None and not rests:
        raise Refused(invalid_order("expiration_time needs good_till_canceled"))
    if ticket.post_only and not rests:
        raise Refused(invalid_order("post_only needs good_till_canceled"))
    if ticket.reduce_only and ticket.time_in_force is not TimeInForce.IMMEDIATE_OR_CANCEL:
        raise Refused(invalid_order("reduce_only needs immediate_or_cancel"))


def _only_account(body: Mapping[str, object]) -> None:
    if body.get("subaccount") not in (None, 0) or body.get("exchange_index") not in (None, 0):
        raise Refused(invalid_order("there is only subaccount 0 on exchange 0"))
    if body.get("order_group_id") is not None:
        raise Refused(invalid_order("there are no order groups"))


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(unparseable(f"{name} must be a string"))
    if len(value) > _LONGEST_KEY or not value.isprintable():
        raise Refused(invalid_order(f"{name} is too long or not printable"))
    return value


def _choice(choices: type[_Choice], body: Mapping[str, object], name: str) -> _Choice:
    value = _text(body, name)
    try:
        return choices(value)
    except ValueError:
        raise Refused(invalid_order(f"{name} must be one of {', '.join(choices)}")) from None


def _flag(body: Mapping[str, object], name: str) -> bool:
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise Refused(unparseable(f"{name} must be true or false"))


def _expires(body: Mapping[str, object]) -> datetime | None:
    value = body.get("expiration_time")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused(unparseable("expiration_time must be a whole number of seconds"))
    if not 0 < value <= _LATEST:
        raise Refused(invalid_order("expiration_time is out of range"))
    return datetime.fromtimestamp(value, UTC)
