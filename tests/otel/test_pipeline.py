"""The SDK's boundary: what was accepted reaches the journal, slows its producer rather than getting lost, and is
counted where it does get lost."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.metrics import Histogram
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, set_span_in_context

from otel.batch import Batch, Signal
from otel.errors import JournalError
from otel.journal import Also, Journal
from otel.pipeline import HELP_ITEMS, Limits, Pipeline
from otel.processors import JournalLogProcessor, JournalMetricExporter, JournalSpanProcessor
from otel.redaction import Redactor, Request
from tests.otel.making import names
from tests.otel.scripted import FailingJournal

PATIENT = Limits(delay=60.0)
"""Nothing is committed by itself while a test runs."""


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[FailingJournal]:
    opened = FailingJournal(tmp_path / "journal.db")
    yield opened
    opened.close()


@contextmanager
def pipeline(
    journal: Journal,
    limits: Limits = PATIENT,
    *,
    appended: Callable[[], None] = lambda: None,
    started: bool = True,
    redactor: Redactor | None = None,
) -> Iterator[tuple[Pipeline, Tracer]]:
    made = Pipeline(journal, redactor or Redactor(), appended=appended, limits=limits)
    provider = TracerProvider(shutdown_on_exit=False, resource=Resource.get_empty())
    provider.add_span_processor(JournalSpanProcessor(made))
    if started:
        made.start()
    try:
        yield made, provider.get_tracer("tests")
    finally:
        if started:
            assert made.close(10)


def kept(journal: Journal) -> list[str]:
    journal.register("reader", {Signal.TRACES})
    found: list[str] = []
    while (chunk := journal.next_for("reader", max_bytes=1024**2)) is not None:
        found += names(chunk.batch)
        journal.advance("reader", chunk)
    return found


def test_durable_says_that_what_ended_before_is_on_disk(journal: Journal) -> None:
    with pipeline(journal) as (made, tracer), tracer.start_as_current_span("job"):
        for number in range(5):
            tracer.start_span(f"child-{number}").end()
        assert made.durable(5)
        assert kept(journal) == [f"child-{number}" for number in range(5)]
        assert made.counts() == {"created": 5, "buffered": 0, "lost_in_memory": 0}


def test_durable_of_nothing_is_true_at_once(journal: Journal) -> None:
    with pipeline(journal) as (made, _):
        assert made.durable(0.0)


def test_durable_says_no_in_time_when_the_disk_takes_nothing(failing: FailingJournal) -> None:
    with pipeline(failing) as (made, tracer):
        failing.broken = True
        tracer.start_span("a").end()
        began = time.monotonic()
        assert not made.durable(0.1)
        assert time.monotonic() - began < 1.0
        failing.broken = False
        assert made.durable(5)


def test_durable_says_no_where_nobody_writes(journal: Journal) -> None:
    """As in a forked child, where the worker's thread is not."""
    with pipeline(journal, started=False) as (made, tracer):
        tracer.start_span("a").end()
        began = time.monotonic()
        assert not made.durable(30)
        assert time.monotonic() - began < 1.0


class TakesNoSpans(Journal):
    def append(self, batches: Sequence[Batch], *, lost: int = 0, also: Also | None = None) -> None:
        if any(batch.signal is Signal.TRACES for batch in batches):
            raise JournalError("no spans today")
        super().append(batches, lost=lost, also=also)


def test_metrics_that_are_written_do_not_stand_for_a_span_that_is_not(tmp_path: Path) -> None:
    """A hundred points on disk must not make one waiting span look durable."""
    journal = TakesNoSpans(tmp_path / "journal.db")
    with pipeline(journal) as (made, tracer):
        tracer.start_span("a").end()
        made.put_encoded(Signal.METRICS_CUMULATIVE, ExportMetricsServiceRequest(), 100)
        assert not made.durable(0.3)
    journal.close()


def test_the_end_of_a_root_span_is_committed_at_once(journal: Journal) -> None:
    committed = threading.Event()
    with pipeline(journal, appended=committed.set) as (_, tracer):
        with tracer.start_as_current_span("job"):
            tracer.start_span("child").end()
            assert not committed.wait(0.05), "a child can wait"
        assert committed.wait(5)
        assert sorted(kept(journal)) == ["child", "job"]


def test_the_end_of_a_span_with_a_parent_elsewhere_is_committed_at_once(journal: Journal) -> None:
    committed = threading.Event()
    elsewhere = SpanContext(trace_id=1, span_id=1, is_remote=True, trace_flags=TraceFlags(1))
    with pipeline(journal, appended=committed.set) as (_, tracer):
        tracer.start_span("job", context=set_span_in_context(NonRecordingSpan(elsewhere))).end()
        assert committed.wait(5)


def test_everything_else_is_committed_within_the_delay(journal: Journal) -> None:
    committed = threading.Event()
    with (
        pipeline(journal, Limits(delay=0.02), appended=committed.set) as (_, tracer),
        tracer.start_as_current_span("job"),
    ):
        tracer.start_span("child").end()
        assert committed.wait(5)


