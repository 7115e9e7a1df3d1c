"""Looks at the variables: which one wins, which contradict each other, which nobody reads."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from urllib.parse import urlsplit

from otel.config import LOCAL_COLLECTOR, LOOPBACK, Config
from otel.doctor.finding import Finding, fault, note, well

CHECK = "settings"
ENDPOINTS = tuple(f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT" for signal in ("", "TRACES_", "LOGS_", "METRICS_"))
# what only the SDK's own start-up reads; set, it makes another pipeline beside this one
AUTOMATIC = (
    *("OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_CONFIG_FILE"),
    *("OTEL_PYTHON_CONFIGURATOR", "OTEL_PYTHON_DISTRO", "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED"),
)
GRPC_PORT, HTTP_PORT = 4317, 4318
REGIONS = ("us", "eu")


def merged(env: Mapping[str, str], dotenv: Mapping[str, str]) -> dict[str, str]:
    """What a program sees: the environment beats .env; an empty value counts as not set."""
    return {**dotenv, **{name: value for name, value in env.items() if value}}


def examine(env: Mapping[str, str], dotenv: Mapping[str, str], config: Config) -> Iterator[Finding]:
    seen = merged(env, dotenv)
    names = ", ".join(config.destinations)
    yield well(CHECK, f"service {config.service!r}; destinations: {names}; kept in {config.home}")
    yield from _precedence(env, dotenv)
    yield from _switched_off(seen, config)
    yield from _left_out(seen, config)
    yield from _endpoints(seen, config)
    yield from _keys(seen, config)
    yield from _twice(seen, config)
    yield from _unread(seen, config)


def _precedence(env: Mapping[str, str], dotenv: Mapping[str, str]) -> Iterator[Finding]:
    for name in sorted(dotenv):
        if env.get(name) and env[name] != dotenv[name]:
            yield note(CHECK, f"{name} is set twice: the environment wins, the one in .env is not used")
    both = merged(env, dotenv)
    if both.get("TELEMETRY_DESTINATIONS"):
        yield note(CHECK, "TELEMETRY_DESTINATIONS is set: it alone decides where telemetry goes")
    for own in ENDPOINTS[1:]:
        if both.get(own) and both.get(ENDPOINTS[0]):
            yield note(CHECK, f"{own} beats {ENDPOINTS[0]} for its signal")


def _switched_off(seen: Mapping[str, str], config: Config) -> Iterator[Finding]:
    if config.disabled:
        yield fault(CHECK, "OTEL_SDK_DISABLED switches telemetry off", "unset OTEL_SDK_DISABLED")
    if config.sample_ratio == 0:
        yield fault(
            CHECK,
            "OTEL_TRACES_SAMPLER records no trace at all",
            "unset OTEL_TRACES_SAMPLER, or choose parentbased_traceidratio with a share above 0",
        )
    sampler = seen.get("OTEL_TRACES_SAMPLER", "")
    if seen.get("OTEL_TRACES_SAMPLER_ARG") and "ratio" not in sampler:
        yield fault(
            CHECK,
            "OTEL_TRACES_SAMPLER_ARG is set but not used: the sampler takes no share",
            "set OTEL_TRACES_SAMPLER=parentbased_traceidratio, or unset OTEL_TRACES_SAMPLER_ARG",
        )


def _left_out(seen: Mapping[str, str], config: Config) -> Iterator[Finding]:
    """Settings of a destination to which nothing goes."""
    listed = "TELEMETRY_DESTINATIONS leaves it out"
    add = "add {} to TELEMETRY_DESTINATIONS, or unset that list"
    if seen.get("LOGFIRE_TOKEN") and not config.logfire_tokens:
        yield fault(
            CHECK,
            "LOGFIRE_TOKEN is set, but LOGFIRE_SEND_TO_LOGFIRE says that nothing is sent",
            "set LOGFIRE_SEND_TO_LOGFIRE=if-token-present",
        )
    elif config.logfire_tokens and "logfire" not in config.destinations:
        yield fault(CHECK, f"LOGFIRE_TOKEN is set, but {listed}", add.format("logfire"))
    if seen.get("LOGFIRE_SEND_TO_LOGFIRE", "").lower() == "true" and not seen.get("LOGFIRE_TOKEN"):
        yield fault(
            CHECK,
            "LOGFIRE_SEND_TO_LOGFIRE is true, but there is no LOGFIRE_TOKEN",
            "set LOGFIRE_TOKEN to a write token",
        )
    if config.otlp is not None and "otlp" not in config.destinations:
        yield fault(CHECK, f"an OTLP endpoint is set, but {listed}", add.format("otlp"))
    if seen.get("TELEMETRY_JAEGER_ENDPOINT") and "jaeger" not in config.destinations:
        yield fault(CHECK, f"TELEMETRY_JAEGER_ENDPOINT is set, but {listed}", add.format("jaeger"))
    if config.otlp is None and seen.get("OTEL_EXPORTER_OTLP_HEADERS"):
        yield fault(
            CHECK,
            "OTEL_EXPORTER_OTLP_HEADERS is set, but there is no endpoint to send them to",
            "set OTEL_EXPORTER_OTLP_ENDPOINT; other destinations never get these headers",
        )


def _endpoints(seen: Mapping[str, str], config: Config) -> Iterator[Finding]:
    grpc = config.otlp is not None and config.otlp.grpc
    spoken, other, right = ("gRPC", HTTP_PORT, GRPC_PORT) if grpc else ("HTTP", GRPC_PORT, HTTP_PORT)
    for name in ENDPOINTS:
        parts = urlsplit(seen.get(name, ""))
        if parts.port == other:
            yield fault(
                CHECK,
                f"{name} names port {other}, where receivers take {'HTTP' if grpc else 'gRPC'}; {spoken} is spoken",
                f"use port {right}: {name}={parts.scheme}://{parts.hostname}:{right}, or the other "
                "OTEL_EXPORTER_OTLP_PROTOCOL",
            )
    base = urlsplit(seen.get(ENDPOINTS[0], ""))
    if "/v1/" in f"{base.path}/":
        yield fault(
            CHECK,
            f"{ENDPOINTS[0]} holds the path of a signal, and /v1/traces is appended once more",
            f"give the address without {base.path}, or set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT instead",
        )


def _keys(seen: Mapping[str, str], config: Config) -> Iterator[Finding]:
    for number, token in enumerate(config.logfire_tokens, start=1):
        region = token.split("_")[2] if token.startswith("pylf_v") and token.count("_") >= 3 else ""
        if region not in REGIONS and not config.logfire_base_url:
            yield fault(
                CHECK,
                f"token {number} of LOGFIRE_TOKEN does not look like a write token of a known region",
                "copy the write token anew (pylf_v1_us_… or pylf_v1_eu_…), or set LOGFIRE_BASE_URL",
            )
    target = config.otlp
    for address in {target.traces, target.logs, target.metrics} if target and target.secrets else ():
        parts = urlsplit(address)
        if parts.scheme == "http" and f"{parts.hostname}" not in (*LOOPBACK, "::1"):
            yield fault(
                CHECK,
                f"OTEL_EXPORTER_OTLP_HEADERS travel in the clear to {parts.hostname}",
                "use an https:// endpoint, or a collector on this machine",
            )
            return


def _twice(seen: Mapping[str, str], config: Config) -> Iterator[Finding]:
    """The same telemetry at one place by two ways."""
    collectors = {"collector", "otlp"} & set(config.destinations)
    if seen.get("COLLECTOR_LOGFIRE_TOKEN") and "logfire" in config.destinations and collectors:
        yield fault(
            CHECK,
            "LOGFIRE_TOKEN and COLLECTOR_LOGFIRE_TOKEN are both set: program and collector both send to Logfire",
            "keep one of them, or take logfire out of TELEMETRY_DESTINATIONS",
        )
    if collectors == {"collector", "otlp"} and config.otlp and config.otlp.traces.startswith(LOCAL_COLLECTOR):
        yield fault(
            CHECK,
            "the destinations otlp and collector are the same address: everything is sent twice",
            "take one of them out of TELEMETRY_DESTINATIONS",
        )
    at_logfire = "logfire" in (urlsplit(config.otlp.traces).hostname or "") if config.otlp else False
    if at_logfire and {"otlp", "logfire"} <= set(config.destinations):
        yield fault(
            CHECK,
            "both LOGFIRE_TOKEN and the OTLP endpoint send to Logfire: everything is there twice",
            "unset OTEL_EXPORTER_OTLP_ENDPOINT",
        )


def _unread(seen: Mapping[str, str], config: Config) -> Iterator[Finding]:
    for name in AUTOMATIC:
        if seen.get(name) not in (None, "", "none"):
            yield fault(
                CHECK,
                f"{name} is set: where OpenTelemetry starts itself, a second pipeline exports beside this one",
                f"unset {name}; TELEMETRY_DESTINATIONS says where telemetry goes",
            )
    known = {setting.name for setting in config.settings}
    for name in sorted(n for n in seen if n.startswith("TELEMETRY_") and n not in known):
        close = get_close_matches(name, known, 1)
        yield fault(
            CHECK,
            f"{name} is not a setting, so it does nothing",
            f"perhaps {close[0]} was meant" if close else "see the table of settings in the README",
        )
