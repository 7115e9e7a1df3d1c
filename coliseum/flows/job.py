"""One run of one job: a trace of its own, and an account of what it paid."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.trace import Span

from coliseum.flows.desk import Desk
from coliseum.flows.spend import Spend
from coliseum.signals import Job, Value


@dataclass(frozen=True, slots=True)
class Run:
    """A job while it runs."""

    desk: Desk
    span: Span
    spend: Spend

    def about(self, **figures: Value) -> None:
        """What the job found out about itself, on its span."""
        self.desk.signals.about(self.span, **figures)


@contextmanager
def job(desk: Desk, name: Job, *, links: Iterable[str] = (), **about: Value) -> Iterator[Run]:
    """Run as `name`, linked to the given traceparents; what was spent stands on its span at the end."""
    with desk.signals.job(name, links=links, **about) as span:
        spend = Spend(name, desk.ledger, desk.clock, desk.signals)
        try:
            yield Run(desk, span, spend)
        finally:
            desk.signals.spent(
                span,
                model=spend.model_dollars,
                search=spend.search_dollars,
                input_tokens=spend.input_tokens,
                output_tokens=spend.output_tokens,
            )
