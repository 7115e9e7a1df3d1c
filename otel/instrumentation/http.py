"""Watches httpx and httpx2: one client span for every attempt, with clean addresses and readable names."""

import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.trace import Span

from otel.config import Config
from otel.propagation import TrustedHosts
from otel.providers import Providers

STABILITY = "OTEL_SEMCONV_STABILITY_OPT_IN"
_WORD = re.compile(r"|v[0-9]{1,3}|[a-z][a-z._\-]{0,31}")
_SECRET_QUERY = re.compile(r"key|token|secret|sig|auth|password|credential", re.IGNORECASE)


class RequestInfo(Protocol):
    """What the instrumentation's hooks are handed of a request."""

    @property
    def method(self) -> bytes: ...
    @property
    def url(self) -> Any: ...
    @property
    def headers(self) -> Any: ...
    @property
    def extensions(self) -> Mapping[str, Any] | None: ...


def instrument(providers: Providers, config: Config) -> Callable[[], None]:
    """Both libraries, clients that exist already included. The stable HTTP conventions are chosen by the standard
    switch, which the instrumentation reads from the process environment at its first use."""
    undo = ExitStack()
    if not os.environ.get(STABILITY):
        os.environ[STABILITY] = "http"
        undo.callback(os.environ.pop, STABILITY, None)
    hooks = _Hooks(TrustedHosts(config.trace_context_hosts))
    for name, instrumentor in (("httpx", HTTPXClientInstrumentor), ("httpx2", HTTPX2ClientInstrumentor)):
        watched = instrumentor().is_instrumented_by_opentelemetry  # by the program itself: once is enough
        if importlib.util.find_spec(name) is not None and not watched:
            instrumentor().instrument(
                tracer_provider=providers.tracer,
                meter_provider=providers.meter,
                request_hook=hooks.request,
                async_request_hook=hooks.request_async,
            )
            undo.callback(instrumentor().uninstrument)
    return undo.close


def already_instrumented() -> tuple[str, ...]:
    """Which libraries somebody has instrumented in this process."""
    both = (("httpx", HTTPXClientInstrumentor), ("httpx2", HTTPX2ClientInstrumentor))
    return tuple(name for name, instrumentor in both if instrumentor().is_instrumented_by_opentelemetry)


class _Hooks:
    """Run right after a request span has started and before headers are written into the request."""

    def __init__(self, trusted: TrustedHosts) -> None:
        self._trusted = trusted

    def request(self, span: Span, request: RequestInfo) -> None:
        parts = urlsplit(str(request.url))
        self._trusted.note(span, parts.hostname or "", parts.port, request.headers)
        if not span.is_recording():
            return
        span.set_attribute("url.full", clean_url(str(request.url)))
        route = _route(request)
        if route:
            span.set_attribute("url.template", route.partition(" ")[2] or route)
        method = request.method.decode("ascii", "replace")
        span.update_name(f"{method} {route or f'{parts.hostname} {_masked(parts.path)}'}")
        resend = _resend_count(request)
        if resend:
            span.set_attribute("http.request.resend_count", resend)

    async def request_async(self, span: Span, request: RequestInfo) -> None:
        self.request(span, request)


def clean_url(url: str) -> str:
    """The address without user, password and the values of query parameters that name a credential."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = [(k, "REDACTED" if _SECRET_QUERY.search(k) else v) for k, v in parse_qsl(parts.query, True)]
    return urlunsplit((parts.scheme, host, parts.path, urlencode(query), ""))


def _route(request: RequestInfo) -> str:
    """A client may name its service and path template by the request extension `route`: "kalshi /markets/{ticker}"."""
    route = (request.extensions or {}).get("route", "")
    return route if isinstance(route, str) else ""


def _masked(path: str) -> str:
    """A path that spans can share as a name: segments that look like an id or a value are named, not given."""
    return "/".join(part if _WORD.fullmatch(part) else "{}" for part in path.split("/")[:8])


def _resend_count(request: RequestInfo) -> int:
    """Which repetition this is: from the request extension `resend_count`, or the header that model SDKs send."""
    count = (request.extensions or {}).get("resend_count")
    if isinstance(count, int):
        return count
    header = str(request.headers.get("x-stainless-retry-count", "")) if request.headers else ""
    return int(header) if header.isdecimal() else 0
