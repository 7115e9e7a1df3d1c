"""Why a model request is refused; each service's shape words it in its own way."""

from dataclasses import dataclass
from enum import Enum


class Reason(Enum):
    """What is wrong, with the HTTP status that says so."""

    INVALID = 400
    UNAUTHENTICATED = 401
    NOT_FOUND = 404
    TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """Raised while a request is read; becomes an error response at the door and goes no further."""

    reason: Reason
    message: str
    param: str | None = None
    """The field that is wrong, where one is."""


def invalid(message: str, param: str | None = None) -> Refusal:
    return Refusal(Reason.INVALID, message, param)
