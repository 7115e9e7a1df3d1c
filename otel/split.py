"""Cuts an encoded OTLP request into two that together say exactly the same.

Items keep their order and everything in them; resource, scope and, for metrics, the description of the metric are
repeated in both halves where both need them.
"""

from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal

# From the request down to its items. What a level holds beside its list (resource, scope, name, unit) is kept.
_METRICS = (ExportMetricsServiceRequest, ("resource_metrics", "scope_metrics", "metrics", "data_points"))
_SHAPES: dict[Signal, tuple[Any, tuple[str, ...]]] = {
    Signal.TRACES: (ExportTraceServiceRequest, ("resource_spans", "scope_spans", "spans")),
    Signal.LOGS: (ExportLogsServiceRequest, ("resource_logs", "scope_logs", "log_records")),
    Signal.METRICS_DELTA: _METRICS,
    Signal.METRICS_CUMULATIVE: _METRICS,
}


def halves(batch: Batch) -> tuple[Batch, Batch] | None:
    """The first and the second half of the items; None when there is only one, or no telemetry in it at all."""
    request_type, path = _SHAPES[batch.signal]
    try:
        first, second = request_type.FromString(batch.payload), request_type.FromString(batch.payload)
    except DecodeError:
        return None
    items = _count(first, path)
    if items < 2:
        return None
    middle = items // 2
    _keep(first, path, 0, middle)
    _keep(second, path, middle, items)
    return (
        Batch(batch.signal, first.SerializeToString(), middle),
        Batch(batch.signal, second.SerializeToString(), items - middle),
    )


def _keep(node: Any, path: tuple[str, ...], first: int, last: int) -> None:
    """Leave only the items numbered `first` to `last` (not included) below a node, and no group without any."""
    children, below = _children(node, path[0]), path[1:]
    if not below:
        del children[last:]
        del children[:first]
        return
    seen, without = 0, []
    for index, child in enumerate(children):
        size = _count(child, below)
        low, high = max(first - seen, 0), min(last - seen, size)
        if low < high:
            _keep(child, below, low, high)
        else:
            without.append(index)
        seen += size
    for index in reversed(without):
        del children[index]


def _count(node: Any, path: tuple[str, ...]) -> int:
    children, below = _children(node, path[0]), path[1:]
    return sum(_count(child, below) for child in children) if below else len(children)


def _children(node: Any, name: str) -> Any:
    """A metric's points are held by its data, whichever kind that is; one without data has none."""
    if name == "data_points":
        node = getattr(node, node.WhichOneof("data") or "gauge")
    return getattr(node, name)
