"""The vocabulary of the business, spoken as spans, events and metrics; knows the OpenTelemetry API only."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from time import perf_counter
from typing import Literal, Protocol, Self, TypeAlias, assert_never

from opentelemetry import metrics, trace
from opentelemetry._logs import Logger, LoggerProvider, LogRecord, SeverityNumber, get_logger
from opentelemetry.context import Context
from opentelemetry.metrics import Counter, Histogram, MeterProvider
from opentelemetry.trace import Link, Span, StatusCode, Tracer, TracerProvider

from coliseum.domain.money import Contracts, Dollars, Price
from coliseum.domain.opportunity import Check, Decision
from coliseum.domain.order import Intent, Order, Placed, Refused, Unknown
from coliseum.tracing import links as links_to
from coliseum.tracing import traceparent

SCOPE = "coliseum"
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds from sending an order to knowing its fate: loopback to the client's last retry."""

Job: TypeAlias = Literal[
    "scout.scan",
    "analyst.research",
    "guardian.positions",
    "guardian.news",
    "portfolio.snapshot",
    "portfolio.score",
]
"""A root span: one run of one job, or the analysis of one opportunity."""
Step: TypeAlias = Literal[
    "analyst.recommend",
    "decision.size",
    "risk.check",
    "order.place",
    "order.cancel",
    "order.reconcile",
    "trade.settle",
]
"""A span inside a job."""
Value: TypeAlias = str | bool | int | float | Decimal
Attributes: TypeAlias = dict[str, str | bool | int | float]


