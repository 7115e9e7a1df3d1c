"""Every fault is real: it is seen by a real client on a real connection."""

import socket
import time
from urllib.parse import urlsplit

import httpx2
import pytest

from coliseum.sandbox.world import World
from tests.sandbox_exchange.api import BASE, JORDAN, ORDERS, RETIRE, User, order, signed_headers

MARKETS = f"{BASE}/markets"


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("429", 429, "too many requests"),
        (
            "500",
            500,
            {"code": "internal_server_error", "message": "fault on demand: 500", "service": "exchange"},
        ),
        (
            "503",
            503,
            {"code": "service_unavailable", "message": "fault on demand: 503", "service": "exchange"},
        ),
    ],
)
def test_an_armed_fault_answers_for_the_exchange_and_is_used_up(
    user: User, kind: str, status: int, error: object
) -> None:
    user.arm(kind=kind, times=2)
    for _ in range(2):
        response = user.http.get(MARKETS)
        assert (response.status_code, response.json()) == (status, {"error": error})
    assert user.http.get(MARKETS).status_code == 200


def test_429_names_the_time_to_wait_only_when_asked_to(user: User) -> None:
    user.arm(kind="429-retry-after", seconds=2.5)
    assert user.http.get(MARKETS).headers["retry-after"] == "3"
    user.arm(kind="429")
    assert "retry-after" not in user.http.get(MARKETS).headers


def test_a_refusing_fault_keeps_the_order_out(user: User) -> None:
    user.arm(kind="503")
    assert user.place(client_order_id="k").status_code == 503
    assert user.get("/portfolio/orders")["orders"] == []
    user.accepted(client_order_id="k")


def test_a_dropped_connection_leaves_the_order_behind(user: User) -> None:
    """The client hears nothing; the same client_order_id then tells it that the order exists."""
    user.arm(kind="drop-after-accept")
    with pytest.raises(httpx2.RemoteProtocolError):
        user.place(client_order_id="once")
    user.refused(409, "order_already_exists", client_order_id="once")
    assert user.get("/portfolio/orders")["orders"][0]["client_order_id"] == "once"
    assert user.cash() == "994.1200"


def test_a_dropped_connection_carries_not_one_byte(user: User) -> None:
    parts = urlsplit(str(user.http.base_url))
    request = f"GET {MARKETS} HTTP/1.1\r\nHost: x\r\nx-sandbox-fault: drop-after-accept\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as raw:
        raw.sendall(request.encode())
        try:
            heard = raw.recv(100)
        except ConnectionResetError:
            heard = b""
    assert heard == b""


def test_a_dropped_connection_is_logged_without_a_status(user: User, world: World) -> None:
    user.arm(kind="drop-after-accept")
    with pytest.raises(httpx2.RemoteProtocolError):
        user.http.get(MARKETS)
    user.http.get(MARKETS)
    statuses = [(each.status, each.fault) for each in world.requests.since(0)]
    assert statuses == [(0, "drop-after-accept"), (200, "")]


def test_a_malformed_answer_is_200_with_half_its_json_and_the_order_stands(user: User) -> None:
    user.arm(kind="malformed")
    response = user.place(client_order_id="once")
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    with pytest.raises(ValueError, match=r"."):
        response.json()
    user.refused(409, "order_already_exists", client_order_id="once")


def test_latency_holds_the_answer_back(user: User) -> None:
    user.arm(kind="latency", seconds=0.15)
    began = time.monotonic()
    assert user.http.get(MARKETS).status_code == 200
    assert time.monotonic() - began >= 0.15


def test_latency_outlasts_an_impatient_client(user: User) -> None:
    user.arm(kind="latency", seconds=0.2)
    with pytest.raises(httpx2.ReadTimeout):
        user.http.get(MARKETS, timeout=0.05)


def test_a_paused_market_refuses_orders_and_nothing_else(user: User) -> None:
    user.arm(kind="paused-market", ticker=JORDAN, times=2)
    assert user.get(f"/markets/{JORDAN}")["market"]["status"] == "active"
    user.accepted(ticker=RETIRE)
    assert user.refused(409, "trading_is_paused")["service"] == "exchange"
    user.refused(409, "trading_is_paused")
    user.accepted()


def test_a_request_can_ask_for_its_own_fault(user: User, world: World) -> None:
    for kind, status in (("500", 500), ("429", 429), ("529", 529)):
        assert user.http.get(MARKETS, headers={"x-sandbox-fault": kind}).status_code == status
    paused = user.send("POST", ORDERS, body=order(), headers={"x-sandbox-fault": "paused-market"})
    assert paused.json()["error"]["code"] == "trading_is_paused"
    assert [each.fault for each in world.requests.since(0)] == ["500", "429", "529", "paused-market"]


def test_a_fault_header_that_names_none_is_refused(user: User) -> None:
    assert user.http.get(MARKETS, headers={"x-sandbox-fault": "fire"}).status_code == 400
    long = {"x-sandbox-fault": "latency", "x-sandbox-fault-seconds": "9999"}
    assert user.http.get(MARKETS, headers=long).status_code == 400


def test_a_fault_strikes_only_below_its_path(user: User) -> None:
    user.arm(kind="500", path="/exa")
    assert user.http.get(MARKETS).status_code == 200
    assert user.http.post("/exa/answer", json={"query": "q"}).status_code == 500
    assert user.http.post("/exa/answer", json={"query": "q"}).status_code == 401


@pytest.mark.parametrize(
    ("path", "word"),
    [("/exa/answer", "SERVICE_OVERLOADED"), ("/anthropic/v1/messages", "overloaded_error"),
     ("/fireworks/v1/chat/completions", "object")],
)  # fmt: skip
def test_each_service_words_its_own_errors(user: User, path: str, word: str) -> None:
    kind = "503" if path.startswith("/exa") else "529"
    response = user.http.post(path, json={}, headers={"x-sandbox-fault": kind})
    assert response.status_code == int(kind)
    assert word in response.text


def test_faults_can_be_forgotten(user: User) -> None:
    user.arm(kind="500", times=50)
    assert user.http.get("/_sandbox/faults").json()["armed"][0]["times"] == 50
    assert user.http.delete("/_sandbox/faults").json() == {"armed": []}
    assert user.http.get(MARKETS).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [{}, {"kind": "fire"}, {"kind": "500", "times": 0}, {"kind": "500", "times": True}, {"kind": []},
     {"kind": "latency", "seconds": 1e9}, {"kind": "latency", "seconds": "NaN"}, {"kind": "500", "path": 3}, []],
)  # fmt: skip
def test_a_wrong_fault_is_not_armed(user: User, fault: object) -> None:
    assert user.http.post("/_sandbox/faults", json=fault).status_code == 400
    assert user.http.get("/_sandbox/faults").json() == {"armed": []}


def test_the_admin_pages_never_break(user: User) -> None:
    user.arm(kind="500")
    assert user.http.get("/_sandbox/health", headers={"x-sandbox-fault": "500"}).status_code == 200


def test_a_fault_comes_before_the_signature(user: User) -> None:
    headers = {**signed_headers(user.keys, "GET", MARKETS), "x-sandbox-fault": "503"}
    headers["KALSHI-ACCESS-KEY"] = "wrong"
    assert user.http.get(MARKETS, headers=headers).status_code == 503
