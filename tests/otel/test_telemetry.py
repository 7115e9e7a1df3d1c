"""The layer opens and closes whole, never stands in the program's way, and delivers what earlier runs left behind."""

import logging
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics, propagate, trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider

import otel
from otel.batch import Batch, Signal
from otel.config import Config, OtlpTarget
from otel.destination import Outcome
from otel.errors import JournalError
from otel.journal import Journal
from otel.ownership import _SLOTS
from otel.propagation import TrustedPropagator
from otel.store import Store
from otel.testing import FaultServer, hang, ok, recording, status
from tests.leaks import ProcessState
from tests.otel.scripted import Scripted

LIVE_ON = """
import sys, time
from pathlib import Path
import otel
from opentelemetry import trace
config = otel.Config(service="killed", home=Path(sys.argv[1]), destinations=("otlp",),
                     otlp=otel.config.OtlpTarget.at(sys.argv[2]))
with otel.start(config) as telemetry:
    with trace.get_tracer("tests").start_as_current_span("before the kill"):
        pass
    print(telemetry.durable(5), flush=True)
    time.sleep(60)
"""


def work(name: str = "job") -> None:
    with trace.get_tracer("tests").start_as_current_span(name):
        logging.getLogger("coliseum").warning("a line of %s", name)


def to(server: FaultServer, home: Path, *names: str) -> Config:
    target = OtlpTarget.at(server.url, timeout=20.0)
    return Config(service="test", home=home, destinations=names or ("otlp",), otlp=target)


def test_everything_of_a_run_reaches_the_store_and_another_destination(
    server: FaultServer, tmp_path: Path
) -> None:
    with otel.start(to(server, tmp_path, "store", "otlp")) as telemetry:
        assert telemetry.running
        assert telemetry.notices == ()
        work()
        assert telemetry.durable(5)
        assert telemetry.force_flush(5)
    with Store.open(tmp_path / "store.db") as store:
        assert [s.name for s in store.spans()] == [s.name for s in server.spans()] == ["job"]
        assert store.spans()[0].resource["service.name"] == "test"
        assert [r.body for r in store.logs()] == [r.body for r in server.logs()] == ["a line of job"]
        assert {p.name for p in store.points()} == {p.name for p in server.points()} > {"process.cpu.time"}


def test_what_describes_the_program_stands_on_everything() -> None:
    resource = {"team": "odds", "deployment.environment.name": "from the variable"}
    with recording(version="1.2", resource=resource) as running:
        work()
        found = running.spans()[0].resource
    assert (found["service.name"], found["service.version"], found["team"]) == ("test", "1.2", "odds")
    assert found["deployment.environment.name"] == "from the variable"
    assert len(found["service.instance.id"]) == 36
    with recording(environment="paper", resource=resource) as running:
        work()
        assert running.spans()[0].resource["deployment.environment.name"] == "paper"


def test_a_ratio_keeps_whole_traces_and_leaves_logs_alone() -> None:
    with recording(sample_ratio=0.5) as running:
        for number in range(40):
            with trace.get_tracer("tests").start_as_current_span("root"):
                trace.get_tracer("tests").start_span("child").end()
                logging.getLogger("coliseum").warning("line %d", number)
        spans = running.spans()
        assert 0 < len(spans) < 80
        assert sum(s.name == "root" for s in spans) * 2 == len(spans)
        assert len(running.logs()) == 40


def test_a_block_that_fails_fails_as_it_would_without() -> None:
    with pytest.raises(KeyError, match="mine"), recording():
        raise KeyError("mine")


def test_leaving_puts_everything_back() -> None:
    before = ProcessState.take()
    with recording():
        work()
        assert list(before.changed_providers()) != []
        assert list(before.changed_logging()) != []
        assert threading.active_count() > len(before.threads)
    assert list(before.changes()) == []


def test_it_can_be_started_again_in_the_same_process(tmp_path: Path) -> None:
    for number in range(3):
        with otel.start(Config(service="test", home=tmp_path)) as telemetry:
            work(f"run-{number}")
            metrics.get_meter("tests").create_counter("runs").add(1)
            assert telemetry.force_flush(5)
    with Store.open(tmp_path / "store.db") as store:
        assert [s.name for s in store.spans()] == ["run-0", "run-1", "run-2"]
        assert len(store.points("runs")) == 3


def test_switched_off_nothing_happens_and_it_says_so(tmp_path: Path) -> None:
    before = ProcessState.take()
    with otel.start(Config(service="test", home=tmp_path / "home", disabled=True)) as telemetry:
        work()
        assert list(before.changes()) == []
        assert not telemetry.running
        assert telemetry.notices == ("telemetry is switched off by OTEL_SDK_DISABLED",)
        assert (telemetry.durable(0.1), telemetry.force_flush(0.1), telemetry.status()) == (False, False, ())
    assert list(tmp_path.iterdir()) == []


