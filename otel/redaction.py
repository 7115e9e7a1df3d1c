"""Removes secrets from an OTLP request before it is stored or sent, whichever signal it is.

Three kinds of rule, applied to every string wherever it stands (names, attributes, events, status, log bodies,
resource): attributes whose *key* names a credential, known *values* of this process in the encodings they travel
in, and the *shape* of tokens, bearer headers, key blocks and credentials in addresses. The mark names the rule,
never the match. All patterns are linear, so a long or pathological string costs time in proportion to its length.
"""

import base64
import json
import re
from collections.abc import Collection, Iterable
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Request = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest

SHORTEST_SECRET = 8
"""Shorter values are not searched for: they would hit ordinary words."""

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
_SHAPES: tuple[tuple[str, str], ...] = (
    (
        "key-block",
        r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]{0,8192}(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
    ),
    ("logfire-token", r"pylf_v\d{1,3}_[A-Za-z0-9_]{8,200}"),
    ("api-key", r"\bsk-[A-Za-z0-9_\-]{16,200}|\bfw_[A-Za-z0-9]{16,200}"),
    ("bearer", rf"(?i:\b(?:bearer|basic)\s{{1,4}}){_CREDENTIAL}"),
    ("userinfo", r"(?<=://)[^\s/@:\"'<>]{1,256}:[^\s/@\"'<>]{1,256}(?=@)"),
    (
        "query",
        r"(?<=[?&])(?i:[a-z_\-]{0,24}(?:api_?key|token|secret|signature|password|auth))=(?!REDACTED\b)[^&\s\"'<>#]{1,4096}",
    ),
    (
        "header",
        (
            rf"(?i:\b(?:kalshi-access-(?:key|signature|timestamp)|x-api-key)){_ASSIGN}[^\s\"',;}}\\]{{4,4096}}"
            rf"|(?i:\bauthorization){_ASSIGN}(?:[A-Za-z]{{1,16}}\s{{1,4}})?{_CREDENTIAL}"
            rf"|(?i:\b(?:set-)?cookie){_ASSIGN}[^\s=;,\"'\\]{{1,256}}=[^;\s\"'\\]{{1,4096}}"
            r"(?:;\s{0,4}[^;\s\"'\\]{1,4096}){0,64}"
        ),
    ),
)
# No shape matches a text that holds none of these, in any case of letters, and is no address with a user in it.
_HINTS = (
    *(
        "private key",
        "pylf_v",
        "sk-",
        "fw_",
        "bearer",
        "basic",
        "kalshi-access",
        "x-api-key",
        "authorization",
    ),
    *("cookie", "key=", "token=", "secret=", "signature=", "password=", "auth="),
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
        known = sorted({v for s in secrets for v in _variants(s)}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None
        self._shapes = re.compile("|".join(f"(?P<s{i}>{p})" for i, (_, p) in enumerate(_SHAPES)))
        hints = {text.encode("utf-8", "replace").lower() for text in (*known, *_HINTS)}
        self._in_text = BytesAhoCorasick(sorted(hints))
        self._in_request = BytesAhoCorasick(sorted(hints | set(_KEY_ENDINGS)))

    def encoded(self, request: Request) -> bytes:
        """The request as bytes without secrets; the request itself may be changed."""
        payload: bytes = request.SerializeToString()
        if not _may_hold(self._in_request, payload):
            return payload
        self.request(request)
        cleaned: bytes = request.SerializeToString()
        return cleaned

    def text(self, text: str) -> str:
        """`text` with every secret replaced by a mark."""
        if not _may_hold(self._in_text, text.encode("utf-8", "replace")):
            return text
        if self._known is not None:
            text = self._known.sub("[redacted: known secret]", text)
        return self._shapes.sub(_mark, text)

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
        for resource in request.resource_spans:
            self._attributes(resource.resource.attributes)
            for span in (s for scope in resource.scope_spans for s in scope.spans):
                span.name = self.text(span.name)
                self._attributes(span.attributes)
                for event in span.events:
                    event.name = self.text(event.name)
                    self._attributes(event.attributes)
                for link in span.links:
                    self._attributes(link.attributes)
                if span.status.message:
                    span.status.message = self.text(span.status.message)

    def _logs(self, request: ExportLogsServiceRequest) -> None:
        for resource in request.resource_logs:
            self._attributes(resource.resource.attributes)
            for record in (r for scope in resource.scope_logs for r in scope.log_records):
                record.event_name = self.text(record.event_name)
                self._value(record.body)
                self._attributes(record.attributes)

    def _metrics(self, request: ExportMetricsServiceRequest) -> None:
        for resource in request.resource_metrics:
            self._attributes(resource.resource.attributes)
            for metric in (m for scope in resource.scope_metrics for m in scope.metrics):
                data = getattr(metric, metric.WhichOneof("data") or "gauge")
                for point in data.data_points:
                    self._attributes(point.attributes)
                    for exemplar in getattr(point, "exemplars", ()):
                        self._attributes(exemplar.filtered_attributes)

    def _attributes(self, attributes: Iterable[KeyValue]) -> None:
        for pair in attributes:
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


def _may_hold(hints: BytesAhoCorasick, content: bytes) -> bool:
    return (
        bool(hints.find_matches_as_indexes(content.lower())) or _USER_IN_ADDRESS.search(content) is not None
    )


def _mark(match: re.Match[str]) -> str:
    index = int((match.lastgroup or "s0")[1:])
    return f"[redacted: {_SHAPES[index][0]}]"


def _variants(secret: str) -> Iterable[str]:
    """The spellings in which a secret travels: plain, in JSON, in an address, base64, and line by line."""
    secret = secret.strip()
    if len(secret) < SHORTEST_SECRET:
        return
    yield secret
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
    if "\n" in secret:
        yield from (line for line in secret.splitlines() if len(line) >= 32 and "-----" not in line)
