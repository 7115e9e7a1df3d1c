"""Says what in telemetry is content (what people, models and tools said), and takes it out.

Content is named by the table below; everything else (ids, names, times, tokens, dollars, status codes) describes what
happened and stays. Content that is masked keeps its shape: who spoke, which tool, how long the text was.
"""

import json
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel.batch import Batch, Signal
from otel.config import Content


class Kind(Enum):
    """How a piece of content is built, hence what is left of it when its texts are replaced by their length."""

    MESSAGES = auto()
    """A list of messages or parts: roles, types, names and ids are structure."""
    VALUE = auto()
    """Anything: an argument, a result, a text."""
    ADDRESS = auto()
    """Stays without its query."""


CONTENT: dict[str, Kind] = {
    "gen_ai.input.messages": Kind.MESSAGES,
    "gen_ai.output.messages": Kind.MESSAGES,
    "gen_ai.system_instructions": Kind.MESSAGES,
    "gen_ai.tool.definitions": Kind.MESSAGES,
    "pydantic_ai.all_messages": Kind.MESSAGES,
    "all_messages_events": Kind.MESSAGES,
    "events": Kind.MESSAGES,
    "gen_ai.prompt": Kind.VALUE,
    "gen_ai.completion": Kind.VALUE,
    "gen_ai.tool.call.arguments": Kind.VALUE,
    "gen_ai.tool.call.result": Kind.VALUE,
    "gen_ai.tool.description": Kind.VALUE,
    "gen_ai.agent.description": Kind.VALUE,
    "gen_ai.evaluation.explanation": Kind.VALUE,
    "tool_arguments": Kind.VALUE,
    "tool_response": Kind.VALUE,
    "final_result": Kind.VALUE,
    "model_request_parameters": Kind.VALUE,
    "metadata": Kind.VALUE,
    "pydantic_ai.variable_instructions": Kind.VALUE,
    "pydantic_ai.tool.retry.cause": Kind.VALUE,
    "pydantic_ai.output.retry.cause": Kind.VALUE,
    "pydantic_ai.tool.deferral.metadata": Kind.VALUE,
    "logfire.msg": Kind.VALUE,
    "exception.message": Kind.VALUE,
    "exception.stacktrace": Kind.VALUE,
    "db.statement": Kind.VALUE,
    "db.query.text": Kind.VALUE,
    "http.request.body": Kind.VALUE,
    "http.response.body": Kind.VALUE,
    "url.query": Kind.VALUE,
    "url.full": Kind.ADDRESS,
    "http.url": Kind.ADDRESS,
    "http.target": Kind.ADDRESS,
}
BEGINNINGS: dict[str, Kind] = {
    "gen_ai.prompt.": Kind.VALUE,
    "gen_ai.completion.": Kind.VALUE,
    "db.query.parameter.": Kind.VALUE,
    "http.request.header.": Kind.VALUE,
    "http.response.header.": Kind.VALUE,
}
_STRUCTURE = ("role", "type", "name", "id", "finish_reason", "kind", "modality", "mime_type")
_BELOW = ("parts", "messages")

Transform: TypeAlias = Callable[[Batch], Batch]
"""What a destination that wants less or other is handed in place of a batch; the same for the same batch."""


def limited(content: Content) -> Transform | None:
    """The transform that leaves so much; None when everything stays. It raises DecodeError for bytes that are no
    telemetry."""
    if content is Content.FULL:
        return None
    mask = _outline if content is Content.REDACTED else _remove
    return lambda batch: _without_content(batch, mask)


Mask: TypeAlias = Callable[[AnyValue, Kind], None]


def _without_content(batch: Batch, mask: Mask) -> Batch:
    match batch.signal:
        case Signal.TRACES:
            request = _traces(ExportTraceServiceRequest.FromString(batch.payload), mask)
        case Signal.LOGS:
            request = _logs(ExportLogsServiceRequest.FromString(batch.payload), mask)
        case _:
            return batch  # points are numbers, and their attributes are few and fixed
    return Batch(batch.signal, request.SerializeToString(), batch.items)