def test_closing_writes_what_is_left(journal: Journal) -> None:
    with pipeline(journal) as (_, tracer), tracer.start_as_current_span("job"):
        tracer.start_span("child").end()
    assert sorted(kept(journal)) == ["child", "job"]


def test_a_burst_larger_than_the_buffer_slows_its_producers_and_loses_nothing(journal: Journal) -> None:
    with (
        pipeline(journal, Limits(capacity=100, delay=60.0)) as (made, tracer),
        tracer.start_as_current_span("job"),
    ):

        def burst(name: str) -> None:
            for number in range(500):
                tracer.start_span(f"{name}-{number}").end()

        producers = [threading.Thread(target=burst, args=(name,)) for name in "ab"]
        for producer in producers:
            producer.start()
        for producer in producers:
            producer.join()
        assert made.durable(10)
        assert made.counts() == {"created": 1000, "buffered": 0, "lost_in_memory": 0}
        assert sorted(kept(journal)) == sorted(f"{name}-{n}" for name in "ab" for n in range(500))


def test_a_full_buffer_is_written_by_its_producer(journal: Journal) -> None:
    with pipeline(journal, Limits(capacity=10), started=False) as (made, tracer):
        for number in range(30):
            tracer.start_span(f"n-{number}").end()
        assert made.counts()["lost_in_memory"] == 0
        assert kept(journal)[:10] == [f"n-{number}" for number in range(10)]


def test_a_disk_that_takes_nothing_loses_nothing_until_memory_is_full(
    failing: FailingJournal, caplog: pytest.LogCaptureFixture
) -> None:
    with pipeline(failing) as (made, tracer):
        failing.broken = True
        for number in range(20):
            tracer.start_span(f"n-{number}").end()
            made.durable(0.01)
        failing.broken = False
        assert made.durable(5)
        assert kept(failing) == [f"n-{number}" for number in range(20)]
        assert made.counts()["lost_in_memory"] == 0
    assert caplog.text.count("telemetry waits in memory") == 1, "said once, not at every try"


def test_what_does_not_fit_into_memory_is_counted_in_the_ledger(failing: FailingJournal) -> None:
    with pipeline(failing, Limits(unwritten_bytes=2000, delay=60.0)) as (made, tracer):
        failing.broken = True
        for number in range(50):
            tracer.start_span(f"n-{number}", attributes={"text": "x" * 200}).end()
            made.durable(0.01)
        failing.broken = False
        assert made.durable(5)
        lost = made.counts()["lost_in_memory"]
        assert 30 < lost < 50
        assert kept(failing) == [f"n-{number}" for number in range(lost, 50)], "the newest are kept"
        assert failing.totals() == {"journaled": 50 - lost, "lost_in_memory": lost}


def test_durable_says_no_when_something_was_lost_meanwhile(failing: FailingJournal) -> None:
    with pipeline(failing, Limits(unwritten_bytes=1, delay=60.0)) as (made, tracer):
        failing.broken = True
        tracer.start_span("a").end()
        assert not made.durable(5)
        assert made.counts() == {"created": 1, "buffered": 0, "lost_in_memory": 1}


def test_a_buffer_that_nobody_empties_stays_bounded_and_counts(failing: FailingJournal) -> None:
    with pipeline(failing, Limits(capacity=10, unwritten_bytes=1), started=False) as (made, tracer):
        failing.broken = True
        for number in range(200):
            tracer.start_span(f"n-{number}").end()
        counts = made.counts()
        assert counts["buffered"] <= 20
        assert counts["created"] == 200 == counts["buffered"] + counts["lost_in_memory"]


class Picky(Redactor):
    """Fails on what it does not like, as an encoder may."""

    def encoded(self, request: Request) -> bytes:
        payload = super().encoded(request)
        if b"bad" in payload:
            raise ValueError("cannot be encoded")
        return payload


