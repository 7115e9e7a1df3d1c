"""Adds the attributes that Logfire's pages show and filter by, which its own SDK sets and plain OpenTelemetry lacks."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel.batch import Batch, Signal

MESSAGE, LEVEL = "logfire.msg", "logfire.level_num"
ERROR = 17
_FAILED = Status(code=Status.STATUS_CODE_ERROR).SerializeToString()
_HINTS = (b"http.request.method", _FAILED)
"""A batch without any of these has nothing to add; looking for them costs far less than decoding."""


def for_display(batch: Batch) -> Batch:
    """The same spans; HTTP requests with a message, failures with a level. What is set already stays.

    Raises DecodeError for bytes that are no telemetry."""
    if batch.signal is not Signal.TRACES or not any(hint in batch.payload for hint in _HINTS):
        return batch
    request = ExportTraceServiceRequest.FromString(batch.payload)
    for resource in request.resource_spans:
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            _complete(span)
    return Batch(batch.signal, request.SerializeToString(), batch.items)


def _complete(span: Span) -> None:
    attributes = {pair.key: pair.value for pair in span.attributes}
    method = attributes.get("http.request.method")
    if method is not None and MESSAGE not in attributes:
        _add(span, MESSAGE, string_value=_message(span, method.string_value, attributes.get("url.full")))
    if LEVEL not in attributes and _failed(span, attributes):
        _add(span, LEVEL, int_value=ERROR)


def _message(span: Span, method: str, address: AnyValue | None) -> str:
    """Method, host and path, as Logfire's own SDK puts it; never the query. The span's name without an address."""
    try:
        parts = urlsplit(address.string_value if address is not None else "")
    except ValueError:
        return str(span.name)
    host = parts.netloc.rpartition("@")[2]
    return f"{method} {host}{parts.path}" if host else str(span.name)


def _failed(span: Span, attributes: Mapping[str, AnyValue]) -> bool:
    answered = attributes.get("http.response.status_code")
    refused = answered is not None and answered.int_value >= 400 and span.kind == Span.SPAN_KIND_CLIENT
    return refused or span.status.code == Status.STATUS_CODE_ERROR


def _add(span: Span, key: str, **value: Any) -> None:
    span.attributes.add(key=key).value.CopyFrom(AnyValue(**value))
