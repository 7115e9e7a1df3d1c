"""The composition root: what is opened, what is refused at the door, and the desk on a real local world."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from genai_prices.data_snapshot import get_snapshot

from coliseum.app import make_state, open_app
from coliseum.clock import WallClock, WorldClock
from coliseum.domain.opportunity import Stage
from coliseum.domain.risk import Limits
from coliseum.errors import ServiceError, SettingsError, Unavailable
from coliseum.halt import HALT, halted
from coliseum.sandbox.server import serving
from coliseum.sandbox.world import World, new_world
from coliseum.settings import Settings
from coliseum.telemetry import telemetry_config

START = datetime(2026, 3, 14, 18, tzinfo=UTC)
"""One of the recorded days on which there is something to trade."""


@pytest.fixture
def world() -> World:
    return new_world(seed=7, start=START)


@pytest.fixture
def variables(world: World, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of a run against a served world, with every key it hands out."""
    keys, pem = world.credentials, tmp_path / "key.pem"
    pem.write_bytes(keys.pem())
    pem.chmod(0o600)
    with serving(world) as base:
        yield {
            "HOME": str(tmp_path),
            "COLISEUM_HOME": str(tmp_path / "home"),
            "COLISEUM_VENUE": "sandbox",
            "KALSHI_BASE_URL": f"{base}/trade-api/v2",
            "KALSHI_API_KEY_ID": keys.key_id,
            "KALSHI_PRIVATE_KEY_PATH": str(pem),
            "EXA_BASE_URL": f"{base}/exa",
            "EXA_API_KEY": keys.exa_key,
            "ANTHROPIC_BASE_URL": f"{base}/anthropic",
            "ANTHROPIC_API_KEY": keys.model_key,
            "FIREWORKS_BASE_URL": f"{base}/fireworks/v1",
            "FIREWORKS_API_KEY": keys.model_key,
            "COLISEUM_SCOUT__MAX_OPPORTUNITIES": "2",
        }


def offline(tmp_path: Path, **more: str) -> Settings:
    return Settings.from_env({"HOME": str(tmp_path), "COLISEUM_VENUE": "sandbox", **more})


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["paper", "live"])
def test_the_desk_trades_on_the_local_world(variables: dict[str, str], world: World, mode: str) -> None:
    """Scan, research, belief, decision through real HTTP; only live orders reach the exchange."""
    settings = Settings.from_env(variables | {"COLISEUM_MODE": mode})
    loose = settings.model_copy(update={"risk": _loose(settings.risk)})

    async def day() -> None:
        async with open_app(loose, confirm_live=True) as app:
            found = (await app.scan()).found
            assert len(found) == 2
            for opportunity in found:
                await app.analyse(opportunity.id)
            orders = app.desk.ledger.orders()
            assert orders
            assert len(world.exchange.state.orders) == (len(orders) if mode == "live" else 0)
            assert (await app.snapshot()).open_positions == len(app.desk.ledger.opportunities(Stage.HELD))
            assert all(cost.dollars is not None for cost in app.desk.ledger.costs())

    asyncio.run(day())
    totals = world.totals.json()
    assert totals["model_calls"] == 1 + 2 * 3
    assert totals["searches"] == 2 * 2


def _loose(limits: Limits) -> Limits:
    """Under these almost any belief trades: that test is about the path, not about the edge."""
    least = Decimal("0.001")
    return replace(
        limits, min_edge=least, min_ev=least, abstain_within_interval=False, max_event_pct=Decimal(1)
    )


def test_live_without_a_second_word_opens_nothing(tmp_path: Path) -> None:
    settings = offline(
        tmp_path, COLISEUM_MODE="live", KALSHI_API_KEY_ID="k", KALSHI_PRIVATE_KEY_PATH=str(tmp_path / "k")
    )

    async def attempt() -> None:
        async with open_app(settings):
            raise AssertionError("it opened")

    with pytest.raises(SettingsError, match="--confirm-live"):
        asyncio.run(attempt())
    assert not settings.home.exists()