def test_an_item_that_cannot_be_encoded_is_lost_alone(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    with pipeline(journal, redactor=Picky()) as (made, tracer), tracer.start_as_current_span("job"):
        for name in ("a", "bad", "b"):
            tracer.start_span(name).end()
        assert not made.durable(5)
        assert kept(journal) == ["a", "b"]
        assert made.counts() == {"created": 3, "buffered": 0, "lost_in_memory": 1}
    assert "could not be encoded" in caplog.text


def test_secrets_are_removed_before_the_journal(journal: Journal) -> None:
    with pipeline(journal, redactor=Redactor(["canary-secret"])) as (made, tracer):
        tracer.start_span("calls canary-secret").end()
        assert made.durable(5)
        assert kept(journal) == ["calls [redacted: known secret]"]


def test_a_span_that_was_sampled_out_is_not_kept(journal: Journal) -> None:
    with pipeline(journal) as (made, _):
        provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
        provider.add_span_processor(JournalSpanProcessor(made))
        provider.get_tracer("tests").start_span("a").end()
        assert made.counts()["created"] == 0


def test_a_log_record_is_kept_and_a_business_event_at_once(journal: Journal) -> None:
    committed = threading.Event()
    with pipeline(journal, appended=committed.set) as (made, _):
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(JournalLogProcessor(made))
        logger = provider.get_logger("tests")
        logger.emit(LogRecord(body="a line"))
        assert not committed.wait(0.05)
        logger.emit(LogRecord(body="traded", event_name="trade.executed"))
        assert committed.wait(5)
        assert provider.force_flush()
    journal.register("reader", {Signal.LOGS})
    chunk = journal.next_for("reader", max_bytes=1024**2)
    assert chunk is not None
    assert chunk.batch.items == 2
    assert b"trade.executed" in chunk.batch.payload


@contextmanager
def meters(made: Pipeline, signal: Signal = Signal.METRICS_CUMULATIVE) -> Iterator[MeterProvider]:
    reader = PeriodicExportingMetricReader(
        JournalMetricExporter(made, signal), export_interval_millis=float("inf")
    )
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    try:
        yield provider
    finally:
        provider.shutdown()


def points(journal: Journal, signal: Signal) -> list[Any]:
    journal.register("reader", {signal})
    chunk = journal.next_for("reader", max_bytes=1024**2)
    assert chunk is not None
    request = ExportMetricsServiceRequest.FromString(chunk.batch.payload)
    found = [m for group in request.resource_metrics for scope in group.scope_metrics for m in scope.metrics]
    assert chunk.batch.items == sum(len(m.sum.data_points) + len(m.histogram.data_points) for m in found)
    return found


@pytest.mark.parametrize(
    ("signal", "temporality"), [(Signal.METRICS_DELTA, 1), (Signal.METRICS_CUMULATIVE, 2)]
)
def test_metrics_are_kept_in_the_temporality_of_their_signal(
    journal: Journal, signal: Signal, temporality: int
) -> None:
    with pipeline(journal) as (made, _), meters(made, signal) as provider:
        meter = provider.get_meter("tests")
        meter.create_counter("orders").add(3)
        histogram: Histogram = meter.create_histogram("latency")
        histogram.record(0.5)
        meter.create_up_down_counter("open").add(1)
        assert provider.force_flush()
    by_name = {metric.name: metric for metric in points(journal, signal)}
    assert by_name["orders"].sum.aggregation_temporality == temporality
    assert by_name["latency"].histogram.aggregation_temporality == temporality
    assert by_name["open"].sum.aggregation_temporality == 2, "what goes up and down has no delta"


def test_accounting_balances_with_metrics_logs_and_spans(journal: Journal) -> None:
    with pipeline(journal) as (made, tracer):
        with meters(made) as provider:
            provider.get_meter("tests").create_counter("orders").add(3)
            assert provider.force_flush()
        tracer.start_span("a").end()
        assert made.durable(5)
        assert made.counts()["created"] == journal.totals()["journaled"] == 2


def test_a_caller_who_helps_is_held_up_for_one_small_batch_at_most(journal: Journal) -> None:
    """Counted, not timed: while the worker is stuck, a caller neither waits for it nor writes more than its share."""
    entered, release = threading.Event(), threading.Event()

    class Stuck(Redactor):
        def encoded(self, request: Request) -> bytes:
            if threading.current_thread().name == "otel-pipeline":
                entered.set()
                release.wait(10)
            else:
                assert isinstance(request, ExportTraceServiceRequest)
                sizes.append(sum(len(s.spans) for group in request.resource_spans for s in group.scope_spans))
            return super().encoded(request)

    sizes: list[int] = []
    with pipeline(journal, Limits(capacity=50, delay=60.0), redactor=Stuck()) as (made, tracer):
        tracer.start_span("first").end()
        assert entered.wait(5)
        began = time.monotonic()
        for number in range(60):
            tracer.start_span(f"n-{number}").end()
        assert time.monotonic() - began < 1.0, "ten callers' waits of 5 ms, and no more"
        release.set()
        assert made.durable(5)
        assert made.counts()["lost_in_memory"] == 0
    assert all(size <= HELP_ITEMS for size in sizes)


def test_a_loss_is_said_at_most_once_a_minute(
    failing: FailingJournal, caplog: pytest.LogCaptureFixture
) -> None:
    with pipeline(failing, Limits(unwritten_bytes=1, delay=60.0)) as (made, tracer):
        failing.broken = True
        for _ in range(5):
            tracer.start_span("a").end()
            made.durable(0.05)
        failing.broken = False
        assert made.durable(5) or made.counts()["lost_in_memory"] == 5
    assert caplog.text.count("items are lost") == 1


def test_the_worker_survives_what_nobody_expected(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pipeline(journal) as (made, tracer):
        with monkeypatch.context() as patch:
            patch.setattr(made, "_write", lambda change: 1 / 0)
            tracer.start_span("a").end()
            assert not made.durable(0.2)
        tracer.start_span("b").end()
        assert made.durable(5)
        assert kept(journal) == ["a", "b"]
    assert "ZeroDivisionError" in caplog.text
