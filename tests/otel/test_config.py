"""Config.from_env: what each variable means, and how a wrong one is refused."""

from pathlib import Path

import pytest

from otel.config import DESTINATION_NAMES, Config, Content, OtlpTarget
from otel.errors import ConfigError
from otel.otlp_target import SignalOptions

SECRET = "pylf_v1_eu_0123456789abcdef"


def config(**env: str) -> Config:
    return Config.from_env(env, service="coliseum")


def test_with_nothing_set_only_the_local_store_is_written() -> None:
    empty = config()
    assert empty.destinations == ("store",)
    assert (empty.service, empty.home, empty.disabled, empty.otlp) == (
        "coliseum",
        Path("telemetry"),
        False,
        None,
    )
    assert empty.metric_interval == 60.0
    assert empty.sample_ratio == 1.0


@pytest.mark.parametrize(
    ("env", "destinations"),
    [
        ({"LOGFIRE_TOKEN": SECRET}, ("store", "logfire")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, ("store", "otlp")),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://localhost:4318/v1/logs"}, ("store", "otlp")),
        ({"TELEMETRY_JAEGER_ENDPOINT": "http://localhost:4318"}, ("store", "jaeger")),
        ({"LOGFIRE_TOKEN": SECRET, "LOGFIRE_SEND_TO_LOGFIRE": "false"}, ("store",)),
        ({"LOGFIRE_TOKEN": SECRET, "TELEMETRY_DESTINATIONS": "console, jsonl,console"}, ("console", "jsonl")),
    ],
)
def test_the_environment_chooses_destinations(env: dict[str, str], destinations: tuple[str, ...]) -> None:
    assert config(**env).destinations == destinations


def test_each_variable_reaches_its_field(tmp_path: Path) -> None:
    found = Config.from_env(
        {
            "OTEL_SERVICE_NAME": "other",
            "OTEL_SDK_DISABLED": "TRUE",
            "OTEL_METRIC_EXPORT_INTERVAL": "1500",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.25",
            "OTEL_RESOURCE_ATTRIBUTES": "team=odds,region=eu%20west",
            "TELEMETRY_HOME": str(tmp_path),
            "TELEMETRY_JOURNAL_MAX_BYTES": "1048576",
            "TELEMETRY_TRACE_CONTEXT_HOSTS": "localhost, api.example:8443",
            "TELEMETRY_JAEGER_ENDPOINT": "http://jaeger:4318/",
            "LOGFIRE_TOKEN": f"{SECRET}, second-token",
            "LOGFIRE_BASE_URL": "https://logfire.example/",
        },
        service="coliseum",
        version="1.2",
        environment="paper",
        trace_context_hosts=["127.0.0.1:8600"],
        secrets=["exa-key-value"],
    )
    assert (found.service, found.version, found.environment, found.disabled) == (
        "other",
        "1.2",
        "paper",
        True,
    )
    assert (found.metric_interval, found.sample_ratio, found.journal_max_bytes) == (1.5, 0.25, 1048576)
    assert found.resource == {"team": "odds", "region": "eu west"}
    assert found.home == tmp_path
    assert found.trace_context_hosts == ("127.0.0.1:8600", "localhost", "api.example:8443")
    assert found.jaeger_endpoint == "http://jaeger:4318"
    assert found.logfire_tokens == (SECRET, "second-token")
    assert found.logfire_base_url == "https://logfire.example"
    assert {SECRET, "second-token", "exa-key-value"} <= found.secrets


def test_the_otlp_variables_make_one_target_with_an_address_for_each_signal(tmp_path: Path) -> None:
    certificate = tmp_path / "ca.pem"
    certificate.touch()
    found = config(
        OTEL_EXPORTER_OTLP_ENDPOINT="https://collector:4318/",
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="https://logs.example/in",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20collector-key-1,x-tenant=a",
        OTEL_EXPORTER_OTLP_TIMEOUT="3",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="Delta",
        OTEL_EXPORTER_OTLP_CERTIFICATE=str(certificate),
    )
    assert found.otlp == OtlpTarget(
        traces="https://collector:4318/v1/traces",
        logs="https://logs.example/in",
        metrics="https://collector:4318/v1/metrics",
        headers={"authorization": "Bearer collector-key-1", "x-tenant": "a"},
        timeout=3.0,
        delta=True,
        certificate=certificate,
    )
    assert {"Bearer collector-key-1", "collector-key-1"} <= found.secrets


