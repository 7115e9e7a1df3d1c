"""What a setting is when nobody sets it, where that depends on the venue."""

from pathlib import Path

from coliseum.environment import Environment, Layer

PRODUCTION = "production"
_ANY = {
    "EXA_BASE_URL": "https://api.exa.ai",
    "ANTHROPIC_BASE_URL": "https://api.anthropic.com",
    "FIREWORKS_BASE_URL": "https://api.fireworks.ai/inference/v1",
    "COLISEUM_MODELS__SCOUT": "anthropic:claude-sonnet-5-5",
    "COLISEUM_MODELS__RESEARCHER": "anthropic:claude-sonnet-5-5",
    "COLISEUM_MODELS__RECOMMENDER": "anthropic:claude-sonnet-5-5",
    "COLISEUM_MODELS__GUARDIAN": "anthropic:claude-sonnet-5-5",
    "COLISEUM_MODELS__FALLBACK": "fireworks:accounts/fireworks/models/deepseek-v3p2",
    "COLISEUM_SCOUT__MAX_CLOSE_HOURS": "72",
}
_EACH = {
    PRODUCTION: {"KALSHI_BASE_URL": "https://external-api.kalshi.com/trade-api/v2"},
    "demo": {"KALSHI_BASE_URL": "https://external-api.demo.kalshi.co/trade-api/v2"},
    "sandbox": {
        "KALSHI_BASE_URL": "http://127.0.0.1:8600/trade-api/v2",
        "EXA_BASE_URL": "http://127.0.0.1:8600/exa",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:8600/anthropic",
        "FIREWORKS_BASE_URL": "http://127.0.0.1:8600/fireworks/v1",
        "COLISEUM_MODELS__SCOUT": "sandbox-small",
        "COLISEUM_MODELS__RESEARCHER": "sandbox-large",
        "COLISEUM_MODELS__RECOMMENDER": "fireworks:sandbox-large",
        "COLISEUM_MODELS__GUARDIAN": "sandbox-large",
        "COLISEUM_MODELS__FALLBACK": "none",
        # The recorded markets close up to three weeks after their event.
        "COLISEUM_SCOUT__MAX_CLOSE_HOURS": "720",
    },
}


def defaults(given: Environment) -> Layer:
    """Every default that depends on the venue or on the user's home. A venue that does not exist gets those of
    the real one, and is reported when it is validated."""
    chosen = _EACH.get(given.get("COLISEUM_VENUE") or PRODUCTION, _EACH[PRODUCTION])
    return Layer("default", {"COLISEUM_HOME": str(_home(given))} | _ANY | chosen)


def _home(given: Environment) -> Path:
    """Relative XDG paths are ignored, as the XDG base directory specification demands."""
    state = Path(given.get("XDG_STATE_HOME") or "")
    if state.is_absolute():
        return state / "coliseum"
    return Path(given.get("HOME") or ".").absolute() / ".local" / "state" / "coliseum"
