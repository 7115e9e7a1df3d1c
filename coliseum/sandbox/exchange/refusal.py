"""What the exchange says when it says no: status, code and the three shapes of its error bodies."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One answer of "no". `flat` puts code, message and details at the top level of the body."""

    status: int
    code: str
    message: str
    details: str = ""
    service: str = ""
    flat: bool = False

    def body(self) -> Mapping[str, object]:
        """The JSON body, in the shape that the exchange uses for this refusal."""
        if self.flat:
            return {"code": self.code, "message": self.message, "details": self.details}
        error = {"code": self.code, "message": self.message}
        error |= {"details": self.details} if self.details else {}
        error |= {"service": self.service} if self.service else {}
        return {"error": error}


class Refused(Exception):
    """Raised inside a request handler to answer it with `refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def invalid_order(details: str) -> Refusal:
    return Refusal(
        status=400, code="invalid_order", message="invalid order", details=details, service="exchange"
    )


def invalid_price(details: str) -> Refusal:
    return Refusal(
        status=400, code="invalid_price", message="invalid price", details=details, service="exchange"
    )


def missing_parameters(details: str) -> Refusal:
    return Refusal(status=400, code="missing_parameters", message="missing parameters", details=details)


def unparseable(details: str) -> Refusal:
    """For a request body that cannot be read: the only refusal with a flat body."""
    return Refusal(status=400, code="bad_request", message="bad request", details=details, flat=True)


def bad_query(details: str) -> Refusal:
    return Refusal(status=400, code="bad_request", message="bad request", details=details)


def unauthenticated(details: str) -> Refusal:
    return Refusal(status=401, code="authentication_error", message="authentication_error", details=details)


def not_found(what: str) -> Refusal:
    return Refusal(status=404, code="not_found", message="not found", details=f"{what} not found")


def already_exists() -> Refusal:
    return Refusal(
        status=409, code="order_already_exists", message="order already exists", service="exchange"
    )


def trading_is_paused() -> Refusal:
    return Refusal(status=409, code="trading_is_paused", message="trading is paused", service="exchange")


def insufficient_balance() -> Refusal:
    return Refusal(
        status=400, code="insufficient_balance", message="insufficient balance", service="exchange"
    )
