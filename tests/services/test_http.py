"""Asking again has an end, answers have a size, and messages have no secrets."""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import replace

import httpx2
import pytest

from coliseum.errors import ServiceError, Unavailable
from coliseum.services.http import (
    MAX_BODY,
    Busy,
    Patience,
    Reply,
    Sender,
    error_of,
    parse,
    retry_after,
)
from tests.services.conftest import Script


def ask(script: Script, patience: Patience, secrets: tuple[str, ...] = ()) -> Reply:
    async def run() -> Reply:
        async with script.client() as http:
            sender = Sender("the service", http, patience, secrets)

            def build(extensions: Mapping[str, int]) -> httpx2.Request:
                return http.build_request("GET", "http://service.example/x", extensions=dict(extensions))

            return await sender.send(build)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "trouble", [(429, {}), (503, {}), (500, {}), httpx2.ConnectError("no"), httpx2.ReadTimeout("")]
)
def test_trouble_that_passes_is_not_seen(script: Script, patience: Patience, trouble: object) -> None:
    script.steps = [trouble, (200, {"fine": True})]
    reply = ask(script, patience)
    assert (reply.status, reply.body, reply.attempts) == (200, {"fine": True}, 2)


def test_attempts_are_counted_on_the_request(script: Script, patience: Patience) -> None:
    """Telemetry marks a resend by it; the first attempt carries no mark."""
    script.steps = [(503, {}), (503, {}), (200, {})]
    ask(script, patience)
    assert [each.extensions.get("resend_count") for each in script.requests] == [None, 1, 2]


def test_patience_ends(script: Script, patience: Patience) -> None:
    script.steps = [(503, {})]
    with pytest.raises(Unavailable, match="the service answered 503 to GET /x") as caught:
        ask(script, patience)
    assert (len(script.requests), caught.value.status) == (3, 503)


@pytest.mark.parametrize("status", [400, 401, 402, 404])
def test_a_plain_no_is_not_asked_again(script: Script, patience: Patience, status: int) -> None:
    script.steps = [(status, {})]
    assert ask(script, patience).status == status
    assert len(script.requests) == 1


def test_retry_after_is_honoured_and_bounded() -> None:
    patience = Patience(longest_wait=8)
    assert patience.wait(Busy("", retry_after=3)) == 3
    assert patience.wait(Busy("", retry_after=3600)) == 8
    assert patience.wait(Busy("")) is True
    assert patience.wait(ServiceError("")) is False


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Sat, 09 May 2026 12:00:30 GMT", "date": "Sat, 09 May 2026 12:00:00 GMT"}, 30),
        ({"retry-after": "Sat, 09 May 2026 11:00:00 GMT", "date": "Sat, 09 May 2026 12:00:00 GMT"}, 0),
        ({"retry-after": "Sat, 09 May 2026 12:00:30 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "99999999999"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_number_or_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_an_endless_answer_is_cut_off(script: Script, patience: Patience) -> None:
    """Counted after unpacking, so that a small packed answer cannot fill the memory."""
    packed = gzip.compress(b"0" * (MAX_BODY + 1))
    script.steps = [
        httpx2.Response(200, stream=httpx2.ByteStream(packed), headers={"content-encoding": "gzip"})
    ]
    with pytest.raises(ServiceError, match="more than"):
        ask(script, patience)


def test_a_packed_answer_that_is_broken_is_trouble(script: Script, patience: Patience) -> None:
    script.steps = [
        httpx2.Response(200, stream=httpx2.ByteStream(b"not gzip"), headers={"content-encoding": "gzip"})
    ]
    with pytest.raises(Unavailable):
        ask(script, replace(patience, attempts=1))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}', b"1e99999999999999999999"]
)
def test_what_is_no_json_is_nothing(body: bytes) -> None:
    assert parse(body) is None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"error": {"code": "c", "message": "m", "details": "d"}}, ("c", "m; d")),
        ({"code": "c", "message": "m", "details": "d"}, ("c", "m; d")),
        ({"error": "too many requests"}, ("", "too many requests")),
        (
            {"requestId": "r", "error": "no credits", "tag": "NO_MORE_CREDITS"},
            ("NO_MORE_CREDITS", "no credits"),
        ),
        ({"error": {"code": 5, "message": None}}, ("", "")),
        (["error"], ("", "")),
        (None, ("", "")),
    ],
)
def test_every_shape_of_error_is_understood(body: object, told: tuple[str, str]) -> None:
    assert error_of(body) == told


def test_a_service_that_repeats_a_secret_does_not_make_us_repeat_it(
    script: Script, patience: Patience
) -> None:
    script.steps = [(401, {"error": "bad key sk-secret\x1b[31m", "tag": "INVALID_API_KEY"})]
    reply = ask(script, patience, ("sk-secret",))
    with pytest.raises(ServiceError) as caught:
        reply.refuse("the service")
    assert "sk-secret" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert (caught.value.status, caught.value.code) == (401, "INVALID_API_KEY")
    assert "sk-secret" not in repr(reply)
