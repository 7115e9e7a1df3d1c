"""How long after its end a span is on disk, with a forwarder at work beside it."""

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.case import Case, Figure, Scale
from benchmarks.job import Job, say
from benchmarks.spans import ATTRIBUTES
from benchmarks.tracing import SECRETS

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

CHILD_GAP, ROOT_GAP = 0.004, 0.02


class _Lags:
    """Which spans a commit has covered, by their order."""

    def __init__(self) -> None:
        self.ended: list[float] = []
        self.ms: list[float] = []

    def committed(self, handled: int) -> None:
        now = time.perf_counter()
        self.ms += [(now - at) * 1000 for at in self.ended[len(self.ms) : handled]]


def _inside(job: Job) -> None:
    children = _measure(job, CHILD_GAP, job.size, roots=False)
    roots = _measure(job, ROOT_GAP, job.size // 5, roots=True)
    say(p50_ms=children[49], p99_ms=children[98], root_p50_ms=roots[49], root_p99_ms=roots[98])


def _measure(job: Job, gap: float, count: int, *, roots: bool) -> list[float]:
    from opentelemetry.sdk.trace import TracerProvider

    from otel.config import OtlpTarget
    from otel.destinations.otlp import OtlpHttp, all_signals
    from otel.forwarder import Forwarder
    from otel.journal import Journal
    from otel.pipeline import Pipeline
    from otel.processors import JournalSpanProcessor
    from otel.redaction import Redactor

    target = OtlpTarget.at(job.sink)
    signals = all_signals(target, delta=False)
    journal, lags = Journal(job.home / f"{roots}.db"), _Lags()
    journal.register("otlp", signals)
    forwarder = Forwarder(journal, OtlpHttp("otlp", target, signals=signals, delta=False))

    def appended() -> None:
        counts = pipeline.counts()
        lags.committed(counts["created"] - counts["buffered"])
        forwarder.ring()

    pipeline = Pipeline(journal, Redactor(SECRETS), appended=appended)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(JournalSpanProcessor(pipeline))
    pipeline.start()
    forwarder.start()
    tracer = provider.get_tracer("benchmarks")
    with tracer.start_as_current_span("bench.root") as parent:
        for _ in range(count):
            time.sleep(gap)
            span = _span(tracer, roots)
            lags.ended.append(time.perf_counter())
            span.end()
        pipeline.durable(5)
        assert parent.is_recording()
    found = statistics.quantiles(lags.ms, n=100)
    pipeline.close(5)
    forwarder.finish(time.monotonic() + 5)
    forwarder.join(5)
    journal.close()
    return found


def _span(tracer: "Tracer", root: bool) -> "Span":
    from opentelemetry.context import Context

    return tracer.start_span("bench.span", context=Context() if root else None, attributes=ATTRIBUTES)


CASE = Case(
    name="lag",
    asks="milliseconds from the end of a span to its commit: steady load, and the ends of root spans",
    variants=("layer",),
    quick_variants=("layer",),
    inside=_inside,
    size=Scale(1500, 500),
    rounds=Scale(2, 1),
    figures=(
        Figure("p50_ms", "p50 ms"),
        Figure("p99_ms", "p99 ms"),
        Figure("root_p50_ms", "root p50 ms", 2),
        Figure("root_p99_ms", "root p99 ms", 2),
    ),
)
