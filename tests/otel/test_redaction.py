"""No secret passes, wherever it stands and however it is written; what is no secret is left as it is."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.redaction import Redactor, Request
from tests.otel.making import log, logs, pair, pairs, span, spans

SECRET = 'c4nary/"key"+x=9'
BEGIN = "-----BEGIN " + "PRIVATE KEY-----"  # in two parts: no file of ours holds the line of a key
PEM = f"{BEGIN}\n" + "\n".join("MIIE" + letter * 60 for letter in "abc") + "\n-----END PRIVATE KEY-----"

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "json": lambda secret: json.dumps({"a": secret}),
    "url": lambda secret: f"https://host/path?x={quote(secret, safe='')}&y=1",
    "form": lambda secret: f"x={quote_plus(secret)}",
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


def in_span(**fields: Any) -> Any:
    return ExportTraceServiceRequest.FromString(spans(span(**{"name": "n", **fields})).payload)


def in_log(body: Any = "b", **fields: Any) -> Any:
    return ExportLogsServiceRequest.FromString(logs(log(body, **fields)).payload)


def in_metric(point: dict[str, Any], resource: dict[str, Any] | None = None) -> ExportMetricsServiceRequest:
    metric: Any = {"name": "m", "gauge": {"data_points": [point]}}
    group: Any = {"resource": {"attributes": pairs(resource)}, "scope_metrics": [{"metrics": [metric]}]}
    return ExportMetricsServiceRequest(resource_metrics=[group])


PLACES: dict[str, Callable[[str], Request]] = {
    "span name": lambda text: in_span(name=text),
    "attribute": lambda text: in_span(attributes={"a": text}),
    "attribute in a list": lambda text: in_span(attributes={"a": ["x", text]}),
    "attribute in a mapping": lambda text: in_span(attributes={"a": {"b": {"c": text}}}),
    "attribute of bytes": lambda text: in_span(attributes={"a": text.encode()}),
    "resource": lambda text: ExportTraceServiceRequest.FromString(
        spans(span("n"), resource={"a": text}).payload
    ),
    "status": lambda text: in_span(error=text),
    "event name": lambda text: in_span(events=[{"name": text}]),
    "event attribute": lambda text: in_span(events=[{"name": "exception", "attributes": pairs({"m": text})}]),
    "link attribute": lambda text: in_span(links=[{"attributes": pairs({"m": text})}]),
    "log body": lambda text: in_log(text),
    "structured log body": lambda text: in_log({"a": [text]}),
    "log attribute": lambda text: in_log(attributes={"a": text}),
    "log event name": lambda text: in_log(event_name=text),
    "metric attribute": lambda text: in_metric({"attributes": pairs({"a": text}), "as_int": 1}),
    "metric resource": lambda text: in_metric({"as_int": 1}, {"a": text}),
    "exemplar": lambda text: in_metric(
        {"exemplars": [{"filtered_attributes": pairs({"a": text})}], "as_int": 1}
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("place", PLACES)
def test_a_known_secret_is_removed_from_every_place_in_every_spelling(place: str, spelling: str) -> None:
    text = SPELLINGS[spelling](SECRET)
    request = PLACES[place](f"before {text} after")
    needle = text.rstrip("=") if spelling.startswith("base64") else SPELLINGS[spelling]("")
    assert b"before" in request.SerializeToString(), "the secret was there to be found"
    left = Redactor([SECRET]).encoded(request)
    assert b"[redacted: known secret]" in left
    assert b"before" in left
    assert b"after" in left
    for known in {SECRET, json.dumps(SECRET)[1:-1], quote(SECRET, safe=""), quote_plus(SECRET)}:
        assert known.encode() not in left
    assert not spelling.startswith("base64") or needle.encode() not in left


@pytest.mark.parametrize(
    "text", [PEM, json.dumps({"key": PEM}), PEM.replace("\n", "\r\n"), PEM.splitlines()[2]]
)
def test_a_known_key_of_several_lines_is_removed_whole_or_in_part(text: str) -> None:
    left = Redactor([PEM]).text(f"before {text} after")
    assert "MIIE" not in left
    assert "[redacted: " in left
    assert left.startswith("before ")
    assert left.endswith(" after")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (PEM, "MIIE"),
        (json.dumps(PEM), "MIIE"),
        (PEM.partition("-----END")[0], "MIIE"),
        (PEM.replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE"), "MIIE"),
        ("token is pylf_v1_eu_abcdefgh12345678", "abcdefgh12345678"),
        ("sk-ant-api03-abcdefgh12345678", "abcdefgh"),
        ("key fw_abcdefgh123456789", "abcdefgh"),
        ("Authorization: Bearer abc123def456ghi789", "abc123def456ghi789"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("{'Authorization': 'Token 0123456789abcdef'}", "0123456789abcdef"),
        ('{"authorization": "eyJhbGciOiJIUzI1NiJ9.e30.abc"}', "eyJhbGci"),
        ("sent bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", "eyJhbGci"),
        ("proxy-authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ('{\\"x-api-key\\": \\"abcd-efgh\\"}', "abcd-efgh"),
        ("KALSHI-ACCESS-KEY: 1111-2222", "1111-2222"),
        ("kalshi-access-signature=c2lnbmVk", "c2lnbmVk"),
        ("Cookie: a=first1; session=second2", "second2"),
        ("Set-Cookie: sid=secret99; Path=/; HttpOnly", "secret99"),
        ("https://user:hunter22@host/path", "hunter22"),
        ("see https://host/a?api_key=hunter22&x=1", "hunter22"),
        ("see /a?x=1&access_token=hunter22", "hunter22"),
    ],
)
def test_what_looks_like_a_credential_is_removed(text: str, secret: str) -> None:
    left = Redactor().text(f"before {text} after")
    assert secret not in left
    assert "[redacted: " in left
    assert left.startswith("before ")


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "http.request.header.authorization",
        "http.request.header.x-api-key",
        "http.request.header.x_api_key",
        "http.response.header.set-cookie",
        "http.request.header.kalshi-access-signature",
        "config.password",
        "client_secret",
        "private_key_pem",
        "access_token",
        "token",
    ],
)
def test_an_attribute_named_for_a_credential_loses_its_value(key: str) -> None:
    for value in ("short", ["in", "a list"], {"in": "a mapping"}, 12345):
        request = in_span(attributes={key: value})
        Redactor().request(request)
        (attribute,) = request.resource_spans[0].scope_spans[0].spans[0].attributes
        assert attribute.value.string_value == "[redacted: key]"


def test_a_key_named_for_a_credential_counts_inside_a_mapping_too() -> None:
    request = in_log({"headers": {"Authorization": "short"}})
    Redactor().request(request)
    assert b"short" not in request.SerializeToString()


@pytest.mark.parametrize(
    "text",
    [
        "Will the Secretary of State mention a token in session before Friday?",
        "War powers authorization: Congress votes on Monday",
        "Authorization: the board said no",
        "the basic principle of bearer instruments, basic economics",
        "Google's cookie: a third-party story",
        "cookies, tokens, keys and secrets; a private key block",
        "risk-adjusted-return-on-capital is a measure",
        "https://example.com/markets?status=open&limit=100&cursor=abc",
        "YES 0.42 → NO 0.58, edge 5 ¢, basic auth",
        "How many times will “authority” be said? " * 50,
        "mail a@b.example: see http://host:8080/path",
    ],
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert Redactor([SECRET]).text(text) == text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gen_ai.usage.input_tokens", 123),
        ("gen_ai.token.type", "input"),
        ("gen_ai.conversation.id", "0199-abc"),
        ("coliseum.market_ticker", "KXTOKEN-25"),
        ("secretary", "of state"),
        ("session.count", 3),
        ("url.full", "https://api.example/markets?status=open"),
    ],
)
def test_ordinary_attributes_are_left_as_they_are(key: str, value: Any) -> None:
    request = in_span(attributes={key: value})
    before = request.SerializeToString()
    Redactor([SECRET]).request(request)
    assert request.SerializeToString() == before
    assert pair(key, value)["key"] == key


def test_a_mark_names_the_rule_and_never_the_match() -> None:
    assert Redactor([SECRET]).text(f"a {SECRET} b") == "a [redacted: known secret] b"
    assert Redactor().text("Authorization: Bearer abc123def456") == "[redacted: header]"


def test_short_values_are_not_searched_for() -> None:
    """They would hit ordinary words."""
    assert Redactor(["key", "", "  "]).text("the key word") == "the key word"


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert (
        Redactor(["secret-value", "secret-value-two"]).text("secret-value-two") == "[redacted: known secret]"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        *("a", "bearer ", "authorization: ", "cookie: a=b; ", "cookie=a=;", BEGIN),
        *("?token=", "://a:", "sk-", "Bearer aaaaaaaaaaaaaaaa", "&a_a_", "x-api-key\\\\\\\\", "basic basic"),
        *(BEGIN + "A" * 3000, "pylf_v1_", "c4nary/c4nary", "://:@://"),
    ],
)
def test_a_pathological_text_costs_time_in_proportion_to_its_length(unit: str) -> None:
    redactor = Redactor([SECRET])

    def cost(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        began = time.process_time()
        redactor.text(text)
        return time.process_time() - began

    small, large = min(cost(2**16) for _ in range(3)), cost(2**20)
    assert large < 16 * 4 * max(small, 0.002)
