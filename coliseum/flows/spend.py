"""What one job pays: every agent run and every search is booked once, also when it fails."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from coliseum.agents.asking import Meter
from coliseum.domain.money import ZERO, Dollars
from coliseum.domain.opportunity import Answer
from coliseum.domain.record import CostRow
from coliseum.errors import LedgerError
from coliseum.ports import Clock, Ledger, Search
from coliseum.signals import Job, Signals
from coliseum.tracing import here

SEARCH = "exa"
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Spend:
    """The account of one job. A sum is None from the first price that is not known."""

    job: Job
    ledger: Ledger
    clock: Clock
    signals: Signals
    opportunity_id: str = ""
    """What is being paid for just now; empty when it is the job as a whole."""
    model_dollars: Dollars | None = ZERO
    search_dollars: Dollars | None = ZERO
    input_tokens: int = 0
    output_tokens: int = 0
    rows: list[CostRow] = field(default_factory=list)

    @contextmanager
    def run(self, agent: str, model: str) -> Iterator[Meter]:
        """The meter for one agent run; what it shows at the end is booked, whatever the end was."""
        meter = Meter(model)
        try:
            yield meter
        finally:
            if meter.used:
                self._book_run(agent, meter)

    def searching(self, search: Search) -> Search:
        """The same search, every answer of which is booked."""
        return _Booked(search, self)

    def book_search(self, answer: Answer) -> None:
        self._book("search", SEARCH, Meter(""), answer.cost)

    def _book_run(self, agent: str, meter: Meter) -> None:
        self._book("model", agent, meter, meter.dollars)
        self.input_tokens += meter.usage.input_tokens
        self.output_tokens += meter.usage.output_tokens

    def _book(self, kind: str, name: str, meter: Meter, dollars: Dollars | None) -> None:
        row = CostRow(
            job=self.job,
            opportunity_id=self.opportunity_id,
            kind=kind,
            name=name,
            model=meter.model,
            input_tokens=meter.usage.input_tokens,
            output_tokens=meter.usage.output_tokens,
            requests=meter.usage.requests if kind == "model" else 1,
            dollars=dollars,
            at=self.clock.now(),
            span=here(),
        )
        self._add(row)
        self._write(row)

    def _add(self, row: CostRow) -> None:
        self.rows.append(row)
        self.signals.paid(row.kind, row.name, row.model, row.dollars)
        if row.kind == "model":
            self.model_dollars = _plus(self.model_dollars, row.dollars)
        else:
            self.search_dollars = _plus(self.search_dollars, row.dollars)

    def _write(self, row: CostRow) -> None:
        try:
            self.ledger.add_cost(row)
        except LedgerError as error:
            # The money is gone either way; an exit that follows must not fail over its bookkeeping. An entry
            # stops at its own commit.
            log.error("a cost of %s dollars for %s is not in the ledger: %s", row.dollars, row.name, error)


@dataclass(frozen=True, slots=True)
class _Booked:
    inner: Search
    spend: Spend

    async def answer(self, question: str, *, published_before: datetime) -> Answer:
        answer = await self.inner.answer(question, published_before=published_before)
        self.spend.book_search(answer)
        return answer


def _plus(total: Dollars | None, more: Dollars | None) -> Dollars | None:
    return None if total is None or more is None else total + more
