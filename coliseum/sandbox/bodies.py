"""Reading a JSON object from a request nobody has reason to trust."""

import json
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, NoReturn

from starlette.requests import Request

JsonObject = dict[str, Any]
"""A parsed JSON object. Its values are checked where they are used."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a body is no JSON object, and the HTTP status that says so."""

    status: int
    reason: str


async def json_object(request: Request, limit: int) -> JsonObject | Unreadable:
    """The body as an object, if it has at most `limit` bytes; reading stops at the first byte too many."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return Unreadable(413, f"the request body is larger than {limit} bytes")
    return _parsed(bytes(body))


def _parsed(body: bytes) -> JsonObject | Unreadable:
    try:
        value = json.loads(body, parse_constant=_no_number)
        # A lone surrogate is legal in JSON text and cannot be sent back as UTF-8.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return Unreadable(400, "the request body is not valid JSON")
    if not isinstance(value, dict):
        return Unreadable(400, "the request body is not a JSON object")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def key_given(request: Request, *, header: str = "x-api-key") -> str:
    """The API key of the request: from the header, else from `Authorization: Bearer`; empty when missing."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return request.headers.get(header) or bearer


def same_key(given: str, expected: str) -> bool:
    """Compare without telling by the time taken how much was right."""
    return compare_digest(given.encode("utf-8", "replace"), expected.encode())
