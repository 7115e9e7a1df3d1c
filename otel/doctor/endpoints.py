"""Asks every destination whether it is there, takes the key and keeps the same time."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel.config import LOCAL_COLLECTOR, Config, OtlpTarget
from otel.destinations.logfire import base_url, probe
from otel.doctor.finding import Finding, Level, fault, well
from otel.doctor.sending import test_spans

CHECK, CLOCK = "endpoint", "clock"
ANSWER_SECONDS = 2.0
MOST_SKEW = 5.0
"""Seconds by which two clocks may differ before spans of several machines no longer line up."""
CLOCK_CURE = "set this machine's clock (timedatectl set-ntp true)"


@dataclass(frozen=True, slots=True)
class _Place:
    """One address of one destination, and which settings decide it."""

    name: str
    address: str
    variable: str
    key: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    target: OtlpTarget | None = None


class Asking:
    """Asks all destinations at once, from its making on, each in a thread of its own."""

    def __init__(self, config: Config, now: Callable[[], float]) -> None:
        self._answers: queue.SimpleQueue[tuple[str, list[Finding]]] = queue.SimpleQueue()
        self._waiting = set(config.destinations)
        self._began = time.monotonic()
        for kind in config.destinations:
            threading.Thread(
                target=lambda kind=kind: self._answers.put((kind, _examined(config, kind, now))),
                name=f"otel-doctor-{kind}",
                daemon=True,  # one that hangs must not keep the program from ending
            ).start()

    def findings(self, seconds: float) -> Iterator[Finding]:
        """What was found; what has not answered so many seconds after the beginning is said to hang."""
        while self._waiting:
            try:
                left = self._began + seconds - time.monotonic()
                kind, found = self._answers.get(timeout=max(0.001, left))
            except queue.Empty:
                break
            self._waiting.discard(kind)
            yield from found
        for kind in sorted(self._waiting):
            yield fault(
                CHECK,
                f"{kind} has not answered within {seconds:g} s",
                "see that it runs and is not overloaded",
            )


def _examined(config: Config, kind: str, now: Callable[[], float]) -> list[Finding]:
    try:
        return list(_examine(_impatient(config), kind, now))
    except Exception as error:  # one place that is looked at must not keep the others from being looked at
        return [fault(CHECK, f"{kind} could not be examined ({type(error).__name__})", "please report this")]


def _impatient(config: Config) -> Config:
    """The same with less time for an answer than a forwarder has."""
    if config.otlp is None:
        return config
    own = {kind: replace(options, timeout=ANSWER_SECONDS) for kind, options in config.otlp.own.items()}
    return replace(config, otlp=replace(config.otlp, timeout=ANSWER_SECONDS, own=own))


def _examine(config: Config, kind: str, now: Callable[[], float]) -> Iterator[Finding]:
    for place in _places(config, kind):
        found = list(_ask(place, now))
        yield from found
        if any(finding.check == CHECK and finding.level is Level.FAULT for finding in found):
            return  # the next address, or a test span, would only meet the same fault
    if kind == "logfire":
        yield from _tokens(config)
    yield from test_spans(config, kind)


def _places(config: Config, kind: str) -> Iterator[_Place]:
    headers = "OTEL_EXPORTER_OTLP_HEADERS"
    match kind:
        case "otlp" if config.otlp is not None and not config.otlp.grpc:
            target = config.otlp
            addresses = {"traces": target.traces, "logs": target.logs, "metrics": target.metrics}
            for signal, address in addresses.items():
                if address:
                    given = target.options(signal).headers
                    yield _Place("otlp", address, "OTEL_EXPORTER_OTLP_ENDPOINT", headers, given, target)
        case "collector":
            yield _Place(
                "collector", OtlpTarget.at(LOCAL_COLLECTOR).traces, "`docker compose up -d`", headers
            )
        case "jaeger":
            address = OtlpTarget.at(config.jaeger_endpoint).traces
            yield _Place("jaeger", address, "TELEMETRY_JAEGER_ENDPOINT", "its own settings")
        case "logfire":
            for token in config.logfire_tokens:
                address = OtlpTarget.at(base_url(token, config.logfire_base_url)).traces
                yield _Place(
                    "logfire", address, "LOGFIRE_BASE_URL", "LOGFIRE_TOKEN", {"Authorization": token}
                )
        case _:
            return  # a place on this machine, or one that speaks gRPC: the test span tells


def _ask(place: _Place, now: Callable[[], float]) -> Iterator[Finding]:
    """Post an empty export request, which every receiver takes and nobody stores."""
    host = urlsplit(place.address).netloc.rpartition("@")[2]
    try:
        with suppress_instrumentation(), requests.Session() as session:
            session.trust_env = False
            session.headers.update({**place.headers, "Content-Type": "application/x-protobuf"})
            if place.target is not None and place.target.certificate:
                session.verify = str(place.target.certificate)
            if place.target is not None and place.target.client_certificate:
                key = place.target.client_key or place.target.client_certificate
                session.cert = (str(place.target.client_certificate), str(key))
            began = now()
            answer = session.post(
                place.address, data=b"", timeout=ANSWER_SECONDS, allow_redirects=False, stream=True
            )
            answer.close()
    except (requests.RequestException, OSError) as error:
        yield _no_answer(place, host, error)
        return
    yield _status(place, host, answer.status_code)
    yield from _skew(host, answer.headers.get("Date", ""), began, now())


def _no_answer(place: _Place, host: str, error: Exception) -> Finding:
    match error:
        case requests.exceptions.SSLError():
            return fault(
                CHECK,
                f"{place.name}: the certificate of {host} is not trusted",
                "set OTEL_EXPORTER_OTLP_CERTIFICATE to the file of the authority that signed it",
            )
        case requests.Timeout():
            return fault(
                CHECK,
                f"{place.name}: {host} takes the connection but gives no answer within {ANSWER_SECONDS:g} s",
                f"see that the receiver is not overloaded, and that {place.variable} names its OTLP/HTTP port",
            )
        case _ if "NameResolution" in repr(error):
            return fault(
                CHECK,
                f"{place.name}: the name {host} is unknown",
                f"correct {place.variable}, or mend name resolution",
            )
        case _:
            return fault(
                CHECK,
                f"{place.name}: nothing takes connections at {host}",
                f"start the receiver, or correct {place.variable}",
            )


def _status(place: _Place, host: str, status: int) -> Finding:
    said = f"{place.name}: {host} answers HTTP {status}"
    if 200 <= status < 300:
        return well(CHECK, f"{place.name}: {host} takes telemetry")
    if status in (401, 403, 407):
        return fault(CHECK, f"{said}: it refuses the key", f"correct {place.key}")
    if 300 <= status < 400:
        return fault(
            CHECK, f"{said}: a redirect, which is not followed", f"give the final address in {place.variable}"
        )
    if status in (404, 405):
        path = urlsplit(place.address).path
        return fault(CHECK, f"{said}: there is no OTLP at {path}", f"correct the address in {place.variable}")
    if status in (408, 429) or status >= 500:
        return fault(
            CHECK,
            f"{said}: it takes nothing now",
            "look at the receiver's own log; nothing is lost meanwhile",
        )
    return fault(
        CHECK,
        f"{said}: it does not take OTLP as protobuf",
        f"see that {place.variable} names an OTLP/HTTP receiver",
    )


def _skew(host: str, date: str, began: float, ended: float) -> Iterator[Finding]:
    """The answer's Date has whole seconds and was written somewhere between `began` and `ended`."""
    try:
        theirs = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return
    moment = theirs.replace(tzinfo=theirs.tzinfo or UTC).timestamp()
    ahead = began - moment - 1 if began > moment + 1 else min(ended - moment, 0.0)
    if abs(ahead) > MOST_SKEW:
        way = "ahead of" if ahead > 0 else "behind"
        yield fault(CLOCK, f"this clock is {abs(ahead):.0f} s {way} that of {host}", CLOCK_CURE)
    else:
        yield well(CLOCK, f"this clock agrees with that of {host}")


def _tokens(config: Config) -> Iterator[Finding]:
    for number, token in enumerate(config.logfire_tokens, start=1):
        answer = probe(token, config.logfire_base_url, timeout=ANSWER_SECONDS)
        if answer.accepted:
            yield well(CHECK, f"logfire: token {number} writes to {answer.project_url}")
        else:
            yield fault(
                CHECK,
                f"logfire: token {number}: {answer.reason}",
                "create a new write token and set LOGFIRE_TOKEN",
            )
