"""Who may ask: RSA-PSS over timestamp, method and the raw path, on the wall clock."""

import time
from datetime import timedelta

import httpx2
import pytest

from coliseum.sandbox.credentials import Credentials, generate
from coliseum.sandbox.server import serving
from coliseum.sandbox.world import new_world
from tests.sandbox_exchange.api import BASE, JORDAN, User, signature, signed_headers
from tests.sandbox_exchange.conftest import START

BALANCE = f"{BASE}/portfolio/balance"


def details(response: httpx2.Response) -> str:
    assert response.status_code == 401, response.text
    error = response.json()["error"]
    assert error["code"] == error["message"] == "authentication_error"
    text = error["details"]
    assert isinstance(text, str)
    return text


def test_a_good_signature_is_let_in(user: User, keys: Credentials) -> None:
    assert user.http.get(BALANCE, headers=signed_headers(keys, "GET", BALANCE)).status_code == 200


def test_the_query_is_not_signed(user: User, keys: Credentials) -> None:
    path = f"{BASE}/portfolio/orders"
    headers = signed_headers(keys, "GET", path)
    assert user.http.get(f"{path}?limit=5&status=resting", headers=headers).status_code == 200


def test_the_path_is_signed_as_it_was_sent(user: User, keys: Credentials) -> None:
    """Percent-encoding belongs to the signed text: the decoded path is another text."""
    sent = f"{BASE}/portfolio/orders/a%20b"
    assert user.http.get(sent, headers=signed_headers(keys, "GET", sent)).status_code == 404
    decoded = signed_headers(keys, "GET", f"{BASE}/portfolio/orders/a b")
    assert "INCORRECT" in details(user.http.get(sent, headers=decoded))


def test_without_headers_a_signed_page_is_closed(user: User) -> None:
    details(user.http.get(BALANCE))


def test_a_signature_by_another_key_is_refused(user: User, keys: Credentials) -> None:
    stranger = generate()
    headers = signed_headers(keys, "GET", BALANCE)
    text = headers["KALSHI-ACCESS-TIMESTAMP"] + "GET" + BALANCE
    headers["KALSHI-ACCESS-SIGNATURE"] = signature(stranger.private_key, text)
    assert "INCORRECT_API_KEY_SIGNATURE" in details(user.http.get(BALANCE, headers=headers))


def test_a_signature_for_another_method_or_path_is_refused(user: User, keys: Credentials) -> None:
    details(user.http.get(BALANCE, headers=signed_headers(keys, "POST", BALANCE)))
    details(user.http.get(BALANCE, headers=signed_headers(keys, "GET", "/portfolio/balance")))


def test_an_unknown_key_id_is_refused(user: User, keys: Credentials) -> None:
    headers = {**signed_headers(keys, "GET", BALANCE), "KALSHI-ACCESS-KEY": "somebody"}
    assert "NOT_FOUND" in details(user.http.get(BALANCE, headers=headers))


@pytest.mark.parametrize("seconds", [-70, 70])
def test_a_timestamp_too_far_from_the_wall_clock_is_refused(
    user: User, keys: Credentials, seconds: int
) -> None:
    stamp = int((time.time() + seconds) * 1000)
    headers = signed_headers(keys, "GET", BALANCE, stamp=stamp)
    assert "timestamp" in details(user.http.get(BALANCE, headers=headers))


def test_the_accepted_skew_can_be_set(keys: Credentials) -> None:
    world = new_world(seed=1, start=START, credentials=keys, skew=timedelta(minutes=5))
    headers = signed_headers(keys, "GET", BALANCE, stamp=int((time.time() - 200) * 1000))
    with serving(world) as url, httpx2.Client(base_url=url) as http:
        assert http.get(BALANCE, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KALSHI-ACCESS-TIMESTAMP", "now"),
        ("KALSHI-ACCESS-TIMESTAMP", "9" * 400),
        ("KALSHI-ACCESS-TIMESTAMP", "-5"),
        ("KALSHI-ACCESS-SIGNATURE", "no base64!"),
        ("KALSHI-ACCESS-SIGNATURE", ""),
        ("KALSHI-ACCESS-KEY", ""),
    ],
)
def test_broken_headers_are_refused(user: User, keys: Credentials, name: str, value: str) -> None:
    details(user.http.get(BALANCE, headers={**signed_headers(keys, "GET", BALANCE), name: value}))


def test_a_public_page_takes_no_signature_or_a_good_one_but_not_a_wrong_one(
    user: User, keys: Credentials
) -> None:
    path = f"{BASE}/markets/{JORDAN}"
    assert user.http.get(path).status_code == 200
    assert user.http.get(path, headers=signed_headers(keys, "GET", path)).status_code == 200
    details(user.http.get(path, headers=signed_headers(keys, "GET", BALANCE)))
