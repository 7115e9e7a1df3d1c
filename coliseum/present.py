"""Shows what happened to a person: tables, and the story a demo ends with. Data goes to standard output."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from coliseum.domain.money import ZERO, Dollars
from coliseum.domain.opportunity import Action, Decision, Opportunity
from coliseum.domain.record import OrderRow
from coliseum.settings import SettingRow

if TYPE_CHECKING:
    from coliseum.flows.settle import Score
    from coliseum.ports import Ledger

DOLLAR_DIGITS = Decimal("0.0001")
LONGEST_TITLE = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLine:
    """One decision with what became of it; `outcome` is "yes", "no" or "" while it is not known."""

    market: str
    event: str
    title: str
    subtitle: str
    action: Action
    why: str
    probability: Decimal
    market_mid: Decimal | None
    order: OrderRow | None
    outcome: str
    profit: Dollars | None
    trace_id: str

    def plain(self) -> dict[str, Any]:
        """The same for a program: decimals as strings, missing things as null."""
        order = self.order
        return {
            "market": self.market,
            "title": self.title,
            "action": self.action.value,
            "why": self.why,
            "probability": str(self.probability),
            "market_mid": None if self.market_mid is None else str(self.market_mid),
            "order_id": order.order_id if order else None,
            "client_order_id": order.intent.client_order_id if order else None,
            "status": order.status.value if order else None,
            "side": order.intent.side.value if order else None,
            "quantity": str(order.filled) if order else None,
            "price": str(order.average_price) if order and order.average_price is not None else None,
            "fees": str(order.fees) if order else None,
            "outcome": self.outcome or None,
            "profit": None if self.profit is None else str(self.profit),
            "trace_id": self.trace_id or None,
        }


def decision_lines(ledger: "Ledger", scores: "Sequence[Score]") -> tuple[DecisionLine, ...]:
    """Every decision of the ledger, in order, beside its entry order and its outcome."""
    outcomes = {score.decision.id: "yes" if score.happened else "no" for score in scores}
    entries = {row.intent.opportunity_id: row for row in ledger.orders() if row.intent.leg == "entry"}
    found = {opportunity.id: opportunity for opportunity in ledger.opportunities()}
    return tuple(
        _line(
            decision,
            found[decision.opportunity_id],
            entries.get(decision.opportunity_id),
            outcomes.get(decision.id, ""),
        )
        for decision in ledger.decisions()
    )


def _line(decision: Decision, opportunity: Opportunity, order: OrderRow | None, outcome: str) -> DecisionLine:
    return DecisionLine(
        market=decision.market_ticker,
        event=opportunity.event_ticker,
        title=opportunity.title,
        subtitle=opportunity.subtitle,
        action=decision.action,
        why=decision.binding,
        probability=decision.belief.probability,
        market_mid=decision.market_mid,
        order=order,
        outcome=outcome,
        profit=held_to_the_end(order, outcome),
        trace_id=order.span.trace_id if order else "",
    )


def held_to_the_end(order: OrderRow | None, outcome: str) -> Dollars | None:
    """What an entry brought, fees deducted, had it been held until its outcome; None while that is not known."""
    if order is None or order.average_price is None or not outcome:
        return None
    paid = order.filled * order.average_price + order.fees
    brought = (order.filled if order.intent.side.value == outcome else ZERO) - paid
    return brought.quantize(DOLLAR_DIGITS)


COLUMNS = (("decision", 16), ("belief", 7), ("market", 7), ("order", 12), ("outcome", 8), ("profit", 8))
"""Beside the market's name; fixed, so that the tables of several events stand in line."""


