"""Batches can be joined without being decoded."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otel.batch import Signal, join
from tests.otel.making import log, logs, names, points, span, spans


def test_joined_spans_are_the_spans_of_both() -> None:
    joined = join([spans(span("a"), span("b", 2)), spans(span("c", 3))])
    assert names(joined) == ["a", "b", "c"]
    assert (joined.signal, joined.items) == (Signal.TRACES, 3)


def test_joined_logs_and_points_are_those_of_both() -> None:
    records = ExportLogsServiceRequest.FromString(join([logs(log("a")), logs(log("b"))]).payload)
    assert [g.scope_logs[0].log_records[0].body.string_value for g in records.resource_logs] == ["a", "b"]
    request = ExportMetricsServiceRequest.FromString(join([points(1, 2), points(3)]).payload)
    numbers = [
        p.as_int for g in request.resource_metrics for p in g.scope_metrics[0].metrics[0].sum.data_points
    ]
    assert numbers == [1, 2, 3]


def test_different_signals_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="too many values"):
        join([spans(span("a")), logs(log("b"))])
