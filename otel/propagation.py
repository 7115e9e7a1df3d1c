"""Decides which hosts are told our trace ids: `traceparent` goes to the allow-list only, baggage to nobody.

The HTTP instrumentation writes the global propagator's headers into every request, to third parties as well, and
excluding a host there drops its span too. So the instrumentation's hook notes, for the request span it has just
started, whether the host is on the list; the propagator looks at that note. Anything else that asks for headers
(a queue hand-off, a test) gets them.
"""

from collections.abc import Collection, MutableMapping
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_withheld_from: ContextVar[int] = ContextVar("otel_trace_context_withheld_from_span", default=0)


TRACE_CONTEXT = ("traceparent", "tracestate")


class TrustedHosts:
    """Host names or host:port pairs that may see trace ids."""

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = frozenset(host.strip().lower() for host in hosts if host.strip())

    def note(
        self, span: trace.Span, host: str, port: int | None, headers: MutableMapping[str, str] | None = None
    ) -> None:
        """Remember, for the request that `span` stands for, whether its host may see trace ids; take out of
        `headers` what a redirect from a trusted host brought along."""
        trusted = host.lower() in self._hosts or f"{host.lower()}:{port}" in self._hosts
        _withheld_from.set(0 if trusted else span.get_span_context().span_id)
        if not trusted and headers is not None:
            for name in TRACE_CONTEXT:
                headers.pop(name, None)


class TrustedPropagator(TextMapPropagator):
    """W3C trace context, withheld from requests to hosts that are not on the list."""

    def __init__(self) -> None:
        self._inner = TraceContextTextMapPropagator()

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        return self._inner.extract(carrier, context, getter)

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        span_id = trace.get_current_span(context).get_span_context().span_id
        if span_id and span_id == _withheld_from.get():
            return
        self._inner.inject(carrier, context, setter)

    @property
    def fields(self) -> set[str]:
        return self._inner.fields