def decision_tables(lines: Iterable[DecisionLine]) -> Iterator[Table]:
    """What was decided and bought, and how it ended, one table an event. `profit` is what an order brought had it
    been held to the end."""
    for event, group in groupby(lines, key=lambda line: line.event):
        table = Table(
            title=Text(safe(event)), title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        table.add_column("", width=LONGEST_TITLE, no_wrap=True, overflow="ellipsis")
        for name, width in COLUMNS:
            left = name in ("decision", "outcome")
            table.add_column(
                name,
                width=width,
                justify="left" if left else "right",
                no_wrap=True,
                style="",
                header_style="dim",
            )
        for line in group:
            table.add_row(*_cells(line))
        yield table


def _cells(line: DecisionLine) -> list[Text]:
    return [
        Text(_short(line.subtitle)),
        Text(line.action.value.replace("_", " "), style="bold")
        if line.order
        else Text(line.why.replace("_", " "), style="dim"),
        Text(f"{line.probability:.2f}"),
        Text("" if line.market_mid is None else f"{line.market_mid:.2f}"),
        Text(_ordered(line.order)),
        Text(line.outcome or "open", style="" if line.outcome else "dim"),
        _money(line.profit),
    ]


def _ordered(order: OrderRow | None) -> str:
    if order is None or order.average_price is None:
        return "" if order is None else order.status.value
    return f"{order.filled.normalize():f} @ {order.average_price:.2f}"


def _money(amount: Dollars | None) -> Text:
    if amount is None:
        return Text("")
    return Text(f"{amount:+.2f}", style="green" if amount > 0 else "red")


def safe(text: str) -> str:
    """Text from outside, fit for a terminal: no control, colour or direction characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def _short(text: str) -> str:
    plain = safe(text)
    return plain if len(plain) <= LONGEST_TITLE else plain[: LONGEST_TITLE - 1] + "…"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Mean Brier scores over `count` decisions with a known outcome; lower is better, None when there is none."""

    count: int
    ours: Decimal | None
    market: Decimal | None


def verdict(scores: "Sequence[Score]") -> Verdict:
    """Ours against the market's own price at the moment of decision, on the same questions."""
    both = [(score.ours, score.market) for score in scores if score.market is not None]
    if not both:
        return Verdict(0, None, None)
    count = len(both)
    return Verdict(count, sum((o for o, _ in both), ZERO) / count, sum((m for _, m in both), ZERO) / count)


def verdict_text(result: Verdict) -> str:
    if result.ours is None or result.market is None:
        return "No decision has a known outcome yet."
    better = "better" if result.ours < result.market else "worse"
    return (
        f"Brier score over {result.count} decisions with an outcome: ours {result.ours:.4f}, "
        f"the market's {result.market:.4f} (lower is better): {better} than the market."
    )


def summary_text(lines: Sequence[DecisionLine], spent: Dollars | None) -> str:
    """How many orders, what those with an outcome brought, and what deciding cost; `spent` is None when a price is
    not known."""
    orders = [line for line in lines if line.order and line.order.filled]
    ended = [line.profit for line in orders if line.profit is not None]
    cost = "an unknown amount" if spent is None else f"${spent:.2f} (simulated prices)"
    return (
        f"{len(lines)} decisions, {len(orders)} orders; the {len(ended)} with an outcome brought "
        f"{sum(ended, ZERO):+.2f} dollars after fees. Models and searches cost {cost}."
    )


def settings_table(rows: Sequence[SettingRow]) -> Table:
    """Every effective setting with its source."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column(
        "setting", no_wrap=True, overflow="fold", min_width=max((len(row.name) for row in rows), default=0)
    )
    table.add_column("value", overflow="fold")
    table.add_column("source", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name, Text(row.value), Text(row.source, style="dim" if row.source == "default" else "cyan")
        )
    return table


def counts(title: str, figures: Mapping[str, object]) -> Group:
    """A title, and below it names beside figures; "none" when there are none."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, figure in figures.items():
        table.add_row(Text(f"  {safe(name)}"), Text(safe(str(figure))))
    return Group(Text(title, style="bold"), table if figures else Text("  none", style="dim"))


def decision_facts(decision: Decision) -> dict[str, Any]:
    """One decision for a program: decimals as strings."""
    quote = decision.quote
    return {
        "opportunity_id": decision.opportunity_id,
        "market": decision.market_ticker,
        "action": decision.action.value,
        "probability": str(decision.belief.probability),
        "interval": f"{decision.belief.low} to {decision.belief.high}",
        "price": str(quote.price) if quote else None,
        "net_edge": str(quote.net_edge) if quote else None,
        "ev": str(quote.ev) if quote else None,
        "count": str(decision.count),
        "binding": decision.binding,
        "failed_checks": [check.rule for check in decision.checks if not check.passed],
    }


def demo_facts(lines: Sequence[DecisionLine], result: Verdict, home: str) -> dict[str, Any]:
    """A demo's result for a program."""
    return {
        "home": home,
        "decisions": [line.plain() for line in lines],
        "brier": {
            "count": result.count,
            "ours": None if result.ours is None else str(result.ours),
            "market": None if result.market is None else str(result.market),
        },
    }


def next_steps(home: str) -> str:
    """Where to look after a demo."""
    return (
        f"\nEverything is kept in {home}: coliseum.db (ledger), store.db (traces), journal.db (telemetry).\n"
        f"Look next:\n"
        f"  .venv/bin/python -m otel traces --home {home}      every trace, with tokens and dollars\n"
        f"  .venv/bin/python -m otel trace ID --home {home}    one of them as a tree, with its log lines\n"
        f"  .venv/bin/python -m otel status --home {home}      what was delivered where\n"
        f"  docs/architecture.md                               how it works"
    )