@contextmanager
def foreign_provider(theirs: Any) -> Iterator[None]:
    """Somebody else's, made global as a program would; given back at the end for the sake of other tests."""
    module, provider, once = _SLOTS[0]
    trace.set_tracer_provider(theirs)
    try:
        yield
    finally:
        setattr(module, provider, None)
        setattr(module, once, type(getattr(module, once))())


def test_somebody_elses_sdk_provider_stays_and_its_spans_are_recorded_too(tmp_path: Path) -> None:
    theirs, kept = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    theirs.add_span_processor(SimpleSpanProcessor(kept))
    with foreign_provider(theirs):
        with otel.start(Config(service="test", home=tmp_path)) as telemetry:
            assert trace.get_tracer_provider() is theirs
            (notice,) = telemetry.notices
            assert "opentelemetry.sdk.trace.TracerProvider already is the global provider" in notice
            work()
            assert telemetry.force_flush(5)
        work("after")
    theirs.shutdown()
    assert [s.name for s in kept.get_finished_spans()] == ["job", "after"]
    with Store.open(tmp_path / "store.db") as store:
        assert [s.name for s in store.spans()] == ["job"], "nothing is taken after the end"
        assert [r.span_id for r in store.logs()] == [store.spans()[0].span_id]


def test_beside_a_provider_that_takes_no_processors_what_the_layer_watches_itself_is_recorded(
    tmp_path: Path,
) -> None:
    theirs = NoOpTracerProvider()
    with foreign_provider(theirs), otel.start(Config(service="test", home=tmp_path)) as telemetry:
        assert trace.get_tracer_provider() is theirs
        (notice,) = telemetry.notices
        assert "runs beside it" in notice
        work()
        assert telemetry.force_flush(5)
    with Store.open(tmp_path / "store.db") as store:
        assert store.spans() == ()
        assert [r.body for r in store.logs()] == ["a line of job"]


def test_a_second_start_shares_the_running_layer_and_says_so(tmp_path: Path) -> None:
    with recording() as outer:
        with otel.start(Config(service="inner", home=tmp_path)) as inner:
            assert inner.running
            assert inner.notices == (
                "telemetry already runs in this process; this start shares it and its settings",
            )
            work()
        work("after")
        assert [s.name for s in outer.spans()] == ["job", "after"]
    assert list(tmp_path.iterdir()) == []


def test_two_threads_that_start_at_once_share_one_layer(tmp_path: Path) -> None:
    both, done = threading.Barrier(2), threading.Barrier(2)
    notices: list[str] = []

    def run() -> None:
        both.wait(5)
        with otel.start(Config(service="test", home=tmp_path)) as telemetry:
            notices.extend(telemetry.notices)
            done.wait(5)
            work()
            done.wait(5)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notices) == 1