class Gauge(Protocol):
    """What the API gives for a gauge, whose own class it keeps to itself."""

    def set(self, amount: float, attributes: Attributes | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Signals:
    """Says what happens. Without an SDK every method does nothing and changes nothing."""

    common: Attributes
    tracer: Tracer
    logger: Logger
    orders: Counter
    decisions: Counter
    cost: Counter
    undurable: Counter
    exposure: Gauge
    latency: Histogram

    @classmethod
    def of(
        cls,
        venue: str,
        mode: str,
        version: str,
        *,
        tracers: TracerProvider | None = None,
        meters: MeterProvider | None = None,
        loggers: LoggerProvider | None = None,
    ) -> Self:
        """Speak to the given providers, or to the global ones."""
        meter = metrics.get_meter(SCOPE, version, meters)
        return cls(
            common={"coliseum.venue": venue, "coliseum.mode": mode},
            tracer=trace.get_tracer(SCOPE, version, tracers),
            logger=get_logger(SCOPE, version, loggers),
            orders=meter.create_counter("coliseum.orders", "{order}", "Orders by what became of them"),
            decisions=meter.create_counter("coliseum.decisions", "{decision}", "Decisions by action"),
            cost=meter.create_counter("coliseum.cost", "{USD}", "Dollars spent on models and searches"),
            undurable=meter.create_counter(
                "coliseum.telemetry.undurable", "{order}", "Orders sent before their trace was on disk"
            ),
            exposure=meter.create_gauge("coliseum.exposure", "{USD}", "What open positions cost"),
            latency=meter.create_histogram(
                "coliseum.order.latency",
                "s",
                "From sending an order to knowing its fate",
                explicit_bucket_boundaries_advisory=LATENCY_BUCKETS,
            ),
        )

    @contextmanager
    def job(self, name: Job, *, links: Iterable[str] = (), **about: Value) -> Iterator[Span]:
        """A new trace, linked to the given traceparents and to the span it was started under.

        An exception is recorded on the span and goes on.
        """
        started_under = traceparent()
        with self._span(name, Context(), links_to((*links, started_under)), about) as span:
            yield span

    @contextmanager
    def step(self, name: Step, *, links: Iterable[str] = (), **about: Value) -> Iterator[Span]:
        """A span inside the current job, linked to the given traceparents."""
        with self._span(name, None, links_to(links), about) as span:
            yield span

    @contextmanager
    def _span(
        self, name: str, context: Context | None, links: Sequence[Link], about: dict[str, Value]
    ) -> Iterator[Span]:
        with self.tracer.start_as_current_span(
            name,
            context=context,
            links=links,
            attributes=self.common | _attributes(about),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.record_exception(error)
                span.set_attribute("error.type", type(error).__qualname__)
                # The type only: a status travels further than an event, and a message may quote outsiders.
                span.set_status(StatusCode.ERROR, type(error).__qualname__)
                raise

    def about(self, span: Span, **about: Value) -> None:
        """Attributes that became known while the span ran."""
        span.set_attributes(_attributes(about))

    def spent(
        self,
        span: Span,
        *,
        model: Dollars | None,
        search: Dollars | None,
        input_tokens: int,
        output_tokens: int,
    ) -> None:
        """The totals of a job. An unknown price leaves its sum out instead of calling it 0."""
        figures: dict[str, Value] = {}
        if model is not None:
            figures["model_cost_usd"] = float(model)
        if search is not None:
            figures["search_cost_usd"] = float(search)
        if model is not None and search is not None:
            figures["cost_usd"] = float(model + search)
        else:
            figures["cost_unknown"] = True
        self.about(span, **figures)
        span.set_attribute("gen_ai.aggregated_usage.input_tokens", input_tokens)
        span.set_attribute("gen_ai.aggregated_usage.output_tokens", output_tokens)

    def paid(self, kind: str, name: str, model: str, dollars: Dollars | None) -> None:
        """One agent run or search was paid; an unknown price is counted nowhere."""
        if dollars is not None:
            about: Attributes = {"coliseum.cost.kind": kind, "coliseum.cost.name": name}
            if model:
                about["gen_ai.request.model"] = model
            self.cost.add(float(dollars), self.common | about)

    def checked(self, span: Span, checks: Sequence[Check]) -> None:
        """The verdict of every risk rule, one event each."""
        for check in checks:
            verdict = _attributes({"rule": check.rule, "passed": check.passed, "detail": check.detail})
            span.add_event("risk.rule", verdict)
        failed = [check.rule for check in checks if not check.passed]
        self.about(span, passed=not failed, failed_rules=",".join(failed))

    def decided(self, span: Span, decision: Decision) -> None:
        """What was decided, and on which figures."""
        self.about(span, action=decision.action.value, binding=decision.binding, quantity=decision.count)
        self.about(span, probability=decision.belief.probability)
        if decision.market_mid is not None:
            self.about(span, market_mid=decision.market_mid)
        if decision.quote is not None:
            quote = decision.quote
            self.about(span, side=quote.side.value, price=quote.price, net_edge=quote.net_edge, ev=quote.ev)
        self.decisions.add(1, self.common | {"coliseum.action": decision.action.value})

    @contextmanager
    def placing(self, intent: Intent) -> Iterator["Placing"]:
        """The span of one order on its way; tell it the answer."""
        with self._span("order.place", None, (), _order(intent)) as span:
            yield Placing(self, span, intent, perf_counter())

    def not_durable(self) -> None:
        """The trace of an order was not on disk in time; the order goes out all the same."""
        trace.get_current_span().set_attribute("coliseum.telemetry.durable", False)
        self.undurable.add(1, self.common)

    def executed(self, intent: Intent, order: Order) -> None:
        """The event `trade.executed`, as a log record and on the current span."""
        about: Attributes = {
            "market_ticker": intent.market_ticker,
            "side": intent.side.value,
            "quantity": _text(order.filled),
            "price": _text(intent.limit if order.average_price is None else order.average_price),
            "coliseum.action": intent.action.value,
            "coliseum.opportunity_id": intent.opportunity_id,
            "coliseum.order_id": order.order_id,
            "coliseum.client_order_id": intent.client_order_id,
        }
        trace.get_current_span().add_event("trade.executed", about)
        self.logger.emit(
            LogRecord(
                event_name="trade.executed",
                severity_number=SeverityNumber.INFO,
                severity_text="INFO",
                body=_sentence(intent, order.filled, order.average_price),
                attributes=self.common | about,
            )
        )

    def exposed(self, dollars: Dollars) -> None:
        """What all open positions together cost."""
        self.exposure.set(float(dollars), self.common)


@dataclass(frozen=True, slots=True)
class Placing:
    """An order that was sent and waits for its answer."""

    signals: Signals
    span: Span
    intent: Intent
    since: float

    def answered(self, placed: Placed) -> None:
        """What the exchange said, or that it said nothing."""
        status = _status(placed)
        common = self.signals.common | {
            "coliseum.status": status,
            "coliseum.action": self.intent.action.value,
        }
        self.signals.latency.record(perf_counter() - self.since, common)
        self.signals.orders.add(1, common | {"coliseum.side": self.intent.side.value})
        self.signals.about(self.span, status=status)
        match placed:
            case Order():
                self.signals.about(self.span, order_id=placed.order_id, filled=placed.filled)
                if placed.filled > 0:
                    self.signals.executed(self.intent, placed)
            case Refused():
                self.span.set_status(StatusCode.ERROR, f"refused: {placed.code}")
            case Unknown():
                self.span.set_status(StatusCode.ERROR, "no answer: to be reconciled")
            case _:
                assert_never(placed)


def _status(placed: Placed) -> str:
    match placed:
        case Order():
            return placed.status.value
        case Refused():
            return "refused"
        case Unknown():
            return "unknown"
        case _:
            assert_never(placed)


def _order(intent: Intent) -> dict[str, Value]:
    return {
        "market_ticker": intent.market_ticker,
        "side": intent.side.value,
        "action": intent.action.value,
        "quantity": intent.count,
        "price": intent.limit,
        "opportunity_id": intent.opportunity_id,
        "client_order_id": intent.client_order_id,
    }


def _sentence(intent: Intent, filled: Contracts, price: Price | None) -> str:
    at = intent.limit if price is None else price
    return f"{intent.action.value} {_text(filled)} {intent.side.value} {intent.market_ticker} at {_text(at)}"


def _attributes(about: dict[str, Value]) -> Attributes:
    return {
        f"coliseum.{name}": _text(value) if isinstance(value, Decimal) else value
        for name, value in about.items()
    }


def _text(number: Decimal) -> str:
    return format(number, "f")
