"""An OTLP endpoint as the standard OTEL_EXPORTER_OTLP_* variables describe it, for all signals and for each alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from otel.batch import Signal
from otel.variables import Reader

KINDS = ("traces", "logs", "metrics")
PROTOCOLS = ("http/protobuf", "grpc")
COMPRESSIONS = ("gzip", "none")
PREFIX = "OTEL_EXPORTER_OTLP_"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalOptions:
    """What goes with the requests of one signal: headers (secret), seconds to wait, whether they are compressed."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    gzip: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpTarget:
    """An OTLP endpoint: the address of each signal, what goes with its requests, TLS files. What stands in `own`
    for a kind of signal takes the place of `headers`, `timeout` and `gzip`."""

    traces: str
    logs: str
    metrics: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    gzip: bool = True
    own: Mapping[str, SignalOptions] = field(default_factory=dict)
    grpc: bool = False
    delta: bool = False
    certificate: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None

    @classmethod
    def at(cls, base: str, **more: object) -> Self:
        """All signals below one base address, as the OTLP specification appends them."""
        root = base.rstrip("/")
        paths = {"traces": f"{root}/v1/traces", "logs": f"{root}/v1/logs", "metrics": f"{root}/v1/metrics"}
        return cls(**paths, **more)  # type: ignore[arg-type]  # the keywords are this class's own fields

    def addresses(self, *, delta: bool) -> dict[Signal, str]:
        """Where each signal goes; one without an address goes nowhere."""
        metrics = Signal.METRICS_DELTA if delta else Signal.METRICS_CUMULATIVE
        found = {Signal.TRACES: self.traces, Signal.LOGS: self.logs, metrics: self.metrics}
        return {signal: address for signal, address in found.items() if address}

    def options(self, signal: str) -> SignalOptions:
        """For requests of a signal: "traces", "logs" or "metrics", of whichever temporality."""
        usual = SignalOptions(headers=self.headers, timeout=self.timeout, gzip=self.gzip)
        return self.own.get(signal.partition("_")[0], usual)

    @property
    def secrets(self) -> frozenset[str]:
        """Each header's value as a whole, and its last word: the token of "Bearer <token>"."""
        values = {value for kind in KINDS for value in self.options(kind).headers.values()}
        return frozenset(values | {value.rpartition(" ")[2] for value in values | {*self.headers.values()}})


def read_otlp(read: Reader) -> OtlpTarget | None:
    """The endpoint that the variables name; None when they name none."""
    base = read.url(f"{PREFIX}ENDPOINT", "")
    addresses = {kind: read.url(f"{PREFIX}{kind.upper()}_ENDPOINT", "") for kind in KINDS}
    grpc = read.choice(f"{PREFIX}PROTOCOL", PROTOCOLS) == "grpc"
    usual = _options(read, PREFIX, SignalOptions())
    own = {kind: _options(read, f"{PREFIX}{kind.upper()}_", usual) for kind in KINDS}
    details = {
        "grpc": grpc,
        "delta": read.choice(f"{PREFIX}METRICS_TEMPORALITY_PREFERENCE", ("cumulative", "delta")) == "delta",
        "certificate": read.file(f"{PREFIX}CERTIFICATE"),
        "client_certificate": read.file(f"{PREFIX}CLIENT_CERTIFICATE"),
        "client_key": read.file(f"{PREFIX}CLIENT_KEY"),
    }
    if not base and not any(addresses.values()):
        return None
    for kind in KINDS:
        below = base if grpc or not base else f"{base}/v1/{kind}"
        addresses[kind] = addresses[kind] or below
    return OtlpTarget(
        **addresses,  # type: ignore[arg-type]  # the keywords are the class's own fields
        headers=usual.headers,
        timeout=usual.timeout,
        gzip=usual.gzip,
        own={kind: options for kind, options in own.items() if options != usual},
        **details,  # type: ignore[arg-type]  # the keywords are the class's own fields
    )


def _options(read: Reader, prefix: str, usual: SignalOptions) -> SignalOptions:
    """Of all signals or one. A signal's own headers take the place of the others', as the specification says."""
    return SignalOptions(
        headers=read.pairs(f"{prefix}HEADERS", secret=True) or usual.headers,
        timeout=read.number(f"{prefix}TIMEOUT", usual.timeout, low=0.1, high=600),
        gzip=read.choice(f"{prefix}COMPRESSION", _usual_first(COMPRESSIONS, usual.gzip)) == "gzip",
    )


def _usual_first(choices: tuple[str, str], first: bool) -> tuple[str, ...]:
    return choices if first else choices[::-1]
