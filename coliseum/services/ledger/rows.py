"""Between the values of trading and the rows of the ledger, field by field and exactly."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping

from coliseum.domain.market import Side
from coliseum.domain.opportunity import (
    Action,
    Answer,
    Belief,
    Check,
    Decision,
    Opportunity,
    Quote,
    Research,
    Source,
    Stage,
)
from coliseum.domain.order import Fill, Intent, OrderAction, OrderStatus, Settlement
from coliseum.domain.record import CostRow, OrderRow, Snapshot, SpanRef

Row = dict[str, Any]
QUOTE = ("price", "fee", "cost", "net_edge", "ev", "kelly")
BELIEF = ("probability", "low", "high", "model", "prompt")


def span_row(span: SpanRef) -> Row:
    return {"trace_id": span.trace_id, "span_id": span.span_id}


def span_of(row: RowMapping) -> SpanRef:
    return SpanRef(row["trace_id"], row["span_id"])


def opportunity_row(opportunity: Opportunity, span: SpanRef, place: int) -> Row:
    return {**asdict(opportunity), "stage": str(opportunity.stage), "place": place, **span_row(span)}


def opportunity_of(row: RowMapping) -> Opportunity:
    values = _without(row, "trace_id", "span_id", "place")
    return Opportunity(**{**values, "stage": Stage(row["stage"])})


def research_row(research: Research, span: SpanRef) -> Row:
    return {
        "opportunity_id": research.opportunity_id,
        "summary": research.summary,
        "model": research.model,
        "prompt": research.prompt,
        **span_row(span),
    }


def answer_row(answer: Answer, research: int, span: SpanRef) -> Row:
    return {
        "research": research,
        "question": answer.question,
        "text": answer.text,
        "cost": answer.cost,
        "request_id": answer.request_id,
        **span_row(span),
    }


def source_row(source: Source, answer: int, span: SpanRef) -> Row:
    return {"answer": answer, **asdict(source), **span_row(span)}


def source_of(row: RowMapping) -> Source:
    return Source(url=row["url"], title=row["title"], published=row["published"], text=row["text"])


def answer_of(row: RowMapping, sources: Sequence[Source]) -> Answer:
    return Answer(
        question=row["question"],
        text=row["text"],
        sources=tuple(sources),
        cost=row["cost"],
        request_id=row["request_id"],
    )


def research_of(row: RowMapping, answers: Sequence[Answer]) -> Research:
    return Research(
        opportunity_id=row["opportunity_id"],
        summary=row["summary"],
        answers=tuple(answers),
        model=row["model"],
        prompt=row["prompt"],
    )


def belief_row(belief: Belief) -> Row:
    return {
        "opportunity_id": belief.opportunity_id,
        **{name: getattr(belief, name) for name in BELIEF},
        "reasons": json.dumps(belief.reasons),
    }


def belief_of(row: RowMapping) -> Belief:
    return Belief(
        opportunity_id=row["opportunity_id"],
        **{name: row[name] for name in BELIEF},
        reasons=tuple(json.loads(row["reasons"])),
    )


def decision_row(decision: Decision, span: SpanRef) -> Row:
    return {
        "id": decision.id,
        **belief_row(decision.belief),
        "opportunity_id": decision.opportunity_id,
        "market_ticker": decision.market_ticker,
        "action": str(decision.action),
        **_quote_row(decision.quote),
        "count": decision.count,
        "binding": decision.binding,
        "market_mid": decision.market_mid,
        "decided_at": decision.decided_at,
        **span_row(span),
    }


def decision_of(row: RowMapping, checks: Sequence[Check]) -> Decision:
    return Decision(
        id=row["id"],
        opportunity_id=row["opportunity_id"],
        market_ticker=row["market_ticker"],
        action=Action(row["action"]),
        belief=belief_of(row),
        quote=_quote_of(row),
        count=row["count"],
        binding=row["binding"],
        checks=tuple(checks),
        market_mid=row["market_mid"],
        decided_at=row["decided_at"],
    )


def check_row(check: Check, decision_id: str, span: SpanRef) -> Row:
    return {"decision_id": decision_id, **asdict(check), **span_row(span)}


def check_of(row: RowMapping) -> Check:
    return Check(rule=row["rule"], passed=row["passed"], detail=row["detail"])


def intent_row(intent: Intent, span: SpanRef) -> Row:
    """The columns every order has from its first moment; the caller adds when and why."""
    return {
        "client_order_id": intent.client_order_id,
        "opportunity_id": intent.opportunity_id,
        "leg": intent.leg,
        "market_ticker": intent.market_ticker,
        "action": str(intent.action),
        "side": str(intent.side),
        "count": intent.count,
        "limit_price": intent.limit,
        "status": str(OrderStatus.INTENT),
        "order_id": "",
        "average_price": None,
        **span_row(span),
    }


def order_of(row: RowMapping) -> OrderRow:
    return OrderRow(
        intent=_intent_of(row),
        status=OrderStatus(row["status"]),
        order_id=row["order_id"],
        filled=row["filled"],
        average_price=row["average_price"],
        fees=row["fees"],
        reason=row["reason"],
        created=row["created"],
        span=span_of(row),
    )


def fill_row(fill: Fill, client_order_id: str, span: SpanRef) -> Row:
    return {
        **asdict(fill),
        "action": str(fill.action),
        "side": str(fill.side),
        "client_order_id": client_order_id,
        **span_row(span),
    }


def fill_of(row: RowMapping) -> Fill:
    values = _without(row, "client_order_id", "trace_id", "span_id")
    return Fill(**{**values, "action": OrderAction(row["action"]), "side": Side(row["side"])})


def settlement_row(settlement: Settlement, span: SpanRef) -> Row:
    return {**asdict(settlement), **span_row(span)}


def settlement_of(row: RowMapping) -> Settlement:
    return Settlement(**_without(row, "trace_id", "span_id"))


def cost_row(cost: CostRow) -> Row:
    return {**_fields(cost), **span_row(cost.span)}


def cost_of(row: RowMapping) -> CostRow:
    return CostRow(**_without(row, "number", "trace_id", "span_id"), span=span_of(row))


def snapshot_row(snapshot: Snapshot, span: SpanRef) -> Row:
    return {**asdict(snapshot), **span_row(span)}


def snapshot_of(row: RowMapping) -> Snapshot:
    return Snapshot(**_without(row, "number", "trace_id", "span_id"))


def _intent_of(row: RowMapping) -> Intent:
    return Intent(
        client_order_id=row["client_order_id"],
        opportunity_id=row["opportunity_id"],
        leg=row["leg"],
        market_ticker=row["market_ticker"],
        action=OrderAction(row["action"]),
        side=Side(row["side"]),
        count=row["count"],
        limit=row["limit_price"],
    )


def _quote_row(quote: Quote | None) -> Row:
    figures = {f"quote_{name}": None if quote is None else getattr(quote, name) for name in QUOTE}
    return {"quote_side": None if quote is None else str(quote.side), **figures}


def _quote_of(row: RowMapping) -> Quote | None:
    if row["quote_side"] is None:
        return None
    return Quote(side=Side(row["quote_side"]), **{name: row[f"quote_{name}"] for name in QUOTE})


def _fields(cost: CostRow) -> Row:
    values = asdict(cost)
    del values["span"]
    return values


def _without(row: RowMapping, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}
