"""The world's own pages: clock, request log, totals."""

from typing import Any

import pytest

from coliseum.sandbox.requests import KEPT
from coliseum.sandbox.world import World
from tests.sandbox_exchange.api import BASE, User

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def requests(user: User, since: int = 0) -> list[Any]:
    found = user.http.get(f"/_sandbox/requests?since={since}").json()["requests"]
    assert isinstance(found, list)
    return found


def ask_model(user: User, path: str, **headers: str) -> Any:
    body = {"model": "sandbox-small", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
    keyed = {"authorization": f"Bearer {user.keys.model_key}", **headers}
    response = user.http.post(path, json=body, headers=keyed)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_clock_moves_forward_only(user: User) -> None:
    assert user.http.get("/_sandbox/clock").json() == {"now": "2026-02-23T12:00:00+00:00"}
    moved = user.http.post("/_sandbox/clock", json={"now": "2026-02-23T14:00:00+01:00"})
    assert moved.json() == {"now": "2026-02-23T13:00:00+00:00"}
    back = user.http.post("/_sandbox/clock", json={"now": "2026-02-23T12:59:59Z"})
    assert back.status_code == 409
    assert user.http.get("/_sandbox/clock").json() == moved.json()


@pytest.mark.parametrize("body", [{}, {"now": 5}, {"now": "soon"}, {"now": "2026-02-24T00:00:00"}, []])
def test_a_time_that_is_none_does_not_move_the_clock(user: User, body: object) -> None:
    assert user.http.post("/_sandbox/clock", json=body).status_code == 400


def test_moving_the_clock_to_the_end_of_time_is_survived(user: User) -> None:
    user.accepted()
    user.move("9999-12-31T00:00:00Z")
    assert len(user.get("/portfolio/settlements")["settlements"]) == 1
    assert user.http.get(f"{BASE}/markets").status_code == 200


def test_every_request_is_logged_with_its_trace_but_no_secret(user: User) -> None:
    user.http.get(
        f"{BASE}/markets?limit=3&token=hidden-secret",
        headers={"traceparent": PARENT, "x-stainless-retry-count": "2", "authorization": "Bearer secret"},
    )
    user.http.post("/exa/answer", json={"query": "hidden-secret"})
    first, second = requests(user)
    assert first["number"] == 1
    assert (first["service"], first["method"], first["path"]) == ("exchange", "GET", f"{BASE}/markets")
    assert (first["status"], first["traceparent"], first["retry_count"]) == (200, PARENT, "2")
    assert first["query_names"] == ["limit", "token"]
    assert (second["service"], second["status"]) == ("search", 401)
    assert "secret" not in user.http.get("/_sandbox/requests").text


def test_the_log_can_be_read_from_where_it_was_left(user: User) -> None:
    for _ in range(3):
        user.http.get(f"{BASE}/exchange/status")
    assert [each["number"] for each in requests(user, since=2)] == [3]
    assert user.http.get("/_sandbox/requests?since=x").status_code == 400


@pytest.mark.parametrize("parent", ["x", PARENT.upper(), PARENT + "-extra", "\x7f" * 50])
def test_a_malformed_traceparent_is_not_kept(user: User, parent: str) -> None:
    user.http.get(f"{BASE}/exchange/status", headers={"traceparent": parent})
    assert requests(user)[0]["traceparent"] == ""


def test_the_log_forgets_the_oldest_and_keeps_counting(world: World) -> None:
    scope = {"path": "/exa/answer", "method": "POST", "headers": [], "query_string": b""}
    for _ in range(KEPT + 5):
        world.requests.add(dict(scope), world.wall(), 200)
    kept = world.requests.since(0)
    assert (len(kept), kept[0].number, kept[-1].number) == (KEPT, 6, KEPT + 5)


def test_model_tokens_are_summed_by_model_and_by_trace(user: User) -> None:
    claude = ask_model(user, "/anthropic/v1/messages", traceparent=PARENT)["usage"]
    other = ask_model(user, "/fireworks/v1/chat/completions")["usage"]
    totals = user.http.get("/_sandbox/totals").json()
    small = totals["models"]["sandbox-small"]
    assert totals["model_calls"] == small["calls"] == 2
    assert small["input_tokens"] == claude["input_tokens"] + other["prompt_tokens"]
    assert small["output_tokens"] == claude["output_tokens"] + other["completion_tokens"]
    traced = totals["traces"][TRACE]["models"]["sandbox-small"]
    assert (traced["input_tokens"], traced["calls"]) == (claude["input_tokens"], 1)


def test_search_dollars_are_summed_exactly_as_reported(user: User) -> None:
    headers = {"x-api-key": user.keys.exa_key, "traceparent": PARENT}
    costs = []
    for _ in range(2):
        answer = user.http.post("/exa/answer", json={"query": "How often is Jordan said?"}, headers=headers)
        assert answer.status_code == 200
        costs.append(answer.json()["costDollars"]["total"])
    totals = user.http.get("/_sandbox/totals").json()
    assert float(totals["search_dollars"]) == pytest.approx(sum(costs))
    assert totals["traces"][TRACE]["search_dollars"] == totals["search_dollars"]
    assert totals["searches"] == 2


def test_orders_are_counted_by_what_became_of_them(user: User) -> None:
    user.accepted()
    user.accepted(price="0.5000")
    user.rest(price="0.5000")
    user.refused(400, "invalid_price", price="0.5750")
    assert user.http.get("/_sandbox/totals").json()["orders"] == {
        "accepted": 3, "fills": 1, "resting": 1, "executed": 1, "canceled": 1,
    }  # fmt: skip


def test_unknown_paths_are_answered_in_the_shape_of_their_service(user: User) -> None:
    assert user.http.get("/exa/nothing").json()["error"]
    assert user.http.get("/anthropic/nothing").json()["type"] == "error"
    assert user.http.get("/elsewhere").status_code == 404
    assert user.http.get("/_sandbox/elsewhere").status_code == 404
