"""Removes secrets from an OTLP request before it is stored or sent, whichever signal it is.

Three kinds of rule, applied to every string wherever it stands (names, keys, attributes, events, status, log bodies,
scope, resource): attributes whose *key* names a credential, known *values* of this process in the encodings they
travel in (`otel.secrets`), and the *shape* of tokens, bearer headers, key blocks and credentials in addresses. The
mark names the rule, never the match. All patterns are linear, so a long or pathological string costs time in
proportion to its length.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ahocorasick_rs import BytesAhoCorasick, Implementation
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel.secrets import KnownSecrets, skeleton

Request = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest

_KEY = re.compile(
    r"(?:^|[._\-\s])(?:(?:proxy[-_])?authorization|(?:set[-_])?cookie|(?:x[-_])?api[-_]?key|client[-_]?secret|secret"
    r"|password|passwd|private[-_]?key(?:[-_]pem)?|(?:access|refresh|auth|bearer|id)[-_]?token|token"
    r"|kalshi[-_]access[-_](?:key|signature|timestamp))$",
    re.IGNORECASE,
)
# What tells a credential from a word after "bearer" or "authorization": a digit, padding or an inner capital.
_NO_WORD = r"(?=[A-Za-z0-9+/=._~\-]{0,255}?(?:[0-9=]|[a-z][A-Z]))"
_CREDENTIAL = rf"{_NO_WORD}[A-Za-z0-9+/=._~\-]{{8,4096}}"
_ASSIGN = r"\\{0,4}[\"']?\s{0,4}[:=]\s{0,4}\\{0,4}[\"']?"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a kind of credential looks like. No text matches `pattern` that holds none of `hints`, in any case."""

    name: str
    hints: tuple[str, ...]
    pattern: str


_SHAPES = (
    _Shape(
        "key-block",
        ("private key",),
        r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]{0,8192}(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
    ),
    _Shape("logfire-token", ("pylf_v",), r"pylf_v\d{1,3}_[A-Za-z0-9_]{8,200}"),
    _Shape("api-key", ("sk-", "fw_"), r"\bsk-[A-Za-z0-9_\-]{16,200}|\bfw_[A-Za-z0-9]{16,200}"),
    _Shape("bearer", ("bearer", "basic"), rf"(?i:\b(?:bearer|basic)\s{{1,4}}){_CREDENTIAL}"),
    # has no hint: `_USER_IN_ADDRESS` is looked for instead
    _Shape("userinfo", (), r"(?<=://)[^\s/@:\"'<>]{1,256}:[^\s/@\"'<>]{1,256}(?=@)"),
    _Shape(
        "query",
        ("key=", "token=", "secret=", "signature=", "password=", "auth="),
        r"(?<=[?&])(?i:[a-z_\-]{0,24}(?:api_?key|token|secret|signature|password|auth))=(?!REDACTED\b)[^&\s\"'<>#]{1,4096}",
    ),
    _Shape(
        "header",
        ("kalshi-access", "x-api-key", "authorization", "cookie"),
        rf"(?i:\b(?:kalshi-access-(?:key|signature|timestamp)|x-api-key)){_ASSIGN}[^\s\"',;}}\\]{{4,4096}}"
        rf"|(?i:\bauthorization){_ASSIGN}(?:[A-Za-z]{{1,16}}\s{{1,4}})?{_CREDENTIAL}"
        rf"|(?i:\b(?:set-)?cookie){_ASSIGN}[^\s=;,\"'\\]{{1,256}}=[^;\s\"'\\]{{1,4096}}"
        r"(?:;\s{0,4}[^;\s\"'\\]{1,4096}){0,64}",
    ),
)
_USER_IN_ADDRESS = re.compile(rb"://[^\s/@:\"'<>]{1,256}:[^\s/@\"'<>]{1,256}@")
# How a key that names a credential ends in an encoded attribute: its last letters, then the tag of the value.
_KEY_ENDINGS = tuple(
    ending.encode() + b"\x12"
    for ending in (
        *("authorization", "cookie", "api_key", "api-key", "apikey", "secret", "password", "passwd", "token"),
        *("private_key", "private-key", "privatekey", "key_pem", "key-pem"),
        *("access_key", "access-key", "access_signature", "access-signature"),
        *("access_timestamp", "access-timestamp"),
    )
)


