"""Sends a test span through a destination, and reads it back where that can be done."""

import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal
from otel.config import Config
from otel.destination import Destination, Verdict
from otel.destinations import DESTINATIONS
from otel.doctor.finding import Finding, fault, note, well
from otel.errors import StoreError
from otel.store.queries import Store

TEST_SPAN = "test span"
SPAN_NAME = "otel.doctor"


def test_spans(config: Config, kind: str) -> Iterator[Finding]:
    """One through each destination of a kind; those of this machine get theirs in a folder that goes away when there
    is none yet."""
    with tempfile.TemporaryDirectory() as folder:
        here = config if config.home.is_dir() else replace(config, home=Path(folder))
        for destination in DESTINATIONS[kind](here):
            try:
                yield _test_span(here, destination)
            finally:
                destination.close()


def _test_span(config: Config, destination: Destination) -> Finding:
    if Signal.TRACES not in destination.signals:
        return note(TEST_SPAN, f"{destination.name} takes no traces, so it was sent none")
    trace_id = secrets.token_bytes(16)
    outcome = destination.deliver(_batch(config, trace_id))
    if outcome.verdict is not Verdict.DELIVERED or outcome.rejected:
        said = outcome.reason or f"{outcome.rejected} rejected"
        return fault(
            TEST_SPAN,
            f"{destination.name} did not take a test span ({outcome.verdict}): {said}",
            "mend what it names; what is sent meanwhile waits in the journal",
        )
    if destination.name == "store" and not _is_there(config, trace_id.hex()):
        return fault(
            TEST_SPAN, "store took a test span and does not have it", "move store.db aside and start again"
        )
    return well(TEST_SPAN, f"{destination.name} took one")


def _batch(config: Config, trace_id: bytes) -> Batch:
    now = time.time_ns()
    span = {
        "trace_id": trace_id,
        "span_id": secrets.token_bytes(8),
        "name": SPAN_NAME,
        "start_time_unix_nano": now - 1_000_000,
        "end_time_unix_nano": now,
    }
    service = {"key": "service.name", "value": {"string_value": config.service}}
    groups: Sequence[object] = [{"resource": {"attributes": [service]}, "scope_spans": [{"spans": [span]}]}]
    payload = ExportTraceServiceRequest(resource_spans=groups).SerializeToString()  # type: ignore[arg-type]
    return Batch(Signal.TRACES, payload, 1)


def _is_there(config: Config, trace_id: str) -> bool:
    try:
        with Store.open(config.home / "store.db") as store:
            return any(span.name == SPAN_NAME for span in store.spans(trace_id))
    except StoreError:
        return False
