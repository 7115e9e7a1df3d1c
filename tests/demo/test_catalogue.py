"""docs/telemetry.md and what a run really says are the same set of names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel.store import Store
from tests.demo.playing import play
from tests.demo.test_faults import FAULTS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/telemetry.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def named(section: str, column: int) -> set[str]:
    """Every name in backticks in one column of a section's table."""
    rows = [row.split("|") for row in SECTIONS[section].splitlines() if row.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row[column])}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    played = play(tmp_path_factory.mktemp("catalogue"), faults=FAULTS)
    with Store.open(played.state / "store.db") as store:
        yield store


def code() -> str:
    return "".join(path.read_text() for path in (ROOT / "coliseum").rglob("*.py"))


def test_every_span_is_listed_under_its_scope(store: Store) -> None:
    listed = {(name.split(" ")[0]) for name in named("Spans", 1)}
    assert {span.name.split(" ")[0] for span in store.spans()} <= listed
    scopes = {row.split("|")[2].strip() for row in SECTIONS["Spans"].splitlines() if row.startswith("| `")}
    assert {span.scope for span in store.spans()} <= scopes


def test_every_attribute_of_a_span_is_listed(store: Store) -> None:
    listed = named("Attributes of ours", 1) | named("Attributes of the instrumentations", 1)
    assert {key for span in store.spans() for key in span.attributes} <= listed
    assert {key for span in store.spans() for key in span.resource} <= named("Resource", 1)


def test_every_event_is_listed_with_its_attributes(store: Store) -> None:
    events = [event for span in store.spans() for event in span.events]
    assert {event["name"] for event in events} <= named("Events", 1)
    assert {key for event in events for key in event["attributes"]} <= named("Events", 3)
    assert {log.event_name for log in store.logs() if log.event_name} <= named("Events", 1)


def test_every_metric_is_listed_with_unit_kind_and_attributes(store: Store) -> None:
    rows = [row.split("|") for row in SECTIONS["Metrics"].splitlines() if row.startswith("| `")]
    listed = {
        name: (row[2].strip(), row[3].strip(), set(re.findall(r"`([^`]+)`", row[4])))
        for row in rows
        for name in re.findall(r"`([^`]+)`", row[1])
    }
    for point in store.points():
        unit, kind, attributes = listed[point.name]
        assert (point.unit, point.kind) == (unit, kind), point.name
        assert set(point.attributes) <= attributes, point.name


def test_what_is_listed_as_ours_exists(store: Store) -> None:
    """A name on the page was said in the recorded run, or stands in the code for a rarer occasion."""
    said = {key for span in store.spans() for key in span.attributes}
    said |= {key for span in store.spans() for event in span.events for key in event["attributes"]}
    source = code()
    for name in named("Attributes of ours", 1) - said:
        assert (
            f'"{name}"' in source
            or f'"{name.removeprefix("coliseum.")}"' in source
            or (f"{name.removeprefix('coliseum.')}=" in source)
        ), name
    for name in named("Spans", 1):
        if "{" not in name:
            assert f'"{name}"' in source, name
    for name in (name for name in named("Metrics", 1) if name.startswith("coliseum.")):
        assert f'"{name}"' in source, name


def test_no_metric_has_an_attribute_of_high_cardinality(store: Store) -> None:
    rows = [
        row.split("|")
        for section in ("Attributes of ours", "Attributes of the instrumentations")
        for row in SECTIONS[section].splitlines()
        if row.startswith("| `")
    ]
    high = {name for row in rows if row[4].strip() == "high" for name in re.findall(r"`([^`]+)`", row[1])}
    assert "coliseum.order_id" in high
    assert not high & {key for point in store.points() for key in point.attributes}
