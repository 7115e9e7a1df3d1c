"""Delivers to any OTLP/gRPC endpoint: the bytes as they are through one channel, outcome by status code."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel.batch import Batch, Signal
from otel.destination import Outcome
from otel.destinations.otlp_answer import fit_to_show, partial_success
from otel.otlp_target import OtlpTarget
from otel.redaction import Redactor

MAX_BYTES = 3 * 1024**2
"""Receivers usually refuse more than 4 MiB, measured before compression."""

NEVER_TOO_LARGE = 64 * 1024
"""The code for "too large" is that for "too busy", too; what is smaller than this waits until there is room."""

_METHODS = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS_DELTA: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    Signal.METRICS_CUMULATIVE: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_CODES = grpc.StatusCode
_WRONG_KEY_OR_ADDRESS = (
    _CODES.UNAUTHENTICATED,
    _CODES.PERMISSION_DENIED,
    _CODES.UNIMPLEMENTED,
    _CODES.NOT_FOUND,
)
_REFUSED = (_CODES.INVALID_ARGUMENT, _CODES.FAILED_PRECONDITION, _CODES.ALREADY_EXISTS)
_DETAILS = "grpc-status-details-bin"

Send: TypeAlias = Callable[..., bytes]


class OtlpGrpc:
    """One endpoint; a channel for each address, opened at the first delivery, in the forwarder's thread."""

    max_bytes = MAX_BYTES

    def __init__(self, name: str, target: OtlpTarget, *, delta: bool) -> None:
        self.name = name
        self._target = target
        self._addresses = target.addresses(delta=delta)
        self.signals = frozenset(self._addresses)
        self._redactor = Redactor(target.secrets)
        self._channels: dict[str, grpc.Channel] = {}
        self._closed = False

    def deliver(self, batch: Batch) -> Outcome:
        options = self._target.options(batch.signal)
        try:
            with suppress_instrumentation():
                answer = self._method(batch.signal)(
                    batch.payload,
                    timeout=options.timeout,
                    metadata=[(name.lower(), value) for name, value in options.headers.items()],
                    compression=grpc.Compression.Gzip if options.gzip else grpc.Compression.NoCompression,
                )
        except grpc.RpcError as error:
            return self._failure(error, len(batch.payload))
        except (OSError, ValueError) as error:  # an unreadable certificate; a channel that was just closed
            return Outcome.later(f"no answer ({type(error).__name__})")
        rejected, message = partial_success(batch.signal, answer)
        return Outcome.delivered(rejected=rejected, reason=fit_to_show(message.encode(), self._redactor))

    def _method(self, signal: Signal) -> Send:
        address = self._addresses[signal]
        if self._closed:
            raise ValueError("closed")
        if address not in self._channels:
            self._channels[address] = _channel(address, self._target)
        # the bytes travel as they are: no (de)serializer
        send: Send = self._channels[address].unary_unary(_METHODS[signal])
        return send

    def _failure(self, error: grpc.RpcError, size: int) -> Outcome:
        code = error.code()
        said = fit_to_show(str(error.details() or "").encode(), self._redactor)
        reason = f"gRPC {code.name}{f': {said}' if said else ''}"
        wait = _retry_after(error.trailing_metadata() or ())
        if code in _WRONG_KEY_OR_ADDRESS:
            return Outcome.paused(reason)
        if code in _REFUSED:
            return Outcome.refused(reason)
        if code is _CODES.RESOURCE_EXHAUSTED and wait is None and size > NEVER_TOO_LARGE:
            return Outcome.refused(reason, too_large=True)  # who is merely busy should say when to come again
        return Outcome.later(reason, retry_after=wait)

    def close(self) -> None:
        self._closed = True
        for channel in self._channels.values():
            channel.close()


def _channel(address: str, target: OtlpTarget) -> grpc.Channel:
    parts = urlsplit(address)
    place = f"{parts.hostname}:{parts.port or 4317}"
    options = [("grpc.enable_http_proxy", 0)]  # proxy variables must not divert these requests
    if parts.scheme == "http":
        return grpc.insecure_channel(place, options)
    certificates = (target.certificate, target.client_key, target.client_certificate)
    return grpc.secure_channel(place, grpc.ssl_channel_credentials(*map(_content, certificates)), options)


def _content(path: Path | None) -> bytes | None:
    return path.read_bytes() if path else None


def _retry_after(trailers: Sequence[tuple[str, str | bytes]]) -> float | None:
    """Seconds that the answer's RetryInfo asks to wait; None when it has none."""
    for name, value in trailers:
        if name == _DETAILS and isinstance(value, bytes):
            return _retry_info(value)
    return None


def _retry_info(details: bytes) -> float | None:
    info = RetryInfo()
    try:
        for detail in Status.FromString(details).details:
            if detail.Unpack(info):
                seconds = float(info.retry_delay.seconds) + float(info.retry_delay.nanos) / 1e9
                return min(max(seconds, 0.0), 3600.0)
    except DecodeError:
        pass
    return None