def test_a_signal_may_have_headers_patience_and_compression_of_its_own() -> None:
    """Its headers take the place of the others', as the specification says."""
    found = config(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4318",
        OTEL_EXPORTER_OTLP_HEADERS="x-tenant=canary-all-1",
        OTEL_EXPORTER_OTLP_TIMEOUT="3",
        OTEL_EXPORTER_OTLP_LOGS_HEADERS="x-logs=canary-logs",
        OTEL_EXPORTER_OTLP_LOGS_TIMEOUT="7",
        OTEL_EXPORTER_OTLP_METRICS_COMPRESSION="none",
    )
    assert found.otlp is not None
    tenant = {"x-tenant": "canary-all-1"}
    assert found.otlp.options("traces") == SignalOptions(headers=tenant, timeout=3, gzip=True)
    assert found.otlp.options("logs") == SignalOptions(
        headers={"x-logs": "canary-logs"}, timeout=7, gzip=True
    )
    assert found.otlp.options("metrics") == SignalOptions(headers=tenant, timeout=3, gzip=False)
    assert {"canary-all-1", "canary-logs"} <= found.secrets
    assert "canary" not in repr(found) + repr(found.otlp) + repr(found.settings)


def test_over_grpc_the_address_is_the_same_for_every_signal() -> None:
    found = config(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4317",
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="http://logs:4317",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    ).otlp
    assert found is not None
    assert found.grpc
    assert (found.traces, found.logs, found.metrics) == (
        "http://collector:4317",
        "http://logs:4317",
        "http://collector:4317",
    )


def test_content_is_whole_for_every_destination_that_nothing_was_said_of() -> None:
    found = config(TELEMETRY_CONTENT_LOGFIRE="None", TELEMETRY_CONTENT_OTLP="redacted").content
    assert found == {
        **dict.fromkeys(DESTINATION_NAMES, Content.FULL),
        "logfire": Content.NONE,
        "otlp": Content.REDACTED,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_SDK_DISABLED", "maybe"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "soon"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "nan"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "yes"),
        ("TELEMETRY_CONTENT_LOGFIRE", "some"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://localhost"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:99999999"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[broken"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "nowhere"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "lowmemory"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/no/such/file.pem"),
        ("TELEMETRY_DESTINATIONS", "store,jager"),
        ("TELEMETRY_DESTINATIONS", "logfire"),
        ("TELEMETRY_DESTINATIONS", "otlp"),
        ("TELEMETRY_JAEGER_ENDPOINT", "jaeger"),
        ("TELEMETRY_JOURNAL_MAX_BYTES", "-1"),
        ("TELEMETRY_JOURNAL_MAX_BYTES", "9" * 5000),
        ("LOGFIRE_BASE_URL", "logfire"),
        ("LOGFIRE_SEND_TO_LOGFIRE", "perhaps"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as refused:
        config(**{name: value})
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOGFIRE_TOKEN", "canary secret"),
        ("LOGFIRE_TOKEN", "canary-\u2028secret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary-secret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=canary-secret%0d%0aX: y"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=canary-secret-é"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:canary-secret@localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318?key=canary-secret"),
    ],
)
def test_a_refused_secret_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as refused:
        config(**{name: value})
    assert "canary" not in str(refused.value)


def test_nothing_that_people_see_of_a_config_holds_a_secret() -> None:
    found = config(
        LOGFIRE_TOKEN=SECRET,
        OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer canary-secret",
    )
    shown = repr(found) + repr(found.otlp) + repr(found.settings)
    assert SECRET not in shown
    assert "canary" not in shown
    sources = {setting.name: (setting.value, setting.source) for setting in found.settings}
    assert sources["LOGFIRE_TOKEN"] == ("✓ Set", "environment")
    assert sources["OTEL_EXPORTER_OTLP_HEADERS"] == ("✓ Set", "environment")
    assert sources["OTEL_SERVICE_NAME"] == ("coliseum", "default")


def test_a_token_that_is_not_used_is_a_secret_all_the_same() -> None:
    assert SECRET in config(LOGFIRE_TOKEN=SECRET, LOGFIRE_SEND_TO_LOGFIRE="no").secrets


def test_every_destination_name_can_be_asked_for() -> None:
    env = {"LOGFIRE_TOKEN": SECRET, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
    named = config(**env, TELEMETRY_DESTINATIONS=",".join(DESTINATION_NAMES))
    assert named.destinations == DESTINATION_NAMES
