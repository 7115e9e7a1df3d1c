"""Delivers to any OTLP/HTTP endpoint (protobuf): one keep-alive session, gzip level 1, outcome by status code."""

import contextlib
import gzip
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel.batch import Batch, Signal
from otel.config import Config, OtlpTarget
from otel.destination import Destination, Outcome
from otel.destinations.otlp_answer import fit_to_show, partial_success
from otel.otlp_target import SignalOptions
from otel.redaction import Redactor

MAX_BYTES = 4 * 1024**2
"""Collectors usually refuse more than 4 MiB."""
MAX_ANSWER = 64 * 1024

_WRONG_KEY_OR_ADDRESS = (401, 403, 404, 405, 407)
_ASK_AGAIN = (408, 425, 429)
_TOO_LARGE = 413


class OtlpHttp:
    """One endpoint. Redirects are not followed: an answer 3xx means that the address is wrong."""

    max_bytes = MAX_BYTES

    def __init__(self, name: str, target: OtlpTarget, *, signals: frozenset[Signal], delta: bool) -> None:
        self.name = name
        self.signals = signals
        self._addresses = target.addresses(delta=delta)
        self._options = {signal: target.options(signal) for signal in Signal}
        self._redactor = Redactor(target.secrets)
        self._session = requests.Session()
        self._session.trust_env = (
            False  # neither .netrc nor proxy variables may add to or divert these requests
        )
        self._session.verify = str(target.certificate) if target.certificate else True
        if target.client_certificate:
            self._session.cert = (
                str(target.client_certificate),
                str(target.client_key or target.client_certificate),
            )

    def deliver(self, batch: Batch) -> Outcome:
        options = self._options[batch.signal]
        headers, body = _packed(batch.payload, options)
        try:
            with suppress_instrumentation():
                answer = self._session.post(
                    self._addresses[batch.signal],
                    data=body,
                    headers=headers,
                    timeout=(min(5.0, options.timeout), options.timeout),
                    allow_redirects=False,
                    stream=True,
                )
                with answer:
                    content = answer.raw.read(MAX_ANSWER, decode_content=True) or b""
        except (requests.RequestException, OSError) as error:
            return Outcome.later(f"no answer ({type(error).__name__})")
        except Exception as error:  # urllib3 raises its own errors while a body is read
            if type(error).__module__.partition(".")[0] != "urllib3":
                raise
            return Outcome.later(f"answer broke off ({type(error).__name__})")
        return self._outcome(batch.signal, answer.status_code, answer.headers, content)

    def _outcome(self, signal: Signal, status: int, headers: Mapping[str, str], content: bytes) -> Outcome:
        reason = f"HTTP {status}"
        if 200 <= status < 300:
            rejected, message = partial_success(signal, content)
            return Outcome.delivered(rejected=rejected, reason=self._clean(message.encode()))
        if 300 <= status < 400 or status in _WRONG_KEY_OR_ADDRESS:
            return Outcome.paused(f"{reason}{self._detail(content)}")
        if status in _ASK_AGAIN or status >= 500:
            return Outcome.later(reason, retry_after=_retry_after(headers.get("Retry-After", "")))
        return Outcome.refused(f"{reason}{self._detail(content)}", too_large=status == _TOO_LARGE)

    def _detail(self, content: bytes) -> str:
        text = self._clean(content)
        return f": {text}" if text else ""

    def _clean(self, content: bytes) -> str:
        return fit_to_show(content, self._redactor)

    def close(self) -> None:
        self._session.close()


def _packed(payload: bytes, options: SignalOptions) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request. The same payload gives the same bytes: gzip would stamp the time otherwise."""
    headers = {**options.headers, "Content-Type": "application/x-protobuf"}
    if not options.gzip:
        return headers, payload
    return headers | {"Content-Encoding": "gzip"}, gzip.compress(payload, compresslevel=1, mtime=0)


def _retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date; None when it says neither."""
    if value.isdecimal():
        return min(float(value), 3600.0)
    with contextlib.suppress(ValueError, TypeError):
        return min(max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0), 3600.0)
    return None


def all_signals(target: OtlpTarget, *, delta: bool) -> frozenset[Signal]:
    """The signals that have an address."""
    return frozenset(target.addresses(delta=delta))


def open_otlp(config: Config) -> tuple[Destination, ...]:
    """The endpoint of the standard OTEL_EXPORTER_OTLP_* variables."""
    target = config.otlp
    if target is None:
        return ()
    if target.grpc:
        from otel.destinations.otlp_grpc import OtlpGrpc  # its library is large and seldom needed

        return (OtlpGrpc("otlp", target, delta=target.delta),)
    return (OtlpHttp("otlp", target, signals=all_signals(target, delta=target.delta), delta=target.delta),)
