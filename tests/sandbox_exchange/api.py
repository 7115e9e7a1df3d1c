"""A user of the local exchange: signs requests as its clients do, over real HTTP."""

import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from coliseum.sandbox.credentials import Credentials

BASE = "/trade-api/v2"
ORDERS = "/portfolio/events/orders"
JORDAN = "KXNBAMENTION-26FEB24NYKCLE-JORDAN"
"""Recorded at 0.54 / 0.57 on 2026-02-23; its outcome is yes."""
RETIRE = "KXNBAMENTION-26FEB24NYKCLE-RETIRE"
"""Recorded at 0.16 / 0.18 on 2026-02-23; its outcome is no."""
TRANSFER = "KXNCAABMENTION-26MAR20UNISJU-TRANSFER"
"""Its outcome is not known."""


def signature(key: RSAPrivateKey, text: str) -> str:
    signed = key.sign(text.encode(), PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH), SHA256())
    return b64encode(signed).decode()


def signed_headers(keys: Credentials, method: str, path: str, *, stamp: int | None = None) -> dict[str, str]:
    """Headers for the raw `path` without its query; `stamp` in milliseconds is now unless given."""
    text = str(int(time.time() * 1000) if stamp is None else stamp)
    return {
        "KALSHI-ACCESS-KEY": keys.key_id,
        "KALSHI-ACCESS-TIMESTAMP": text,
        "KALSHI-ACCESS-SIGNATURE": signature(keys.private_key, text + method + path),
    }


@dataclass(frozen=True)
class User:
    """Every method signs and sends one request to the exchange."""

    http: httpx2.Client
    keys: Credentials

    def send(
        self, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        raw = urlsplit(BASE + path).path
        every = {**signed_headers(self.keys, method, raw), **(headers or {})}
        if body is None:
            return self.http.request(method, BASE + path, headers=every)
        return self.http.request(method, BASE + path, headers=every, json=body)

    def post_raw(self, path: str, body: bytes) -> httpx2.Response:
        headers = signed_headers(self.keys, "POST", BASE + path)
        return self.http.post(BASE + path, content=body, headers=headers)

    def get(self, path: str) -> Any:
        response = self.send("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def place(self, **changes: object) -> httpx2.Response:
        """Bid 10 JORDAN at 0.57 immediate-or-cancel, unless changed; None leaves a field out."""
        body = {**order(), **changes}
        return self.send("POST", ORDERS, body={name: body[name] for name in body if body[name] is not None})

    def accepted(self, **changes: object) -> Any:
        response = self.place(**changes)
        assert response.status_code == 201, response.text
        return response.json()

    def refused(self, status: int, code: str, **changes: object) -> Any:
        """The error object of a refusal, which must have this status and code."""
        response = self.place(**changes)
        assert response.status_code == status, response.text
        error = response.json().get("error", response.json())
        assert error["code"] == code
        return error

    def rest(self, **changes: object) -> Any:
        """Like `accepted`, good till cancelled."""
        return self.accepted(time_in_force="good_till_canceled", **changes)

    def cash(self) -> str:
        text = self.get("/portfolio/balance")["balance_dollars"]
        assert isinstance(text, str)
        return text

    def move(self, now: str) -> None:
        """Move the market clock."""
        response = self.http.post("/_sandbox/clock", json={"now": now})
        assert response.status_code == 200, response.text

    def arm(self, **fault: object) -> None:
        response = self.http.post("/_sandbox/faults", json=fault)
        assert response.status_code == 200, response.text


def order() -> dict[str, object]:
    return {
        "ticker": JORDAN,
        "side": "bid",
        "count": "10.00",
        "price": "0.5700",
        "time_in_force": "immediate_or_cancel",
        "self_trade_prevention_type": "taker_at_cross",
    }
