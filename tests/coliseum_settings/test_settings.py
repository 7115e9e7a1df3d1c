"""What the settings promise: right or one clear line, and never a secret in it."""

from dataclasses import fields
from pathlib import Path

import pytest

from coliseum.domain.risk import Limits
from coliseum.errors import SettingsError
from coliseum.settings import Mode, Settings, Venue, variables

HOME = {"HOME": "/home/someone"}
KEYS = {"EXA_API_KEY": "exa-secret", "ANTHROPIC_API_KEY": "ant-secret", "FIREWORKS_API_KEY": "fw-secret"}
LIVE = {"COLISEUM_MODE": "live", "KALSHI_API_KEY_ID": "key-7", "KALSHI_PRIVATE_KEY_PATH": "/keys/k.pem"}


def settings(**variables: str) -> Settings:
    return Settings.from_env(HOME | variables)


def wrong(**variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(**variables)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_set_means_paper_on_the_real_markets() -> None:
    found = settings()
    assert (found.venue, found.mode, found.deployment) == (Venue.PRODUCTION, Mode.PAPER, "paper")


def test_each_venue_and_mode_has_a_folder_and_a_database_of_its_own() -> None:
    every = [settings(COLISEUM_VENUE=venue, COLISEUM_MODE=mode) for venue in Venue for mode in Mode]
    assert len({each.state for each in every}) == len({each.database for each in every}) == 6
    assert every[0].database == f"sqlite:///{every[0].state}/coliseum.db"


def test_the_state_folder_follows_xdg_but_not_to_a_relative_place() -> None:
    assert settings(XDG_STATE_HOME="/state").home == Path("/state/coliseum")
    assert settings(XDG_STATE_HOME="state").home == Path("/home/someone/.local/state/coliseum")


def test_the_environment_beats_the_file_and_the_file_beats_the_default(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("COLISEUM_SEED=5\nCOLISEUM_MODE=paper\n# a comment\n", encoding="utf-8")
    found = Settings.from_env(HOME | {"COLISEUM_SEED": "6"}, dotenv)
    sources = {row.name: (row.value, row.source) for row in found.rows()}
    assert sources["COLISEUM_SEED"] == ("6", "environment")
    assert sources["COLISEUM_MODE"] == ("paper", ".env")
    assert sources["COLISEUM_VENUE"] == ("production", "default")


def test_an_empty_variable_is_one_that_is_not_set(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("COLISEUM_SEED=5\nEXA_API_KEY=\n", encoding="utf-8")
    found = Settings.from_env(HOME | {"COLISEUM_SEED": ""}, dotenv)
    assert found.seed == 5
    assert found.exa.api_key is None


def test_rows_cover_every_variable_and_hide_every_secret() -> None:
    found = settings(**KEYS, COLISEUM_DATABASE_URL="postgresql://me:db-secret@host/db")
    rows = {row.name: row.value for row in found.rows()}
    assert tuple(rows) == variables()
    assert rows["EXA_API_KEY"] == "✓ Set"
    assert rows["KALSHI_API_KEY_ID"] == "✗ Not set"
    assert not [value for value in rows.values() if "secret" in value]
    assert "secret" not in repr(found)


def test_secrets_are_known_by_value_so_that_telemetry_can_remove_them() -> None:
    found = settings(**KEYS, COLISEUM_DATABASE_URL="postgresql://me:db-secret@host/db")
    assert set(found.secrets()) == {*KEYS.values(), "db-secret"}


def test_every_limit_of_the_risk_gate_can_be_set() -> None:
    named = {f"COLISEUM_RISK__{field.name.upper()}" for field in fields(Limits)}
    assert named <= set(variables())


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("COLISEUM_VENUE", "sandbx", "'production', 'demo' or 'sandbox'"),
        ("COLISEUM_SEED", "many", "valid integer"),
        ("COLISEUM_SEED", "-1", "greater than or equal to 0"),
        ("COLISEUM_RISK__KELLY_FRACTION", "2", "fraction above 0 and up to 1"),
        ("COLISEUM_RISK__MIN_EDGE", "NaN", "finite number"),
        ("COLISEUM_RISK__MIN_EDGE", "Infinity", "finite number"),
        ("COLISEUM_MODELS__SCOUT", "gpt", "anthropic:<model>"),
        ("COLISEUM_SCOUT__MAX_OPPORTUNITIES", "1e9", "valid integer"),
        ("EXA_BASE_URL", "http://example.com", "https://"),
        ("EXA_BASE_URL", "exa", "address such as https://"),
        ("KALSHI_BASE_URL", "https://me:secret@host", "without user, password"),
        ("COLISEUM_RISK", "1", "is not a setting"),
    ],
)
def test_a_bad_value_is_named_with_what_would_be_right(variable: str, value: str, says: str) -> None:
    line = wrong(**{variable: value})
    assert variable in line
    assert says in line
    assert "secret" not in line


def test_a_misspelt_name_is_answered_with_the_right_one() -> None:
    line = wrong(COLISEUM_RISK__KELY_FRACTION="0.1")
    assert "did you mean COLISEUM_RISK__KELLY_FRACTION?" in line


def test_a_variable_of_the_makefile_is_none_of_our_business() -> None:
    assert settings(COLISEUM_TOOLS_DIR="/tools").seed == settings().seed


def test_a_key_in_the_wrong_variable_is_not_repeated() -> None:
    assert "sk-ant" not in wrong(COLISEUM_MODE="sk-ant-0123456789abcdefghijklmnopqrstuvwxyz-0123")


@pytest.mark.parametrize(
    ("text", "line"),
    [("COLISEUM_SEED=1\nnot a setting\n", 2), ("EXA_API_KEY='secret\n", 1), ("\n\nEXA_API_KEY\n", 3)],
)
def test_a_malformed_line_is_named_by_number_and_not_shown(tmp_path: Path, text: str, line: int) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=rf"line {line}: not a setting") as caught:
        Settings.from_env(HOME, dotenv)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_text_or_no_settings_file_is_refused(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"COLISEUM_SEED=\xff\n")
    with pytest.raises(SettingsError, match="not UTF-8"):
        Settings.from_env(HOME, dotenv)
    dotenv.write_bytes(b"#" * 100_000)
    with pytest.raises(SettingsError, match="larger than 64 KiB"):
        Settings.from_env(HOME, dotenv)
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.from_env(HOME, tmp_path)


