"""A world that misbehaves: the same trades, no order twice, and every repetition in the trace."""

from collections import defaultdict
from pathlib import Path

import pytest

from otel.store import SpanRow, Store
from tests.demo.playing import MAY, Played, play

pytestmark = pytest.mark.slow

ORDERS = "/trade-api/v2/portfolio/events/orders"
FAULTS = (
    {"kind": "429", "path": "/exa", "times": 2},
    {"kind": "429-retry-after", "path": "/exa", "times": 1, "seconds": 0},
    {"kind": "503", "path": "/trade-api/v2/portfolio/balance", "times": 1},
    {"kind": "500", "path": "/trade-api/v2/markets", "times": 1},
    {"kind": "529", "path": "/anthropic", "times": 1},
    {"kind": "503", "path": "/fireworks", "times": 1},
    {"kind": "drop-after-accept", "path": ORDERS, "times": 1},
    {"kind": "503", "path": ORDERS, "times": 1},
)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("calm"), moments=MAY[:1])


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("rough"), moments=MAY[:1], faults=FAULTS)


@pytest.fixture(scope="module")
def spans(rough: Played) -> tuple[SpanRow, ...]:
    with Store.open(rough.state / "store.db") as store:
        return store.spans()


def test_every_fault_happened(rough: Played) -> None:
    assert len([r for r in rough.requests if r["fault"]]) == sum(int(str(fault["times"])) for fault in FAULTS)


def test_the_trades_are_the_same_and_no_order_is_sent_under_a_second_key(calm: Played, rough: Played) -> None:
    assert rough.trades == calm.trades
    assert rough.totals["orders"]["accepted"] == calm.totals["orders"]["accepted"] >= 3


def test_each_repetition_is_a_sibling_that_says_how_often(spans: tuple[SpanRow, ...]) -> None:
    siblings = defaultdict(list)
    for span in spans:
        if "http.request.method" in span.attributes:
            siblings[span.parent_span_id, span.name].append(
                span.attributes.get("http.request.resend_count", 0)
            )
    repeated = {name: counts for (_, name), counts in siblings.items() if max(counts)}
    assert {name.rpartition(" ")[2] for name in repeated} >= {
        "/answer",
        "/portfolio/balance",
        "/portfolio/events/orders",
        "/anthropic/v1/messages",
        "/fireworks/v1/chat/completions",
    }
    assert all(counts.count(0) >= 1 for counts in repeated.values())


def test_a_failed_attempt_is_a_failed_span_and_the_job_is_not(spans: tuple[SpanRow, ...]) -> None:
    failed = [span for span in spans if span.failed]
    assert {span.attributes.get("error.type") for span in failed} >= {"429", "503", "500", "529"}
    assert [span.name for span in failed if not span.parent_span_id] == []


def test_nonsense_from_a_service_fails_a_tool_and_not_the_play(tmp_path: Path) -> None:
    """The researcher is told that the search did not answer, and goes on with what it has."""
    nonsense = {"kind": "malformed", "path": "/exa", "times": 2}
    played = play(tmp_path, moments=MAY[:1], faults=(nonsense,))
    assert len(played.lines) == 14
