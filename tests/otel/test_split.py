"""A request is cut into two that together say exactly the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal, join
from otel.split import halves
from tests.otel.making import log, logs, named, names, pairs, points, span, spans

PATHS: dict[Signal, tuple[Any, str, str, str]] = {
    Signal.TRACES: (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
    Signal.LOGS: (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
    Signal.METRICS_CUMULATIVE: (ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics"),
}


def items(batch: Batch) -> list[tuple[bytes, ...]]:
    """Every item as bytes, below the bytes of what describes it."""
    request_type, resources, scopes, leaves = PATHS[batch.signal]
    found: list[tuple[bytes, ...]] = []
    for resource in getattr(request_type.FromString(batch.payload), resources):
        for scope in getattr(resource, scopes):
            for leaf in getattr(scope, leaves):
                about = (resource.resource.SerializeToString(), scope.scope.SerializeToString())
                if batch.signal is Signal.METRICS_CUMULATIVE:
                    found += [
                        (*about, leaf.name.encode(), p.SerializeToString()) for p in leaf.sum.data_points
                    ]
                else:
                    found.append((*about, leaf.SerializeToString()))
    return found


def rich_span(name: str) -> dict[str, Any]:
    return span(
        name,
        attributes={"deep": {"er": [1, 2.5, b"\x00\xff"]}},
        events=[{"name": "e", "attributes": pairs({"k": "v"})}],
        links=[{"trace_id": b"\x01" * 16, "span_id": b"\x02" * 8}],
    )


JOINED = {
    "spans of three resources": join(
        [
            spans(rich_span("a"), rich_span("b"), resource={"service.name": "one"}),
            spans(rich_span("c"), resource={"service.name": "two"}),
            spans(rich_span("d"), rich_span("e"), rich_span("f"), resource={"service.name": "three"}),
        ]
    ),
    "logs": join([logs(log("a"), log({"b": [1]})), logs(log("c"))]),
    "points of several metrics": join([points(1, 2, 3, name="x"), points(4, name="y"), points(5, 6)]),
}


@pytest.mark.parametrize("batch", JOINED.values(), ids=JOINED)
def test_two_halves_hold_every_item_once_in_order_below_its_own_resource(batch: Batch) -> None:
    cut = halves(batch)
    assert cut is not None
    first, second = cut
    assert items(first) + items(second) == items(batch)
    assert (first.items, second.items) == (batch.items // 2, batch.items - batch.items // 2)
    assert (len(items(first)), len(items(second))) == (first.items, second.items)


@pytest.mark.parametrize("batch", JOINED.values(), ids=JOINED)
def test_cutting_again_and_again_ends_with_single_items(batch: Batch) -> None:
    waiting, single = [batch], []
    while waiting:
        part = waiting.pop(0)
        cut = halves(part)
        if cut is None:
            single.append(part)
        else:
            waiting = [*cut, *waiting]
    assert [part.items for part in single] == [1] * batch.items
    assert [item for part in single for item in items(part)] == items(batch)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6))
def test_any_grouping_can_be_cut(sizes: list[int]) -> None:
    groups = [named(*(f"{group}-{n}" for n in range(size))) for group, size in enumerate(sizes)]
    whole = join(groups)
    cut = halves(whole)
    if sum(sizes) == 1:
        assert cut is None
    else:
        assert cut is not None
        assert [name for half in cut for name in names(half)] == names(whole)


def test_a_field_that_this_version_does_not_know_is_kept() -> None:
    unknown = b"\xfa\x3f\x03new"  # field 1023, three bytes
    batch = named("a", "b")
    cut = halves(Batch(batch.signal, batch.payload + unknown, 2))
    assert cut is not None
    assert all(half.payload.endswith(unknown) for half in cut)


@pytest.mark.parametrize(
    "batch",
    [named("alone"), Batch(Signal.LOGS, b"", 0), Batch(Signal.TRACES, b"\xff\xff", 5), points(1)],
    ids=["one span", "nothing", "no telemetry", "one point"],
)
def test_what_has_no_two_items_is_not_cut(batch: Batch) -> None:
    assert halves(batch) is None
