"""Reads what an OTLP endpoint answers, over HTTP or gRPC: how many items it did not take, and what it says."""

import contextlib
from typing import assert_never

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel.batch import Signal
from otel.redaction import Redactor


def fit_to_show(content: bytes, redactor: Redactor) -> str:
    """What the other side says: short, printable, and without the key that it may echo."""
    text = redactor.text(content[:1000].decode("utf-8", "replace"))[:200]
    return "".join(character if character.isprintable() else " " for character in text).strip()


def partial_success(signal: Signal, content: bytes) -> tuple[int, str]:
    """How many items an accepting answer says were not taken, and why. A body that is no protobuf says nothing."""
    with contextlib.suppress(DecodeError):
        match signal:
            case Signal.TRACES:
                spans = ExportTraceServiceResponse.FromString(content).partial_success
                return spans.rejected_spans, spans.error_message
            case Signal.LOGS:
                records = ExportLogsServiceResponse.FromString(content).partial_success
                return records.rejected_log_records, records.error_message
            case Signal.METRICS_DELTA | Signal.METRICS_CUMULATIVE:
                points = ExportMetricsServiceResponse.FromString(content).partial_success
                return points.rejected_data_points, points.error_message
            case _:
                assert_never(signal)
    return 0, ""
