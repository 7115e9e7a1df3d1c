"""Shows finished traces as trees on the terminal, as they arrive."""

import sys
from collections import defaultdict
from typing import TextIO

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal
from otel.config import Config
from otel.destination import Destination, Outcome
from otel.store.ingest import read_spans
from otel.store.queries import SpanRow
from otel.tree import draw

MOST_OPEN_TRACES = 256


class Console:
    """Writes to standard error (standard output belongs to the program's data). A trace is shown once its root
    has ended; of a trace that never ends, the oldest are forgotten here (the journal and the store keep them)."""

    name = "console"
    signals = frozenset({Signal.TRACES})
    max_bytes = 1024**2

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._open: dict[str, list[SpanRow]] = defaultdict(list)

    def deliver(self, batch: Batch) -> Outcome:
        try:
            request = ExportTraceServiceRequest.FromString(batch.payload)
        except DecodeError:
            return Outcome.refused("not an OTLP request")
        for span in read_spans(request):
            self._open[span.trace_id].append(span)
            if not span.parent_span_id:
                self._show(span.trace_id)
        while len(self._open) > MOST_OPEN_TRACES:
            del self._open[next(iter(self._open))]
        return Outcome.delivered()

    def _show(self, trace_id: str) -> None:
        spans = sorted(self._open.pop(trace_id), key=lambda span: span.start_ns)
        print(*draw(spans), sep="\n", file=self._out, flush=True)

    def close(self) -> None:
        pass


def open_console(config: Config) -> tuple[Destination, ...]:
    return (Console(sys.stderr),)