def test_a_folder_that_cannot_be_made_is_a_notice_and_the_block_runs(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with otel.start(Config(service="test", home=in_the_way / "home")) as telemetry:
        work()
        assert not telemetry.running
        (notice,) = telemetry.notices
        assert notice.startswith("telemetry is off: ")
        assert "home" in notice


def test_a_journal_that_is_damaged_is_set_aside_and_the_layer_runs(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"not a database" * 100)
    with otel.start(Config(service="test", home=tmp_path)) as telemetry:
        work()
        assert telemetry.force_flush(5)
    assert [path.name for path in tmp_path.glob("journal.db.damaged-*")] != []


def test_the_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    with otel.start(Config(service="test", home=tmp_path / "home")) as telemetry:
        work()
        assert telemetry.force_flush(5)
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_a_user_can_bring_a_destination(tmp_path: Path) -> None:
    mine = Scripted("mine")
    with otel.start(Config(service="test", home=tmp_path), extra=[mine]) as telemetry:
        work()
        assert telemetry.force_flush(5, destination="mine")
        assert mine.taken == ["job"]
    assert mine.closed


def test_flushing_says_no_for_what_was_refused_or_cannot_be_known(tmp_path: Path) -> None:
    refusing = Scripted("refusing", refuses=["job"])
    with otel.start(Config(service="test", home=tmp_path), extra=[refusing]) as telemetry:
        work("fine")
        assert telemetry.force_flush(5)
        assert not telemetry.force_flush(5, destination="nobody")
        work()
        assert not telemetry.force_flush(5, destination="refusing")
        assert telemetry.force_flush(5, destination="store")
    assert not telemetry.force_flush(0.1), "the journal is closed"


def test_flushing_tells_the_truth_in_time(tmp_path: Path) -> None:
    away = Scripted("away", *[Outcome.later("HTTP 503")] * 9)
    with otel.start(Config(service="test", home=tmp_path), extra=[away]) as telemetry:
        work()
        began = time.monotonic()
        assert not telemetry.force_flush(0.3)
        assert time.monotonic() - began < 1.0
        assert telemetry.force_flush(5, destination="store")
        (standing,) = (s for s in telemetry.status() if s.destination == "away")
        assert (standing.state, standing.reason, standing.queued) == ("later", "HTTP 503", 1)


@pytest.mark.slow
def test_leaving_takes_two_seconds_at_most_though_a_destination_hangs(
    server: FaultServer, tmp_path: Path
) -> None:
    server.always(hang())
    with ExitStack() as stack:
        stack.enter_context(otel.start(to(server, tmp_path, "store", "otlp")))
        work()
        assert server.wait_for(1)
        began = time.monotonic()
        stack.close()
        took = time.monotonic() - began
    server.release()
    assert took <= 2.0
    assert waits_in(tmp_path) >= 1
    with Store.open(tmp_path / "store.db") as store:
        assert [s.name for s in store.spans()] == ["job"], "the others were not held up"


def waits_in(home: Path) -> int:
    journal = Journal(home / "journal.db")
    try:
        return sum(s.queued for s in journal.standings())
    finally:
        journal.close()


@pytest.mark.parametrize("fault", ["refused", "503", "401"])
def test_what_was_not_delivered_is_delivered_by_the_next_run(
    server: FaultServer, tmp_path: Path, fault: str
) -> None:
    if fault == "refused":
        server.refuse()
    else:
        server.always(status(int(fault)))
    with otel.start(to(server, tmp_path)):
        work("first")
    assert server.spans() == ()
    if fault == "refused":
        server.accept()
    server.always(ok())
    with otel.start(to(server, tmp_path)) as telemetry:
        work("second")
        assert telemetry.force_flush(5)
        assert waits_in(tmp_path) == 0
    assert [s.name for s in server.spans()] == ["first", "second"]


def test_a_destination_added_later_receives_the_backlog(server: FaultServer, tmp_path: Path) -> None:
    with otel.start(Config(service="test", home=tmp_path)):
        work("before")
    with otel.start(to(server, tmp_path, "store", "otlp")) as telemetry:
        assert telemetry.force_flush(5)
    assert [s.name for s in server.spans()] == ["before"]


@pytest.mark.slow
def test_what_a_killed_process_left_behind_is_delivered_at_once_by_the_next(
    server: FaultServer, tmp_path: Path
) -> None:
    """Its lease dies with it, so the next process need not wait for the end of that."""
    server.always(status(503))
    with subprocess.Popen(
        [sys.executable, "-c", LIVE_ON, str(tmp_path), server.url],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert server.wait_for(1)
        process.kill()
    server.always(ok())
    with otel.start(to(server, tmp_path)) as telemetry:
        assert telemetry.force_flush(5)
    assert "before the kill" in [s.name for s in server.spans()]


def test_many_threads_may_speak_at_once() -> None:
    with recording() as running:

        def often() -> None:
            for _ in range(20):
                work()

        threads = [threading.Thread(target=often) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(running.spans()), len(running.logs())) == (160, 160)


def test_dollars_are_counted_in_buckets_of_cents(tmp_path: Path) -> None:
    """The SDK's own buckets begin at five dollars and would put every model call into one."""
    mine = Scripted("mine", signals=frozenset({Signal.METRICS_CUMULATIVE}))
    with otel.start(Config(service="test", home=tmp_path), extra=[mine]):
        histogram = metrics.get_meter("pydantic-ai").create_histogram("operation.cost", "{USD}")
        for dollars in (0.0004, 0.004, 0.04):
            histogram.record(dollars)
    request = ExportMetricsServiceRequest.FromString(b"".join(batch.payload for batch in mine.offered))
    found = [m for group in request.resource_metrics for scope in group.scope_metrics for m in scope.metrics]
    (point,) = (
        p for metric in found if metric.name == "operation.cost" for p in metric.histogram.data_points
    )
    assert sum(count > 0 for count in point.bucket_counts) == 3


def test_the_public_names_are_these() -> None:
    assert otel.__all__ == sorted(otel.__all__)
    assert all(hasattr(otel, name) for name in otel.__all__)


def test_the_trusted_propagator_is_in_place_while_the_layer_runs() -> None:
    with recording():
        assert isinstance(propagate.get_global_textmap(), TrustedPropagator)
    assert not isinstance(propagate.get_global_textmap(), TrustedPropagator)


class Unwelcome:
    """The journal fails when it is asked what this wants."""

    name = "unwelcome"
    max_bytes = 1024
    closed = False

    @property
    def signals(self) -> frozenset[Signal]:
        raise JournalError("no place for it")

    def deliver(self, batch: Batch) -> Outcome:
        return Outcome.delivered()

    def close(self) -> None:
        self.closed = True


def test_a_journal_that_fails_half_way_is_a_notice_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = ProcessState.take()
    mine = Unwelcome()
    with otel.start(Config(service="test", home=tmp_path), extra=[mine]) as telemetry:
        assert telemetry.notices == ("telemetry is off: no place for it",)
        assert list(before.changes()) == []
        work()
    assert mine.closed
