"""Where telemetry goes changes nothing about the trades, and what does not arrive is said and kept."""

import socket
from pathlib import Path

import pytest

from otel.store import Store
from otel.testing import FaultServer, status
from tests.demo.playing import MAY, Played, play

pytestmark = pytest.mark.slow

TOKEN = "pylf_v1_us_0123456789abcdefghijklmnop"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The play with no destination away from this machine."""
    return play(tmp_path_factory.mktemp("alone"))


@pytest.fixture
def dead() -> str:
    """An address where nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def stored(played: Played) -> set[tuple[str, str]]:
    with Store.open(played.state / "store.db") as store:
        return {(span.trace_id, span.span_id) for span in store.spans()}


def ids(server: FaultServer) -> set[tuple[str, str]]:
    return {(span.trace_id, span.span_id) for span in server.spans()}


def test_logfire_and_a_collector_get_the_same_spans_as_the_store(alone: Played, tmp_path: Path) -> None:
    with FaultServer() as logfire, FaultServer() as collector:
        env = {
            "LOGFIRE_TOKEN": TOKEN,
            "LOGFIRE_BASE_URL": logfire.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=desk",
        }
        played = play(tmp_path, env)
        assert ids(logfire) == ids(collector) == stored(played)
        assert len(ids(logfire)) > 200
        assert len(logfire.logs()) == len(collector.logs()) > 0
        sent = [r for r in logfire.requests if r.method == "POST"]
        assert {r.headers["authorization"] for r in sent} == {TOKEN}
        assert not any("x-tenant" in r.headers for r in sent)
        assert all("authorization" not in r.headers for r in collector.requests)
    assert played.trades == alone.trades
    assert "✓ Logfire cloud tracking initialized" in played.said
    assert "https://logfire.test/project" in played.said
    assert "⚠" not in played.said


def test_a_wrong_token_is_said_and_everything_is_kept(alone: Played, tmp_path: Path) -> None:
    with FaultServer() as logfire:
        logfire.token = "pylf_v1_us_the_right_one_0123456789"
        logfire.always(status(401))
        played = play(tmp_path, {"LOGFIRE_TOKEN": TOKEN, "LOGFIRE_BASE_URL": logfire.url})
    assert played.trades == alone.trades
    (warning, kept) = (line for line in played.said.splitlines() if "⚠" in line)
    assert "refuses the token (HTTP 401)" in warning + kept
    assert "items not delivered" in warning + kept
    assert "kept in" in warning + kept
    assert TOKEN not in played.said


def test_dead_addresses_are_said_and_everything_is_kept(alone: Played, tmp_path: Path, dead: str) -> None:
    env = {"LOGFIRE_TOKEN": TOKEN, "LOGFIRE_BASE_URL": dead, "OTEL_EXPORTER_OTLP_ENDPOINT": dead}
    played = play(tmp_path, env)
    assert played.trades == alone.trades
    for name in ("logfire", "otlp"):
        (line,) = (line for line in played.said.splitlines() if line.startswith(f"⚠ {name}:"))
        assert "not delivered (no answer" in line
        assert f"kept in {played.state / 'journal.db'}" in line


def test_with_no_destination_away_one_line_says_where_traces_stay(alone: Played) -> None:
    (line,) = alone.said.splitlines()
    assert str(alone.state) in line
    assert "LOGFIRE_TOKEN" in line


def test_without_any_telemetry_the_trades_are_the_same(alone: Played, tmp_path: Path) -> None:
    played = play(tmp_path, {"OTEL_SDK_DISABLED": "true"})
    assert played.trades == alone.trades
    assert not (played.state / "store.db").exists()


def test_the_same_seed_gives_the_same_trades_and_another_one_others(alone: Played, tmp_path: Path) -> None:
    other = play(tmp_path, seed=8)
    assert [line.order for line in alone.lines if line.order]
    assert other.trades != alone.trades


def test_paper_fills_from_the_same_book_and_sends_no_order(alone: Played, tmp_path: Path) -> None:
    paper = play(tmp_path, mode="paper", moments=MAY[:1])
    bought = [(line.market, line.action, line.order and line.order.filled) for line in paper.lines]
    assert bought == [(line.market, line.action, line.order and line.order.filled) for line in alone.lines]
    assert paper.totals["orders"]["accepted"] == 0
    assert {r["method"] for r in paper.requests if r["service"] == "exchange"} == {"GET"}
