"""The settings of the telemetry layer: frozen, read once, wrong at the door."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from otel.errors import ConfigError

DESTINATION_NAMES = ("store", "console", "jsonl", "otlp", "collector", "jaeger", "logfire")
LOCAL_COLLECTOR = "http://localhost:4318"
LOCAL_JAEGER = "http://localhost:14318"
DEFAULT_JOURNAL_BYTES = 2 * 1024**3
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective setting for people: `value` never holds a secret; `source` says where it came from."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpTarget:
    """An OTLP/HTTP endpoint: the address of each signal, headers (secret), seconds to wait, TLS files."""

    traces: str
    logs: str
    metrics: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    delta: bool = False
    certificate: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None

    @classmethod
    def at(cls, base: str, **more: object) -> Self:
        """All signals below one base address, as the OTLP specification appends them."""
        root = base.rstrip("/")
        paths = {"traces": f"{root}/v1/traces", "logs": f"{root}/v1/logs", "metrics": f"{root}/v1/metrics"}
        return cls(**paths, **more)  # type: ignore[arg-type]  # the keywords are this class's own fields

    @property
    def secrets(self) -> frozenset[str]:
        """Each header's value as a whole, and its last word: the token of "Bearer <token>"."""
        values = self.headers.values()
        return frozenset({*values, *(value.rpartition(" ")[2] for value in values)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What `otel.start` needs. `home` holds journal.db and store.db; `secrets` are values that must never
    be stored or sent, wherever they turn up; seconds everywhere."""

    service: str
    version: str = ""
    environment: str = ""
    home: Path = Path("telemetry")
    destinations: tuple[str, ...] = ("store",)
    disabled: bool = False
    otlp: OtlpTarget | None = None
    jaeger_endpoint: str = LOCAL_JAEGER
    logfire_tokens: tuple[str, ...] = field(default=(), repr=False)
    logfire_base_url: str = ""
    trace_context_hosts: tuple[str, ...] = ()
    journal_max_bytes: int = DEFAULT_JOURNAL_BYTES
    metric_interval: float = 60.0
    sample_ratio: float = 1.0
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
        read = _Reader(env)
        tokens = _tokens(read)
        otlp = _otlp(read)
        return cls(
            service=read.text("OTEL_SERVICE_NAME", service),
            version=version,
            environment=environment,
            home=Path(read.text("TELEMETRY_HOME", str(home or "telemetry"))),
            destinations=_destinations(read, tokens, otlp),
            disabled=read.flag("OTEL_SDK_DISABLED", False),
            otlp=otlp,
            jaeger_endpoint=read.url("TELEMETRY_JAEGER_ENDPOINT", LOCAL_JAEGER),
            logfire_tokens=tokens,
            logfire_base_url=read.url("LOGFIRE_BASE_URL", ""),
            trace_context_hosts=(*trace_context_hosts, *read.items("TELEMETRY_TRACE_CONTEXT_HOSTS")),
            journal_max_bytes=read.count("TELEMETRY_JOURNAL_MAX_BYTES", DEFAULT_JOURNAL_BYTES),
            metric_interval=read.number("OTEL_METRIC_EXPORT_INTERVAL", 60_000.0, low=100.0) / 1000,
            sample_ratio=_sample_ratio(read),
            resource=read.pairs("OTEL_RESOURCE_ATTRIBUTES"),
            secrets=frozenset(
                {*secrets, *_split(env.get("LOGFIRE_TOKEN", "")), *(otlp.secrets if otlp else ())} - {""}
            ),
            settings=tuple(read.seen),
        )


class _Reader:
    """Reads variables and notes, for people, which were set and what took their place."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.seen: list[Setting] = []

    def text(self, name: str, default: str, *, secret: bool = False) -> str:
        value = self._env.get(name, "").strip()
        shown = ("✓ Set" if value else "✗ Not set") if secret else (value or default)
        self.seen.append(Setting(name, shown, "environment" if value else "default"))
        return value or default

    def items(self, name: str) -> tuple[str, ...]:
        return _split(self.text(name, ""))

    def pairs(self, name: str, *, secret: bool = False) -> dict[str, str]:
        pairs = {}
        for part in self.text(name, "", secret=secret).split(","):
            key, equals, value = part.partition("=")
            if part.strip() and not (equals and key.strip()):
                raise ConfigError(
                    f"{name}: one entry is not of the form key=value; separate entries by commas"
                )
            if part.strip():
                pairs[key.strip()] = unquote(value.strip())
        if secret and not all(
            text.isascii() and text.isprintable() for pair in pairs.items() for text in pair
        ):
            raise ConfigError(f"{name}: an HTTP header holds printable ASCII characters only")
        return pairs

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, str(default).lower()).lower()
        if value not in _TRUE + _FALSE:
            raise ConfigError(f"{name}={value!r}: say true or false")
        return value in _TRUE

    def number(self, name: str, default: float, *, low: float, high: float = float("inf")) -> float:
        value = self.text(name, f"{default:g}")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise ConfigError(f"{name}={value!r}: give a number from {low:g} to {high:g}")
        return number

    def count(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal() or len(value) > 18:
            raise ConfigError(f"{name}={value[:40]!r}: give a whole number")
        return int(value)

    def url(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if value:
            require_http_url(name, value)
        return value.rstrip("/")

    def file(self, name: str) -> Path | None:
        value = self.text(name, "")
        if value and not Path(value).is_file():
            raise ConfigError(f"{name}={value!r}: there is no such file")
        return Path(value) if value else None


def require_http_url(name: str, value: str) -> None:
    """Raises ConfigError unless `value` is an http(s) address with a host, and without what may be a secret."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{name}: not an address; give one like http://localhost:4318")
    if parts.username or parts.password:
        raise ConfigError(f"{name}: keep user and password out of the address; use headers instead")
    if parts.query or parts.fragment:
        raise ConfigError(f"{name}: give the address without query and fragment; use headers instead")


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


def _tokens(read: _Reader) -> tuple[str, ...]:
    tokens = _split(read.text("LOGFIRE_TOKEN", "", secret=True))
    if any(not (token.isascii() and token.isprintable()) or " " in token for token in tokens):
        raise ConfigError(
            "LOGFIRE_TOKEN: a token is printable ASCII without spaces; separate several by commas"
        )
    send = read.text("LOGFIRE_SEND_TO_LOGFIRE", "if-token-present").lower()
    if send not in ("if-token-present", *_TRUE, *_FALSE):
        raise ConfigError(f"LOGFIRE_SEND_TO_LOGFIRE={send!r}: say true, false or if-token-present")
    return () if send in _FALSE else tokens


def _otlp(read: _Reader) -> OtlpTarget | None:
    base = read.url("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    own = {s: read.url(f"OTEL_EXPORTER_OTLP_{s.upper()}_ENDPOINT", "") for s in ("traces", "logs", "metrics")}
    protocol = read.text("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    if protocol != "http/protobuf":
        raise ConfigError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol!r}: only http/protobuf is spoken (port 4318)"
        )
    temporality = read.text("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative").lower()
    if temporality not in ("cumulative", "delta"):
        raise ConfigError(
            f"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE={temporality!r}: say cumulative or delta"
        )
    details = {
        "headers": read.pairs("OTEL_EXPORTER_OTLP_HEADERS", secret=True),
        "timeout": read.number("OTEL_EXPORTER_OTLP_TIMEOUT", 10.0, low=0.1, high=600),
        "delta": temporality == "delta",
        "certificate": read.file("OTEL_EXPORTER_OTLP_CERTIFICATE"),
        "client_certificate": read.file("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
        "client_key": read.file("OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    }
    if not base and not any(own.values()):
        return None
    paths = {s: own[s] or (f"{base}/v1/{s}" if base else "") for s in own}
    return OtlpTarget(**paths, **details)  # type: ignore[arg-type]  # the keywords are the class's own fields


def _destinations(read: _Reader, tokens: tuple[str, ...], otlp: OtlpTarget | None) -> tuple[str, ...]:
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


def _sample_ratio(read: _Reader) -> float:
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
