"""Decides at a trace's end whether it is kept: the usual share of all, and every one that a rule names.

A trace that belongs to the share is written as it comes. Of the others, ended spans wait in memory until a rule holds
(then all of it is kept), or until the root has ended and half a minute passed (then all of it is dropped); what comes
later follows the decision. When too much waits, the longest waiting trace is kept: memory is bounded, and no trace is
ever written by half.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import StatusCode

SETTLE_SECONDS = 30.0
MOST_HELD = 20_000
"""Spans that wait at once."""
MOST_DECIDED = 50_000
"""Traces whose decision is remembered for spans that come late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What makes a trace worth keeping; zero seconds or dollars mean no such rule."""

    errors: bool = False
    cost_usd: float = 0.0
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return self.errors or self.cost_usd > 0 or self.seconds > 0


@dataclass(slots=True)
class _Held:
    spans: list[ReadableSpan] = field(default_factory=list)
    dollars: float = 0.0
    ended: float = float("inf")


class TailSampling:
    """For one thread at a time. `dropped` counts the spans that were sampled away."""

    def __init__(self, ratio: float, rules: Keep, *, now: Callable[[], float] = time.monotonic) -> None:
        self.dropped = 0
        self._bound = TraceIdRatioBased.get_bound_for_rate(ratio)
        self._rules = rules
        self._now = now
        self._held: OrderedDict[int, _Held] = OrderedDict()
        self._waiting = 0
        self._decided: OrderedDict[int, bool] = OrderedDict()

    def sift(self, spans: Iterable[ReadableSpan]) -> list[ReadableSpan]:
        """Which spans are to be written now: of those that came, and of those that waited for them."""
        return [chosen for span in spans for chosen in self._one(span)]

    def keep(self, trace_id: int) -> list[ReadableSpan]:
        """This trace is kept, whatever the rules say; what waited of it. One that was dropped stays dropped."""
        if self._decided.get(trace_id) is False:
            return []
        return self._decide(trace_id, kept=True)

    def settle(self, *, everything: bool = False) -> list[ReadableSpan]:
        """Drop what ended long ago (with `everything`, whatever has ended); what is to be written because too much
        waits, or because its root will not end any more."""
        now, chosen = self._now(), list[ReadableSpan]()
        for trace_id, held in list(self._held.items()):
            if now - held.ended >= SETTLE_SECONDS or (everything and held.ended <= now):
                self._decide(trace_id, kept=False)
            elif everything:
                chosen += self._decide(trace_id, kept=True)
        while self._waiting > MOST_HELD:
            chosen += self._decide(next(iter(self._held)), kept=True)
        return chosen

    def _one(self, span: ReadableSpan) -> list[ReadableSpan]:
        trace_id = span.context.trace_id
        decided = self._decided.get(trace_id)
        if decided or trace_id & TraceIdRatioBased.TRACE_ID_LIMIT < self._bound:
            return [span]
        if decided is False:
            self.dropped += 1
            return []
        held = self._held.setdefault(trace_id, _Held())
        held.spans.append(span)
        self._waiting += 1
        if self._holds(span, held):
            return self._decide(trace_id, kept=True)
        if span.parent is None or span.parent.is_remote:
            held.ended = self._now()
        return []

    def _holds(self, span: ReadableSpan, held: _Held) -> bool:
        rules = self._rules
        if rules.errors and span.status.status_code is StatusCode.ERROR:
            return True
        if rules.seconds and (span.end_time or 0) - (span.start_time or 0) > rules.seconds * 1e9:
            return True
        held.dollars += _dollars(span)
        if rules.cost_usd and held.dollars > rules.cost_usd:
            return True
        return any(event.name != "exception" for event in span.events)

    def _decide(self, trace_id: int, *, kept: bool) -> list[ReadableSpan]:
        self._decided[trace_id] = kept
        if len(self._decided) > MOST_DECIDED:
            self._decided.popitem(last=False)
        held = self._held.pop(trace_id, None)
        spans = held.spans if held else []
        self._waiting -= len(spans)
        if not kept:
            self.dropped += len(spans)
        return spans if kept else []


def _dollars(span: ReadableSpan) -> float:
    """What a model call says it cost; the sums that agents repeat on their own spans are not added again."""
    attributes = span.attributes or {}
    cost = attributes.get("operation.cost")
    is_call = attributes.get("gen_ai.operation.name") == "chat"
    return float(cost) if is_call and isinstance(cost, int | float) else 0.0
