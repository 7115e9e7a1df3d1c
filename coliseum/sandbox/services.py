"""Which service of the world a path belongs to, and the shape in which that service words an error."""

from collections.abc import Mapping
from enum import StrEnum


class Service(StrEnum):
    """What stands behind a mount of the world."""

    EXCHANGE = "exchange"
    SEARCH = "search"
    MODEL = "model"
    ADMIN = "admin"
    NONE = ""


EXCHANGE_PATH = "/trade-api/v2"
SEARCH_PATH = "/exa"
ANTHROPIC_PATH = "/anthropic"
FIREWORKS_PATH = "/fireworks"
ADMIN_PATH = "/_sandbox"

_MOUNTS = {
    EXCHANGE_PATH: Service.EXCHANGE,
    SEARCH_PATH: Service.SEARCH,
    ANTHROPIC_PATH: Service.MODEL,
    FIREWORKS_PATH: Service.MODEL,
    ADMIN_PATH: Service.ADMIN,
}
_EXCHANGE_CODES = {404: "not_found", 405: "method_not_allowed", 503: "service_unavailable"}
_SEARCH_TAGS = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 503: "SERVICE_OVERLOADED"}
_ANTHROPIC_TYPES = {
    404: "not_found_error",
    405: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def service(path: str) -> Service:
    """NONE for a path under no mount."""
    for mount, found in _MOUNTS.items():
        if path == mount or path.startswith(mount + "/"):
            return found
    return Service.NONE


def error_body(path: str, status: int, message: str) -> Mapping[str, object]:
    """The JSON that the service under `path` would send with this status."""
    if path.startswith(SEARCH_PATH):
        return _search_error(status, message)
    if path.startswith(ANTHROPIC_PATH):
        kind = _ANTHROPIC_TYPES.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}
    if path.startswith(FIREWORKS_PATH):
        return {"error": {"object": "error", "type": "error", "code": str(status), "message": message}}
    return _exchange_error(status, message)


def _search_error(status: int, message: str) -> Mapping[str, object]:
    if status == 429:
        return {"error": "rate limit exceeded"}
    return {"requestId": "", "error": message, "tag": _SEARCH_TAGS.get(status, "INTERNAL_ERROR")}


def _exchange_error(status: int, message: str) -> Mapping[str, object]:
    if status == 429:
        return {"error": "too many requests"}
    code = _EXCHANGE_CODES.get(status, "internal_server_error")
    return {"error": {"code": code, "message": message, "service": "exchange"}}