def test_a_missing_env_file_is_no_error(tmp_path: Path) -> None:
    assert Settings.from_env(HOME, tmp_path / "none").seed == settings().seed


def test_a_dollar_sign_in_the_file_is_a_dollar_sign(tmp_path: Path) -> None:
    """No interpolation: a key may contain anything, and nothing else of the environment leaks into it."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("EXA_API_KEY=${HOME}x\n", encoding="utf-8")
    found = Settings.from_env(HOME, dotenv)
    assert found.exa.api_key is not None
    assert found.exa.api_key.get_secret_value() == "${HOME}x"


def test_real_services_need_their_keys() -> None:
    settings(**KEYS).ready()
    with pytest.raises(SettingsError, match="ANTHROPIC_API_KEY, FIREWORKS_API_KEY not set"):
        settings(EXA_API_KEY="x").ready()


def test_a_service_nobody_asks_needs_no_key() -> None:
    found = settings(EXA_API_KEY="x", ANTHROPIC_API_KEY="y", COLISEUM_MODELS__FALLBACK="none")
    assert found.models.fallback is None
    found.ready()


def test_live_needs_a_second_word() -> None:
    found = settings(**KEYS, **LIVE)
    with pytest.raises(SettingsError, match="--confirm-live"):
        found.ready()
    found.ready(confirm_live=True)


def test_live_can_be_confirmed_by_naming_the_very_key() -> None:
    settings(**KEYS, **LIVE, COLISEUM_CONFIRM_LIVE="key-7").ready()
    with pytest.raises(SettingsError, match="not confirmed"):
        settings(**KEYS, **LIVE, COLISEUM_CONFIRM_LIVE="yes").ready()


def test_live_without_the_exchange_key_is_refused_even_when_confirmed() -> None:
    with pytest.raises(SettingsError, match="KALSHI_API_KEY_ID, KALSHI_PRIVATE_KEY_PATH not set"):
        settings(**KEYS, COLISEUM_MODE="live").ready(confirm_live=True)


def test_a_confirmation_alone_does_not_make_a_run_live() -> None:
    assert settings(KALSHI_API_KEY_ID="key-7", COLISEUM_CONFIRM_LIVE="key-7").mode is Mode.PAPER


def test_the_sandbox_never_speaks_to_the_outside() -> None:
    assert settings(COLISEUM_VENUE="sandbox").kalshi.base_url.startswith("http://127.0.0.1:8600/")
    line = wrong(COLISEUM_VENUE="sandbox", EXA_BASE_URL="https://api.exa.ai")
    assert line.startswith("EXA_BASE_URL should be on this machine")


def test_a_simulated_model_is_never_asked_about_real_money() -> None:
    assert "exists on venue sandbox only" in wrong(COLISEUM_MODELS__SCOUT="fireworks:sandbox-small")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings().seed = 8  # type: ignore[misc]  # the point of the test
