"""The settings of the telemetry layer: frozen, read once, wrong at the door."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from otel.errors import ConfigError
from otel.otlp_target import OtlpTarget, read_otlp
from otel.variables import FALSE, TRUE, Reader, Setting, split

__all__ = ["Config", "Content", "OtlpTarget", "Patience", "Setting"]

DESTINATION_NAMES = ("store", "console", "jsonl", "otlp", "collector", "jaeger", "logfire")
LOCAL_COLLECTOR = "http://localhost:4318"
LOCAL_JAEGER = "http://localhost:14318"
DEFAULT_JOURNAL_BYTES = 2 * 1024**3
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds to wait for a destination: after the first failure, doubling to the longest, and while it is paused
    for a wrong key or address (it is tried at every start, too)."""

    first: float = 1.0
    longest: float = 128.0
    paused: float = 300.0


DEFAULT_PATIENCE = Patience()


class Content(StrEnum):
    """How much of what was said (prompts, answers, arguments, messages) a destination is given."""

    FULL = "full"
    REDACTED = "redacted"
    """Lengths in place of texts."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What `otel.start` needs. `home` holds journal.db and store.db; `secrets` are values that must never
    be stored or sent, wherever they turn up; seconds everywhere."""

    service: str
    version: str = ""
    environment: str = ""
    home: Path = Path("telemetry")
    destinations: tuple[str, ...] = ("store",)
    content: Mapping[str, Content] = field(default_factory=dict)
    """By name of the destination; full where nothing is said."""
    disabled: bool = False
    otlp: OtlpTarget | None = None
    jaeger_endpoint: str = LOCAL_JAEGER
    logfire_tokens: tuple[str, ...] = field(default=(), repr=False)
    logfire_base_url: str = ""
    trace_context_hosts: tuple[str, ...] = ()
    journal_max_bytes: int = DEFAULT_JOURNAL_BYTES
    metric_interval: float = 60.0
    sample_ratio: float = 1.0
    keep_errors: bool = False
    keep_cost_usd: float = 0.0
    keep_seconds: float = 0.0
    patience: Patience = DEFAULT_PATIENCE
    resource: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    settings: tuple[Setting, ...] = ()

    @classmethod
    def from_env(
        cls,
        env: Mapping[str, str],
        *,
        service: str,
        version: str = "",
        environment: str = "",
        home: Path | None = None,
        secrets: Collection[str] = (),
        trace_context_hosts: Collection[str] = (),
    ) -> Self:
        """Read the standard OTEL_* variables, LOGFIRE_* and TELEMETRY_* from `env`.

        TELEMETRY_HOME beats `home`; OTEL_SERVICE_NAME beats `service`. Raises ConfigError for a value that
        cannot be meant."""
        read = Reader(env)
        tokens = _tokens(read)
        otlp = read_otlp(read)
        return cls(
            service=read.text("OTEL_SERVICE_NAME", service),
            version=version,
            environment=environment,
            home=Path(read.text("TELEMETRY_HOME", str(home or "telemetry"))),
            destinations=_destinations(read, tokens, otlp),
            content=_content(read),
            disabled=read.flag("OTEL_SDK_DISABLED", False),
            otlp=otlp,
            jaeger_endpoint=read.url("TELEMETRY_JAEGER_ENDPOINT", LOCAL_JAEGER),
            logfire_tokens=tokens,
            logfire_base_url=read.url("LOGFIRE_BASE_URL", ""),
            trace_context_hosts=(*trace_context_hosts, *read.items("TELEMETRY_TRACE_CONTEXT_HOSTS")),
            journal_max_bytes=read.count("TELEMETRY_JOURNAL_MAX_BYTES", DEFAULT_JOURNAL_BYTES),
            metric_interval=read.number("OTEL_METRIC_EXPORT_INTERVAL", 60_000.0, low=100.0) / 1000,
            sample_ratio=_sample_ratio(read),
            keep_errors=read.flag("TELEMETRY_KEEP_ERRORS", False),
            keep_cost_usd=read.number("TELEMETRY_KEEP_COST_USD", 0.0, low=0.0),
            keep_seconds=read.number("TELEMETRY_KEEP_SECONDS", 0.0, low=0.0),
            resource=read.pairs("OTEL_RESOURCE_ATTRIBUTES"),
            secrets=frozenset(
                {*secrets, *split(env.get("LOGFIRE_TOKEN", "")), *(otlp.secrets if otlp else ())} - {""}
            ),
            settings=tuple(read.seen),
        )


def _tokens(read: Reader) -> tuple[str, ...]:
    tokens = split(read.text("LOGFIRE_TOKEN", "", secret=True))
    if any(not (token.isascii() and token.isprintable()) or " " in token for token in tokens):
        raise ConfigError(
            "LOGFIRE_TOKEN: a token is printable ASCII without spaces; separate several by commas"
        )
    send = read.text("LOGFIRE_SEND_TO_LOGFIRE", "if-token-present").lower()
    if send not in ("if-token-present", *TRUE, *FALSE):
        raise ConfigError(f"LOGFIRE_SEND_TO_LOGFIRE={send!r}: say true, false or if-token-present")
    return () if send in FALSE else tokens


def _destinations(read: Reader, tokens: tuple[str, ...], otlp: OtlpTarget | None) -> tuple[str, ...]:
    named = read.items("TELEMETRY_DESTINATIONS")
    for name in named:
        if name not in DESTINATION_NAMES:
            known = ", ".join(DESTINATION_NAMES)
            raise ConfigError(f"TELEMETRY_DESTINATIONS: {name!r} is not one of {known}")
    if "logfire" in named and not tokens:
        raise ConfigError("TELEMETRY_DESTINATIONS names logfire, but LOGFIRE_TOKEN is not set")
    if "otlp" in named and otlp is None:
        raise ConfigError("TELEMETRY_DESTINATIONS names otlp, but OTEL_EXPORTER_OTLP_ENDPOINT is not set")
    implied = ("store", *(("logfire",) if tokens else ()), *(("otlp",) if otlp else ()))
    if not named and read.text("TELEMETRY_JAEGER_ENDPOINT", ""):
        implied = (*implied, "jaeger")
    return tuple(dict.fromkeys(named)) or implied


def _content(read: Reader) -> dict[str, Content]:
    return {
        name: Content(read.choice(f"TELEMETRY_CONTENT_{name.upper()}", tuple(Content)))
        for name in DESTINATION_NAMES
    }


def _sample_ratio(read: Reader) -> float:
    sampler = read.text("OTEL_TRACES_SAMPLER", "parentbased_always_on")
    ratio = read.number("OTEL_TRACES_SAMPLER_ARG", 1.0, low=0.0, high=1.0)
    match sampler:
        case "always_on" | "parentbased_always_on":
            return 1.0
        case "always_off" | "parentbased_always_off":
            return 0.0
        case "traceidratio" | "parentbased_traceidratio":
            return ratio
        case _:
            raise ConfigError(
                f"OTEL_TRACES_SAMPLER={sampler!r}: say parentbased_always_on, parentbased_always_off or "
                "parentbased_traceidratio"
            )