def _traces(request: ExportTraceServiceRequest, mask: Mask) -> Any:
    for resource in request.resource_spans:
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            _attributes(span.attributes, mask)
            for part in (*span.events, *span.links):
                _attributes(part.attributes, mask)
            if span.status.message:  # the text of an exception
                message = AnyValue(string_value=span.status.message)
                mask(message, Kind.VALUE)
                span.status.message = message.string_value
    return request


def _logs(request: ExportLogsServiceRequest, mask: Mask) -> Any:
    for resource in request.resource_logs:
        for record in (record for scope in resource.scope_logs for record in scope.log_records):
            _attributes(record.attributes, mask)
            if record.HasField("body"):
                mask(record.body, Kind.VALUE)
    return request


def _attributes(attributes: Any, mask: Mask) -> None:
    for index in range(len(attributes) - 1, -1, -1):
        pair: KeyValue = attributes[index]
        kind = kind_of(pair.key)
        if kind is None:
            continue
        mask(pair.value, kind)
        if pair.value.WhichOneof("value") is None:
            del attributes[index]


def kind_of(key: str) -> Kind | None:
    """What an attribute of this name holds; None when it is no content."""
    found = CONTENT.get(key)
    if found is None and key.startswith(tuple(BEGINNINGS)):
        found = next(kind for beginning, kind in BEGINNINGS.items() if key.startswith(beginning))
    return found


def _remove(value: AnyValue, kind: Kind) -> None:
    if kind is Kind.ADDRESS:
        _cut_query(value)
    else:
        value.Clear()


def _outline(value: AnyValue, kind: Kind) -> None:
    match value.WhichOneof("value"):
        case _ if kind is Kind.ADDRESS:
            _cut_query(value)
        case "string_value":
            value.string_value = _outlined(value.string_value, kind)
        case "array_value":
            for item in value.array_value.values:
                _outline(item, kind)
        case "kvlist_value":
            _outline_pairs(value.kvlist_value.values, kind)
        case "bytes_value":
            value.string_value = f"[{len(value.bytes_value)} bytes]"
        case "int_value" | "double_value":
            value.string_value = "[number]"


def _outline_pairs(pairs: Iterable[KeyValue], kind: Kind) -> None:
    for pair in pairs:
        if kind is Kind.MESSAGES and pair.key in _STRUCTURE:
            continue
        _outline(pair.value, Kind.MESSAGES if kind is Kind.MESSAGES and pair.key in _BELOW else Kind.VALUE)


def _cut_query(value: AnyValue) -> None:
    try:
        scheme, host, path, _, _ = urlsplit(value.string_value)
        value.string_value = urlunsplit((scheme, host.rpartition("@")[2], path, "", ""))
    except ValueError:
        value.Clear()


def _outlined(text: str, kind: Kind) -> str:
    """Messages, arguments and results travel as JSON in a string; its shape stays."""
    if text[:1] in ("[", "{"):
        try:
            return json.dumps(_shape(json.loads(text), kind), ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
    return f"[{len(text)} characters]"


def _shape(value: Any, kind: Kind) -> Any:
    match value:
        case str():
            return f"[{len(value)} characters]"
        case bool() | None:
            return value
        case int() | float():
            return "[number]"
        case list():
            return [_shape(item, kind) for item in value]
        case _:
            return {key: _shape_of_field(key, item, kind) for key, item in value.items()}


def _shape_of_field(key: str, value: Any, kind: Kind) -> Any:
    if kind is Kind.MESSAGES and key in _STRUCTURE and isinstance(value, str):
        return value
    return _shape(value, Kind.MESSAGES if kind is Kind.MESSAGES and key in _BELOW else Kind.VALUE)
