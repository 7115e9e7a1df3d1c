"""collector-config.yaml and docker-compose.yml parse, keep what they accept, and agree on ports and names."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PUBLISHED = {
    "collector": {4317: 4317, 4318: 4318, 13133: 13133, 8888: 8888},
    "jaeger": {16686: 16686, 14317: 4317, 14318: 4318},
}
REFERENCE = re.compile(r"\$\{env:([A-Z_]+):-([^}]*)\}")


@pytest.fixture
def collector_text(root: Path) -> str:
    return (root / "collector-config.yaml").read_text()


@pytest.fixture
def collector(collector_text: str) -> Any:
    """The collector's configuration as it is when no variable is set."""
    return yaml.safe_load(REFERENCE.sub(r"\2", collector_text))


@pytest.fixture
def compose(root: Path) -> Any:
    return yaml.safe_load((root / "docker-compose.yml").read_text())


@pytest.fixture
def jaeger(compose: Any) -> Any:
    return yaml.safe_load(compose["configs"]["jaeger"]["content"])


def undeclared(config: Any) -> list[str]:
    """Components that a pipeline or the service names and nothing declares."""
    used = [("extensions", name) for name in config["service"]["extensions"]]
    for pipeline in config["service"]["pipelines"].values():
        used += [(kind, name) for kind, names in pipeline.items() for name in names]
    return [name for kind, name in used if name not in config.get(kind, {})]


def test_every_component_in_use_is_declared(collector: Any, jaeger: Any) -> None:
    assert undeclared(collector) == []
    assert undeclared(jaeger) == []


def test_all_three_signals_are_accepted(collector: Any) -> None:
    assert set(collector["service"]["pipelines"]) == {"traces", "metrics", "logs"}
    assert collector["service"]["pipelines"]["traces"]["exporters"] == ["otlp_grpc/jaeger"]


def test_traces_wait_on_disk(collector: Any) -> None:
    """The queue names a storage that is declared, started and synced; `validate` does not notice when it is not."""
    exporter = collector["exporters"]["otlp_grpc/jaeger"]
    storage = exporter["sending_queue"]["storage"]
    assert storage in collector["service"]["extensions"]
    assert collector["extensions"][storage]["fsync"] is True
    assert exporter["retry_on_failure"]["max_elapsed_time"] == 0


def test_nothing_answers_before_it_has_stored(collector: Any, jaeger: Any) -> None:
    """A batch processor acknowledges what is only in memory."""
    for config in (collector, jaeger):
        for pipeline in config["service"]["pipelines"].values():
            assert not [name for name in pipeline["processors"] if name.startswith("batch")]
    badger = jaeger["extensions"]["jaeger_storage"]["backends"]["traces"]["badger"]
    assert (badger["ephemeral"], badger["consistency"]) == (False, True)


def test_a_collector_started_by_hand_listens_on_this_machine_only(collector: Any) -> None:
    protocols = collector["receivers"]["otlp"]["protocols"]
    reader = collector["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    assert protocols["grpc"]["endpoint"] == "127.0.0.1:4317"
    assert protocols["http"]["endpoint"] == "127.0.0.1:4318"
    assert collector["extensions"]["health_check"]["endpoint"] == "127.0.0.1:13133"
    assert (reader["host"], reader["port"]) == ("127.0.0.1", 8888)
    assert collector["exporters"]["otlp_grpc/jaeger"]["endpoint"] == "127.0.0.1:14317"


@pytest.mark.parametrize("service", PUBLISHED)
def test_containers_publish_their_ports_on_this_machine_only(service: str, compose: Any) -> None:
    published = {}
    for mapping in compose["services"][service]["ports"]:
        address, host, inside = mapping.split(":")
        assert address == "127.0.0.1"
        published[int(host)] = int(inside)
    assert published == PUBLISHED[service]


def test_in_a_container_each_service_listens_where_its_port_is_published(compose: Any, jaeger: Any) -> None:
    environment = compose["services"]["collector"]["environment"]
    assert environment["COLLECTOR_GRPC_ENDPOINT"] == "0.0.0.0:4317"
    assert environment["COLLECTOR_HTTP_ENDPOINT"] == "0.0.0.0:4318"
    assert environment["COLLECTOR_JAEGER_ENDPOINT"] == "jaeger:4317"
    assert jaeger["extensions"]["jaeger_query"]["http"]["endpoint"] == "0.0.0.0:16686"
    assert jaeger["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] == "0.0.0.0:4317"


def test_compose_sets_no_variable_that_the_collector_does_not_read(compose: Any, collector_text: str) -> None:
    read = {name for name, _ in REFERENCE.findall(collector_text)}
    assert set(compose["services"]["collector"]["environment"]) == read


def test_what_must_last_is_on_a_volume_that_the_services_may_write(compose: Any) -> None:
    """Both images run as user 10001; a step gives it the volumes before they start."""
    owner = compose["services"]["volumes-owner"]
    assert "10001:10001" in owner["command"]
    owned = {mount.partition(":")[0] for mount in owner["volumes"]}
    assert owned == set(compose["volumes"])
    for service in PUBLISHED:
        waits = compose["services"][service]["depends_on"]["volumes-owner"]
        assert waits["condition"] == "service_completed_successfully"
        mounts = {mount.partition(":")[0] for mount in compose["services"][service]["volumes"]}
        assert mounts & owned


def test_every_image_has_a_version(compose: Any) -> None:
    for service in compose["services"].values():
        assert re.search(r":\d+\.\d+", service["image"])
