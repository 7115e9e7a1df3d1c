"""Numbers for a schema: probabilities from counts alone, amounts by counting, the rest by name."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from coliseum.sandbox.models import schema
from coliseum.sandbox.models.lookup import Source, number_value
from coliseum.sandbox.models.policy_evidence import Evidence
from coliseum.sandbox.models.roles import Role, number_role, text_role

_PERCENT = Decimal(100)
_EVEN = Decimal("0.5")
_WIDE = (Decimal("0.05"), Decimal("0.95"))
"""The interval of somebody who has counted nothing."""


def figure(node: Mapping[str, Any], name: str, source: Source) -> int | float | None:
    """A number for the property within the node's range; None when the evidence has none."""
    integer = schema.kind(node) == "integer"
    found = None if integer else _belief(name, source.evidence)
    if found is not None and schema.number(node, "maximum") == _PERCENT:
        found *= _PERCENT
    if found is None:
        found = number_value(name, source)
    if found is None:
        found = _amount(name, source.evidence)
    return None if found is None else scaled(found, node)


def scaled(value: Decimal, node: Mapping[str, Any]) -> int | float:
    """The value moved into the node's range and onto its steps, with at most six decimals."""
    integer = schema.kind(node) == "integer"
    multiple = schema.number(node, "multipleOf")
    unit = multiple if multiple and multiple > 0 else Decimal(1 if integer else "0.000001")
    moved = (_clamped(value, node, unit) / unit).to_integral_value(ROUND_HALF_EVEN) * unit
    return int(moved) if integer else float(moved)


def _belief(name: str, evidence: Evidence) -> Decimal | None:
    count = evidence.count
    low, high = count.interval if count else _WIDE
    match number_role(name):
        case Role.PROBABILITY:
            return count.mean if count else _EVEN
        case Role.LOW:
            return low
        case Role.HIGH:
            return high
        case _:
            return None


def _amount(name: str, evidence: Evidence) -> Decimal | None:
    count = evidence.count
    match number_role(name):
        case Role.CASES:
            return Decimal(count.cases if count else 0)
        case Role.HITS:
            return Decimal(count.hits if count else 0)
        case Role.AMOUNT if text_role(name) is Role.ADDRESS:
            return Decimal(len(evidence.urls))
        case Role.AMOUNT:
            return Decimal(len(evidence.exchanges or evidence.objects))
        case _:
            return None


def _clamped(value: Decimal, node: Mapping[str, Any], unit: Decimal) -> Decimal:
    lowest, above = schema.number(node, "minimum"), schema.number(node, "exclusiveMinimum")
    highest, below = schema.number(node, "maximum"), schema.number(node, "exclusiveMaximum")
    if above is not None and value <= above:
        value = above + unit
    if below is not None and value >= below:
        value = below - unit
    if lowest is not None:
        value = max(value, lowest)
    return value if highest is None else min(value, highest)
