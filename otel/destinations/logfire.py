"""Logfire's cloud as one more OTLP endpoint: region from the token, the bare token as key, delta metrics."""

import re
from dataclasses import dataclass

import requests
from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel.config import Config, OtlpTarget
from otel.destination import Destination
from otel.destinations.logfire_display import for_display
from otel.destinations.otlp import OtlpHttp, all_signals
from otel.destinations.transformed import Transformed

REGIONS = {"us": "https://logfire-us.pydantic.dev", "eu": "https://logfire-eu.pydantic.dev"}
_REGION = re.compile(r"^pylf_v[0-9]+_(?P<region>[a-z]+)_")


@dataclass(frozen=True, slots=True)
class Probe:
    """What Logfire said of a token: the project's address, or why telemetry will not arrive."""

    accepted: bool
    project_url: str = ""
    reason: str = ""


def base_url(token: str, override: str = "") -> str:
    """Where a token's project lives; tokens of an unknown region belong to the first one."""
    found = _REGION.match(token)
    return override or REGIONS.get(found["region"] if found else "us", REGIONS["us"])


def probe(token: str, override: str = "", *, timeout: float = 3.0) -> Probe:
    """Ask Logfire whether it takes this token; at most about `timeout` seconds, never raises."""
    address = f"{base_url(token, override)}/v1/info"
    try:
        with suppress_instrumentation(), requests.Session() as session:
            session.trust_env = False
            answer = session.get(
                address, headers={"Authorization": token}, timeout=timeout, allow_redirects=False
            )
            facts = answer.json() if answer.status_code == 200 else {}
    except (requests.RequestException, OSError, ValueError) as error:
        return Probe(False, reason=f"Logfire does not answer ({type(error).__name__})")
    if answer.status_code in (401, 403):
        return Probe(
            False, reason=f"Logfire refuses the token (HTTP {answer.status_code}); check LOGFIRE_TOKEN"
        )
    if answer.status_code != 200 or not isinstance(facts, dict):
        return Probe(False, reason=f"Logfire answered HTTP {answer.status_code}")
    return Probe(True, project_url=_printable(facts.get("project_url")))


def _printable(value: object) -> str:
    return "".join(c for c in str(value or "")[:300] if c.isprintable())


def open_logfire(config: Config) -> tuple[Destination, ...]:
    """One destination a token, so that a wrong one does not hold up the others."""
    return tuple(
        _destination(token, "logfire" if number == 1 else f"logfire-{number}", config.logfire_base_url)
        for number, token in enumerate(config.logfire_tokens, start=1)
    )


def _destination(token: str, name: str, override: str) -> Destination:
    target = OtlpTarget.at(base_url(token, override), headers={"Authorization": token}, delta=True)
    there = OtlpHttp(name, target, signals=all_signals(target, delta=True), delta=True)
    return Transformed(there, for_display)
