"""Spans as references that outlive them: to be written down, and linked to from another trace."""

from collections.abc import Iterable

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from coliseum.domain.record import SpanRef


def here() -> SpanRef:
    """The current span, or an empty reference when there is none or telemetry is off."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return SpanRef()
    return SpanRef(trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id))


def linkable(span: SpanRef) -> str:
    """The W3C text of a span that the ledger remembers; "" for an empty reference."""
    return f"00-{span.trace_id}-{span.span_id}-01" if span.trace_id else ""


def traceparent() -> str:
    """The current span as W3C text, to be linked to later; "" when there is none."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")


def links(traceparents: Iterable[str]) -> list[Link]:
    """A link to each of the given spans once; what is no trace context is left out."""
    contexts = [_context(text) for text in dict.fromkeys(traceparents) if text]
    return [Link(context) for context in contexts if context.is_valid]


def _context(text: str) -> SpanContext:
    extracted = TraceContextTextMapPropagator().extract({"traceparent": text}, Context())
    return trace.get_current_span(extracted).get_span_context()
