"""The local store holds each thing once, rolls traces up rightly, and can be read while it is written."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel.batch import Batch, Signal
from otel.config import Config
from otel.destination import Outcome, Verdict
from otel.destinations.store import open_store
from otel.errors import StoreError
from otel.store import Store
from otel.store.ingest import Ingest
from otel.store.queries import TraceRow
from tests.otel.making import log, logs, pairs, points, span, spans

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 10,
    "operation.cost": 0.25,
}
AGENT = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.aggregated_usage.input_tokens": 200,
    "gen_ai.usage.input_tokens": 200,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "st?re #1%.db"


@pytest.fixture
def ingest(path: Path) -> Iterator[Ingest]:
    opened = Ingest(path)
    yield opened
    opened.close()


def test_a_span_comes_back_as_it_was(ingest: Ingest, path: Path) -> None:
    made = span(
        "order.place",
        5,
        trace=7,
        parent=4,
        error="refused",
        kind=3,
        attributes={"a": 1, "b": [True, 0.5, "x"], "c": {"d": "e"}, "f": b"\x01"},
        events=[{"name": "exception", "time_unix_nano": 12, "attributes": pairs({"k": "v"})}],
        links=[{"trace_id": b"\x01" * 16, "span_id": b"\x02" * 8, "attributes": pairs({"l": 1})}],
    )
    assert ingest.add(spans(made, resource={"service.name": "coliseum"})) == 0
    with Store.open(path) as store:
        (row,) = store.spans(f"{7:032x}")
    assert (row.trace_id, row.span_id, row.parent_span_id) == (f"{7:032x}", f"{5:016x}", f"{4:016x}")
    assert (row.name, row.kind, row.failed, row.message, row.seconds) == (
        "order.place",
        3,
        True,
        "refused",
        1.0,
    )
    assert row.attributes == {"a": 1, "b": [True, 0.5, "x"], "c": {"d": "e"}, "f": "01"}
    assert row.events == [{"name": "exception", "time_ns": 12, "attributes": {"k": "v"}}]
    assert row.links == [{"trace_id": "01" * 16, "span_id": "02" * 8, "attributes": {"l": 1}}]
    assert row.resource == {"service.name": "coliseum"}
    assert row.scope == "tests"


def test_what_comes_twice_is_kept_once(ingest: Ingest, path: Path) -> None:
    for batch in (spans(span("a", attributes=CHAT)), logs(log("a"), log("b")), points(1, 2)):
        ingest.add(batch)
        ingest.add(batch)
    with Store.open(path) as store:
        assert (len(store.spans()), len(store.logs()), len(store.points())) == (1, 2, 2)
        (trace,) = store.traces()
        assert (trace.spans, trace.input_tokens, trace.cost_usd) == (1, 100, 0.25)


def test_a_trace_is_rolled_up_in_whatever_order_its_spans_come(ingest: Ingest, path: Path) -> None:
    ingest.add(spans(span("chat m", 3, parent=2, start=2, attributes=CHAT, error="overloaded")))
    ingest.add(spans(span("chat m", 4, parent=2, start=4, attributes=CHAT)))
    with Store.open(path) as store:
        assert store.traces()[0].root == "", "its root has not ended"
    ingest.add(spans(span("invoke_agent", 2, parent=1, start=1.5, seconds=4, attributes=AGENT)))
    ingest.add(spans(span("scout.scan", 1, start=1, seconds=9)))
    with Store.open(path) as store:
        assert store.traces() == (TraceRow(f"{1:032x}", "scout.scan", 10**9, 10**10, 4, 1, 200, 20, 0.5),)
        assert store.traces()[0].seconds == 9.0


def test_tokens_count_where_a_model_was_called_and_only_there(ingest: Ingest, path: Path) -> None:
    """An agent reports the sum of its calls again on its own span."""
    ingest.add(spans(span("invoke_agent", 1, attributes=AGENT), span("chat", 2, parent=1, attributes=CHAT)))
    with Store.open(path) as store:
        assert store.traces()[0].input_tokens == 100


def test_what_the_root_declares_to_have_cost_beats_the_sum(ingest: Ingest, path: Path) -> None:
    ingest.add(
        spans(
            span("job", 1, attributes={"coliseum.cost_usd": 0.3}), span("chat", 2, parent=1, attributes=CHAT)
        )
    )
    with Store.open(path) as store:
        assert store.traces()[0].cost_usd == 0.3


def test_the_latest_traces_come_first_and_failures_can_be_asked_for(ingest: Ingest, path: Path) -> None:
    for number in range(1, 6):
        ingest.add(spans(span(f"n{number}", trace=number, start=number, error="x" if number % 2 else "")))
    with Store.open(path) as store:
        assert [t.root for t in store.traces(limit=2)] == ["n5", "n4"]
        assert [t.root for t in store.traces(errors_only=True)] == ["n5", "n3", "n1"]


def test_log_records_and_points_come_back_as_they_were(ingest: Ingest, path: Path) -> None:
    ingest.add(
        logs(log("text", attributes={"a": 1}, event_name="trade.executed"), log({"k": ["v"]}, trace=2))
    )
    ingest.add(logs(log("early", at=0.0, observed_time_unix_nano=7)))
    ingest.add(points(5))
    with Store.open(path) as store:
        early, record = store.logs(f"{1:032x}")
        assert (record.body, record.event_name, record.logger, record.severity, record.attributes) == (
            "text",
            "trade.executed",
            "tests.logger",
            9,
            {"a": 1},
        )
        assert early.time_ns == 7
        assert [r.body for r in store.logs(f"{2:032x}")] == ['{"k":["v"]}']
        (point,) = store.points("made.count")
        assert (point.name, point.unit, point.kind, point.value, point.time_ns) == (
            *("made.count", "1", "sum"),
            {"value": 5},
            10**9,
        )
        assert store.points("other") == ()


@pytest.mark.parametrize("signal", list(Signal))
def test_bytes_that_cannot_be_read_count_as_rejected(ingest: Ingest, path: Path, signal: Signal) -> None:
    assert ingest.add(Batch(signal, b"\xff\xff\xff", 3)) == 3
    assert ingest.add(spans(span("a"))) == 0
    with Store.open(path) as store:
        assert len(store.spans()) == 1


def test_times_that_no_database_holds_do_not_stop_the_rest(ingest: Ingest, path: Path) -> None:
    end = {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 2**64 - 1}
    assert ingest.add(spans({**span("a"), **end}, span("b", 2))) == 0
    assert ingest.add(logs({**log("a"), "time_unix_nano": 2**64 - 1})) == 0
    with Store.open(path) as store:
        assert {s.name for s in store.spans()} == {"a", "b"}
        assert len(store.logs()) == 1


def test_a_trace_is_found_by_its_beginning(ingest: Ingest, path: Path) -> None:
    ingest.add(spans(span("a", trace=0xABC << 116), span("b", trace=0xABD << 116)))
    with Store.open(path) as store:
        assert store.find_trace("ABC") == f"{0xABC << 116:032x}"
        for prefix, reason in (
            ("ab", "several"),
            ("ff", "no trace"),
            ("%", "not a trace id"),
            ("", "not a trace id"),
        ):
            with pytest.raises(StoreError, match=reason):
                store.find_trace(prefix)


def test_a_store_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing has been stored here yet"), Store.open(tmp_path / "no.db"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_a_file_that_is_no_store_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"store\.db"), Store.open(path) as store:
        store.traces()


def test_a_newer_schema_is_refused_for_reading_and_writing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer version"), Store.open(path):
        pass
    with pytest.raises(StoreError, match="newer version"):
        Ingest(path).add(spans(span("a")))
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE still_free (a)")
    connection.close()


def test_it_can_be_read_while_it_is_written(ingest: Ingest, path: Path) -> None:
    ingest.add(spans(span("n", trace=10**6)))
    writing = threading.Thread(target=lambda: [ingest.add(spans(span("n", trace=n))) for n in range(1, 200)])
    writing.start()
    seen = [0]
    with Store.open(path) as store:
        while writing.is_alive():
            traces = store.traces(limit=1000)
            assert len(traces) >= seen[-1]
            seen.append(len(traces))
        writing.join()
        assert len(store.traces(limit=1000)) == 200


def test_the_file_is_for_its_owner_only(ingest: Ingest, path: Path) -> None:
    ingest.add(spans(span("a")))
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_as_a_destination_it_is_asked_again_while_its_file_cannot_be_written(tmp_path: Path) -> None:
    home = tmp_path / "gone"
    (store,) = open_store(Config(service="s", home=home))
    outcome = store.deliver(spans(span("a")))
    assert outcome.verdict is Verdict.LATER
    assert "store.db" in outcome.reason
    home.mkdir()
    assert store.deliver(spans(span("a"))) == Outcome.delivered()
    assert store.deliver(Batch(Signal.TRACES, b"\xff", 2)) == Outcome.delivered(rejected=2)
    store.close()
    store.close()


def test_numbers_whose_sum_is_too_large_do_not_stop_the_batch(ingest: Ingest, path: Path) -> None:
    """OTLP carries 64 bits; two such numbers of tokens in one trace are nonsense, but must be stored."""
    most = {**CHAT, "gen_ai.usage.input_tokens": 2**63 - 1}
    assert ingest.add(spans(*(span("chat", n, attributes=most) for n in (1, 2)))) == 0
    with Store.open(path) as store:
        (trace,) = store.traces()
    assert (trace.spans, trace.input_tokens) == (2, 2**63 - 1)
