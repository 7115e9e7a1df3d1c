"""Process and machine are measured under the names of the semantic conventions."""

import pytest

from otel.testing import recording

NAMES = {
    "process.cpu.time": "s",
    "process.context_switches": "{context_switch}",
    "process.memory.usage": "By",
    "process.memory.virtual": "By",
    "process.thread.count": "{thread}",
    "process.unix.file_descriptor.count": "{file_descriptor}",
    "system.cpu.utilization": "1",
    "system.memory.usage": "By",
    "system.filesystem.usage": "By",
}


def test_every_instrument_reports_with_its_unit() -> None:
    with recording() as running:
        found = {point.name: point.unit for point in running.points()}
    assert NAMES.items() <= found.items()


def test_readings_are_believable() -> None:
    with recording() as running:
        values = {
            (p.name, *p.attributes.values()): p.value["value"] for p in running.points() if "value" in p.value
        }
    assert values["process.cpu.time", "user"] > 0
    assert values["process.memory.virtual",] >= values["process.memory.usage",] > 1024**2
    assert values["process.thread.count",] >= 2
    assert 0 <= values["system.cpu.utilization",] <= 1
    assert values["system.memory.usage", "used"] > 0
    assert values["system.filesystem.usage", "free"] >= 0


@pytest.mark.parametrize("name", ["process.cpu.time", "process.context_switches"])
def test_what_only_grows_has_a_series_for_each_mode(name: str) -> None:
    with recording() as running:
        modes = {tuple(p.attributes.values()) for p in running.points() if p.name == name}
    assert len(modes) == 2
