"""Knows which spans of this process have not ended, and which of them must be written down before they do.

Written down are: jobs (spans without a parent here), agent runs and tool calls as soon as the worker comes round,
anything open for a second, and every ancestor of a span that is journaled, so that a tree on disk has its root.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, Span

from otel.open_span_table import Change, Key
from otel.process import identity
from otel.redaction import Redactor

logger = logging.getLogger("otel.open_spans")

SLOW_SECONDS = 1.0
SIGN_SECONDS = 1.0
"""How often the process says that it lives and writes anew what has changed, while something is open."""
MOST_OPEN = 20_000
"""Spans remembered at once; a program that never ends its spans must not fill memory with them."""
AGENT_OPERATIONS = ("invoke_agent", "execute_tool")


@dataclass(frozen=True, slots=True)
class _Written:
    """A span that has its checkpoint, and how it looked then."""

    key: Key
    look: tuple[object, ...]


class OpenSpans:
    """`started` and `ended` are for any thread; the rest is for one thread at a time, the one that appends."""

    def __init__(self, redactor: Redactor) -> None:
        self.owner = f"{identity()}/{uuid.uuid4().hex[:8]}"
        self._redactor = redactor
        self._open: dict[
            int, Span
        ] = {}  # by span id alone: two that meet in one process are not to be expected
        self._written: dict[int, _Written] = {}
        self._encoded_now: dict[int, _Written] = {}
        self._parents: set[int] = set()
        self._ended: list[int] = []
        self._sign = float("-inf")

    def started(self, span: Span) -> None:
        if len(self._open) < MOST_OPEN:
            self._open[span.context.span_id] = span

    def ended(self, span_id: int) -> bool:
        """Whether its start was seen."""
        return self._open.pop(span_id, None) is not None

    def carried(self, spans: Iterable[ReadableSpan]) -> None:
        """These are on their way into the journal, or are lost: their checkpoints go, their ancestors come."""
        for span in spans:
            if self._written and span.context.span_id in self._written:
                self._ended.append(span.context.span_id)
            if self._open and span.parent is not None and span.parent.span_id in self._open:
                self._parents.add(span.parent.span_id)

    def endings(self) -> Change | None:
        """What must go with the next append, whoever makes it."""
        self._encoded_now.clear()
        if not self._ended:
            return None
        return Change(self.owner, time.time(), ended=self._keys_of_ended())

    def change(self, *, look_round: bool) -> Change | None:
        """What is to be noted now: always the ancestors of what is journaled; all the rest when it is time to
        `look_round`."""
        now = time.time()
        sign = look_round and bool(self._written) and abs(now - self._sign) >= SIGN_SECONDS
        due = {span.context.span_id: span for span in self._ancestors()}
        if look_round:
            due |= {span.context.span_id: span for span in self._due(now, sign)}
        if not due and not self._ended and not sign:
            return None
        return Change(self.owner, now, list(self._encoded(due)), self._keys_of_ended())

    def everything(self) -> Change | None:
        """For the end of the program: what is still open and was written."""
        self._encoded_now.clear()
        if not self._written:
            return None
        return Change(self.owner, time.time(), ended=self._keys_of_ended(), everything=True)

    def noted(self, change: Change) -> None:
        """The change is on disk."""
        self._sign = change.now
        self._written |= self._encoded_now
        gone = set(change.ended)
        for span_id in [i for i in self._ended if i in self._written and self._written[i].key in gone]:
            del self._written[span_id]
        self._ended = [span_id for span_id in self._ended if span_id in self._written]
        self._parents = {i for i in self._parents if i in self._open and i not in self._written}
        if change.everything:
            self._written.clear()

    def _keys_of_ended(self) -> Sequence[Key]:
        return [self._written[span_id].key for span_id in self._ended if span_id in self._written]

    def _ancestors(self) -> Iterator[Span]:
        for span_id in self._parents:
            span = self._open.get(span_id)
            while span is not None and span.context.span_id not in self._written:
                yield span
                span = self._open.get(span.parent.span_id) if span.parent is not None else None

    def _due(self, now: float, refresh: bool) -> Iterator[Span]:
        for span_id, span in list(self._open.items()):
            written = self._written.get(span_id)
            if written is None:
                if _matters(span) or now - (span.start_time or 0) / 1e9 > SLOW_SECONDS:
                    yield span
            elif refresh and written.look != _look(span):
                yield span

    def _encoded(self, due: dict[int, Span]) -> Iterator[tuple[Key, bytes]]:
        self._encoded_now.clear()
        for span_id, span in due.items():
            look = _look(span)
            try:
                body = self._redactor.encoded(encode_spans([span]))
            except Exception as error:  # it may change under our hands; the next round sees it again
                logger.debug("an open span could not be encoded: %s", type(error).__name__)
                continue
            key = (span.context.trace_id.to_bytes(16, "big"), span.context.span_id.to_bytes(8, "big"))
            self._encoded_now[span_id] = _Written(key, look)
            yield key, body


def _matters(span: Span) -> bool:
    """Whether it is a job, an agent run or a tool call."""
    if span.parent is None or span.parent.is_remote or span.name.startswith(AGENT_OPERATIONS):
        return True
    return (span.attributes or {}).get("gen_ai.operation.name") in AGENT_OPERATIONS


def _look(span: Span) -> tuple[object, ...]:
    """Changes when a span is given something; a value that replaces another is not seen."""
    return span.name, len(span.attributes or ()), len(span.events), len(span.links), span.status.status_code