def test_leaving_the_app_puts_the_list_of_prices_back(tmp_path: Path) -> None:
    before = get_snapshot()

    async def visit() -> None:
        async with open_app(offline(tmp_path)):
            assert get_snapshot() is not before

    asyncio.run(visit())
    assert get_snapshot() is before


def test_a_state_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"state folder .* cannot be written .*set COLISEUM_HOME"):
        make_state(offline(tmp_path, COLISEUM_HOME=str(tmp_path / "file")))


def test_the_state_folder_is_its_owners_alone(tmp_path: Path) -> None:
    made = make_state(offline(tmp_path))
    assert made.stat().st_mode & 0o077 == 0
    assert list(made.iterdir()) == []


def test_a_halt_note_says_why_and_an_unreadable_one_halts_too(tmp_path: Path) -> None:
    assert halted(tmp_path) == ""
    (tmp_path / HALT).write_text("the market is mad\n", encoding="utf-8")
    assert halted(tmp_path) == "the market is mad"
    (tmp_path / HALT).write_bytes(b"\xff\xfe" * 1000)
    assert halted(tmp_path) != ""
    (tmp_path / HALT).unlink()
    (tmp_path / HALT).mkdir()
    assert halted(tmp_path) == "halted by hand"


def test_telemetry_lives_beside_the_ledger_and_knows_every_secret(tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_text(
        "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----\n", encoding="ascii"
    )
    settings = offline(tmp_path, EXA_API_KEY="exa-secret", KALSHI_PRIVATE_KEY_PATH=str(pem))
    config = telemetry_config(settings, {"LOGFIRE_TOKEN": "pylf_v1_us_x"})
    assert (config.service, config.environment, config.home) == ("coliseum", "sandbox", settings.state)
    assert {"exa-secret", "MIIEvQIBADANBg"} <= config.secrets
    assert any("PRIVATE KEY" in secret for secret in config.secrets)
    assert "logfire" in config.destinations


def test_only_the_local_world_is_told_our_trace_ids(tmp_path: Path) -> None:
    assert telemetry_config(offline(tmp_path), {}).trace_context_hosts == ("127.0.0.1:8600",)
    real = Settings.from_env({"HOME": str(tmp_path)})
    assert telemetry_config(real, {}).trace_context_hosts == ()
    assert telemetry_config(real, {}).environment == "paper"


def test_a_wrong_telemetry_setting_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        telemetry_config(offline(tmp_path), {"OTEL_EXPORTER_OTLP_ENDPOINT": "nowhere"})


def test_the_worlds_clock_is_read_when_asked_and_stands_still_in_between(
    variables: dict[str, str], world: World
) -> None:
    async def read() -> None:
        async with httpx2.AsyncClient(trust_env=False) as http:
            clock = WorldClock(variables["KALSHI_BASE_URL"], http)
            with pytest.raises(Unavailable, match="not read yet"):
                clock.now()
            await clock.refresh()
            world.clock.move(START.replace(hour=20))
            assert clock.now() == START
            await clock.refresh()
            assert clock.now() == START.replace(hour=20)

    asyncio.run(read())


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", '{"now": 7}', '{"now": "2026-03-14T18:00:00"}', '{"now": "x' + "x" * 2000 + '"}']
)
def test_a_world_that_tells_no_time_is_not_believed(body: str) -> None:
    async def read() -> None:
        transport = httpx2.MockTransport(lambda request: httpx2.Response(200, text=body))
        async with httpx2.AsyncClient(transport=transport) as http:
            await WorldClock("http://127.0.0.1:1/trade-api/v2", http).refresh()

    with pytest.raises(ServiceError, match="told no time"):
        asyncio.run(read())


def test_a_world_that_is_not_there_is_unavailable() -> None:
    async def read() -> None:
        async with httpx2.AsyncClient(trust_env=False) as http:
            await WorldClock("http://127.0.0.1:1/trade-api/v2", http).refresh()

    with pytest.raises(Unavailable, match="does not answer"):
        asyncio.run(read())


def test_the_walls_clock_is_aware() -> None:
    asyncio.run(WallClock().refresh())
    assert WallClock().now().tzinfo is UTC