class Redactor:
    """Knows the secret values of this process. Immutable; safe from any thread.

    Most batches hold nothing to remove, and looking costs far less than reading every string: one pass of an
    Aho-Corasick automaton over the encoded bytes tells whether anything in them could be a secret. Only then is the
    request gone through string by string."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._known = KnownSecrets(secrets)
        hints = [(skeleton(hint.encode()), shape) for shape in _SHAPES for hint in shape.hints]
        known = sorted(self._known.beginnings)
        self._shape_of = [*(shape for _, shape in hints), *(None for _ in known)]
        needles = [*(hint for hint, _ in hints), *known]
        self._in_text = BytesAhoCorasick(needles, implementation=Implementation.DFA)
        self._in_request = BytesAhoCorasick(
            [*needles, *map(skeleton, _KEY_ENDINGS)], implementation=Implementation.DFA
        )

    def encoded(self, request: Request) -> bytes:
        """The request as bytes without secrets; the request itself may be changed."""
        payload: bytes = request.SerializeToString()
        if not (
            self._known.boneless
            or self._in_request.find_matches_as_indexes(skeleton(payload))
            or _USER_IN_ADDRESS.search(payload)
        ):
            return payload
        self.request(request)
        cleaned: bytes = request.SerializeToString()
        return cleaned

    def text(self, text: str) -> str:
        """`text` with every secret replaced by a mark."""
        content = text.encode("utf-8", "replace")
        found = self._in_text.find_matches_as_indexes(skeleton(content), overlapping=True)
        shapes = {self._shape_of[index] for index, _, _ in found}
        if None in shapes or self._known.boneless:
            text = self._known.removed(text)
        names = [
            shape.name
            for shape in _SHAPES
            if shape in shapes or (not shape.hints and _USER_IN_ADDRESS.search(content))
        ]
        return _pattern(tuple(names)).sub(_mark, text) if names else text

    def request(self, request: Request) -> None:
        """Clean an OTLP request in place."""
        match request:
            case ExportTraceServiceRequest():
                self._traces(request)
            case ExportLogsServiceRequest():
                self._logs(request)
            case ExportMetricsServiceRequest():
                self._metrics(request)

    def _traces(self, request: ExportTraceServiceRequest) -> None:
        for group in request.resource_spans:
            self._group(group)
            for scope in group.scope_spans:
                self._scope(scope)
                for span in scope.spans:
                    self._span(span)

    def _span(self, span: Span) -> None:
        self._strings(span, "name", "trace_state")
        self._strings(span.status, "message")
        self._attributes(span.attributes)
        for event in span.events:
            self._strings(event, "name")
            self._attributes(event.attributes)
        for link in span.links:
            self._strings(link, "trace_state")
            self._attributes(link.attributes)

    def _logs(self, request: ExportLogsServiceRequest) -> None:
        for group in request.resource_logs:
            self._group(group)
            for scope in group.scope_logs:
                self._scope(scope)
                for record in scope.log_records:
                    self._strings(record, "event_name", "severity_text")
                    self._value(record.body)
                    self._attributes(record.attributes)

    def _metrics(self, request: ExportMetricsServiceRequest) -> None:
        for group in request.resource_metrics:
            self._group(group)
            for scope in group.scope_metrics:
                self._scope(scope)
                for metric in scope.metrics:
                    self._metric(metric)

    def _metric(self, metric: Metric) -> None:
        self._strings(metric, "name", "description", "unit")
        self._attributes(metric.metadata)
        for point in getattr(metric, metric.WhichOneof("data") or "gauge").data_points:
            self._attributes(point.attributes)
            for exemplar in getattr(point, "exemplars", ()):
                self._attributes(exemplar.filtered_attributes)

    def _group(self, group: Any) -> None:
        """What spans, records and metrics of one resource share."""
        self._strings(group, "schema_url")
        self._attributes(group.resource.attributes)

    def _scope(self, group: Any) -> None:
        scope: InstrumentationScope = group.scope
        self._strings(group, "schema_url")
        self._strings(scope, "name", "version")
        self._attributes(scope.attributes)

    def _strings(self, message: Any, *fields: str) -> None:
        for field in fields:
            before = getattr(message, field)
            if before and (clean := self.text(before)) != before:
                setattr(message, field, clean)

    def _attributes(self, attributes: Iterable[KeyValue]) -> None:
        for pair in attributes:
            self._strings(pair, "key")
            if _KEY.search(pair.key):
                pair.value.Clear()
                pair.value.string_value = "[redacted: key]"
            else:
                self._value(pair.value)

    def _value(self, value: AnyValue) -> None:
        match value.WhichOneof("value"):
            case "string_value":
                clean = self.text(value.string_value)
                if clean != value.string_value:
                    value.string_value = clean
            case "array_value":
                for item in value.array_value.values:
                    self._value(item)
            case "kvlist_value":
                self._attributes(value.kvlist_value.values)
            case "bytes_value":
                text = value.bytes_value.decode("utf-8", "replace")
                if (clean := self.text(text)) != text:
                    value.bytes_value = clean.encode()


@lru_cache(maxsize=128)  # every choice of seven shapes
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """The shapes of these names as one pattern: the leftmost match wins, as if all were looked for at once."""
    return re.compile("|".join(f"(?P<{_group(s.name)}>{s.pattern})" for s in _SHAPES if s.name in names))


def _mark(match: re.Match[str]) -> str:
    return f"[redacted: {(match.lastgroup or '').replace('_', '-')}]"


def _group(name: str) -> str:
    return name.replace("-", "_")
