"""What can be expected of every trace that is complete, checked on what is stored."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from otel.store.queries import LogRow, SpanRow

SKEW_NS = 1_000_000_000
"""By how much a child may seem to begin before its parent: clocks of two machines."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One expectation that one span or log record does not meet."""

    trace_id: str
    rule: str
    text: str


def breaches(spans: Sequence[SpanRow], logs: Sequence[LogRow]) -> Iterator[Breach]:
    """What is wrong with one trace, given all its spans and log records."""
    known = {span.span_id: span for span in spans}
    excused = any(key.endswith(".cost_unknown") for span in spans for key in span.attributes)
    yield from _family(spans, known)
    for span in spans:
        yield from _breach(span, _of_one(span, known.get(span.parent_span_id)))
        yield from _breach(span, _of_a_chat(span, excused) if _answered_chat(span) else ())
    for log in logs:
        if log.span_id.strip("0") and log.span_id not in known:
            yield Breach(log.trace_id, "log without span", f"{log.logger!r} names a span that is not stored")


def _family(spans: Sequence[SpanRow], known: dict[str, SpanRow]) -> Iterator[Breach]:
    roots = [span for span in spans if not span.parent_span_id.strip("0")]
    if spans and len(roots) != 1:
        yield Breach(spans[0].trace_id, "one root", f"{len(roots)} spans have no parent")
    for span in spans:
        if span.parent_span_id.strip("0") and span.parent_span_id not in known:
            yield Breach(span.trace_id, "orphan", f"the parent of {span.name!r} is not stored")


def _breach(span: SpanRow, found: Iterable[tuple[str, str]]) -> Iterator[Breach]:
    for rule, text in found:
        yield Breach(span.trace_id, rule, f"{span.name!r} {text}")


def _of_one(span: SpanRow, parent: SpanRow | None) -> Iterator[tuple[str, str]]:
    if span.end_ns < span.start_ns:
        yield "time", "ended before it began"
    if parent is not None and span.start_ns < parent.start_ns - SKEW_NS:
        yield "time", "began before its parent"
    if not span.name:
        yield "name", "has no name"
    if not span.resource.get("service.name"):
        yield "resource", "does not say which service it is from"
    if span.failed and not (span.message or span.events or "error.type" in span.attributes):
        yield "failure", "failed and does not say why"


def _answered_chat(span: SpanRow) -> bool:
    return span.attributes.get("gen_ai.operation.name") == "chat" and not span.failed


def _of_a_chat(span: SpanRow, excused: bool) -> Iterator[tuple[str, str]]:
    """A model call that was answered says what it used and what it cost, or its trace says that no price is known."""
    if not isinstance(span.attributes.get("gen_ai.usage.input_tokens"), int):
        yield "tokens", "does not say how many tokens it used"
    if not excused and not isinstance(span.attributes.get("operation.cost"), int | float):
        yield "cost", "has no cost, and nothing in its trace says that it is unknown (`….cost_unknown`)"
