"""Filling a JSON Schema from evidence, field by field, with nothing made up where the evidence is silent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from coliseum.sandbox.models import schema
from coliseum.sandbox.models.catalogue import MODELS, Traits
from coliseum.sandbox.models.conversation import Schema
from coliseum.sandbox.models.figures import figure, scaled
from coliseum.sandbox.models.listings import MOST, records
from coliseum.sandbox.models.lookup import Source, as_number, values
from coliseum.sandbox.models.policy_evidence import Evidence, Exchange, counts
from coliseum.sandbox.models.policy_text import short, words
from coliseum.sandbox.models.texts import LONGEST, placeholder, quotes, text

_DEEPEST = 8
_NEUTRAL = (
    "unknown",
    "unclear",
    "none",
    "neutral",
    "abstain",
    "hold",
    "medium",
    "moderate",
    "normal",
    "mixed",
)
_YES = frozenset({"yes", "true", "confirmed", "affirmed", "correct", "enabled"})
_NO = frozenset({"no", "not", "never", "false", "without", "don", "isn", "cannot"})


class _Unknown(Enum):
    UNKNOWN = "the evidence says nothing of it"


UNKNOWN: Final = _Unknown.UNKNOWN


def filled(wanted: Schema, evidence: Evidence, traits: Traits) -> Any:
    """A value of the schema's shape. Probabilities come from counts alone; texts are quoted; what nobody knows
    is null or left out where the schema allows it, else the most neutral value it allows."""
    return _Filler(schema.definitions_of(wanted)).certain(wanted, "", Source(evidence, traits, {}), 0)


def filled_from_text(wanted: Schema, question: str, answer: str) -> Any:
    """Fill a schema from one answered question."""
    evidence = Evidence((question,), (Exchange("answer", {"question": question}, answer),))
    return filled(wanted, evidence, MODELS["sandbox-large"])


@dataclass(frozen=True, slots=True)
class _Filler:
    definitions: Mapping[str, Any]

    def certain(self, node: object, name: str, source: Source, depth: int) -> Any:
        """A value in any case."""
        found = self.value(node, name, source, depth)
        return self._default(self._plain(node), name, source, depth) if found is UNKNOWN else found

    def value(self, node: object, name: str, source: Source, depth: int) -> Any:
        """A value if the evidence has one, else UNKNOWN."""
        plain = self._plain(node)
        if "const" in plain:
            return plain["const"]
        if isinstance(plain.get("enum"), list) and plain["enum"]:
            return _choice(plain["enum"], name, source)
        if depth > _DEEPEST:
            return UNKNOWN
        if schema.options(plain):
            return self._alternative(plain, name, source, depth)
        return self._typed(plain, name, source, depth)

    def _typed(self, node: dict[str, Any], name: str, source: Source, depth: int) -> Any:
        found: Any
        match schema.kind(node):
            case "object":
                return self._object(node, source, depth)
            case "array":
                return self._array(node, name, source, depth)
            case "boolean":
                return _affirmed(name, source)
            case "null":
                return None
            case "number" | "integer":
                found = figure(node, name, source)
            case _:
                found = text(node, name, source)
        return UNKNOWN if found is None else found

    def _alternative(self, node: dict[str, Any], name: str, source: Source, depth: int) -> Any:
        others = [one for one in schema.options(node) if self._plain(one).get("type") != "null"]
        for option in others:
            found = self.value(option, name, source, depth + 1)
            if found is not UNKNOWN:
                return found
        return None if len(others) < len(schema.options(node)) else UNKNOWN

    def _object(self, node: dict[str, Any], source: Source, depth: int) -> Any:
        needed = schema.required(node)
        found = {
            name: self.value(part, name, source, depth + 1) for name, part in schema.properties(node).items()
        }
        if depth and all(value is UNKNOWN for value in found.values()):
            return UNKNOWN
        return self._completed(node, found, needed, source, depth)

    def _completed(
        self, node: dict[str, Any], found: dict[str, Any], needed: frozenset[str], source: Source, depth: int
    ) -> dict[str, Any]:
        parts = schema.properties(node)
        return {
            name: self._default(self._plain(parts[name]), name, source, depth + 1)
            if value is UNKNOWN
            else value
            for name, value in found.items()
            if value is not UNKNOWN or name in needed
        }

    def _array(self, node: dict[str, Any], name: str, source: Source, depth: int) -> Any:
        fixed = node.get("prefixItems")
        if isinstance(fixed, list):
            return [self.certain(part, name, source, depth + 1) for part in fixed[:MOST]]
        most = schema.whole(node, "maxItems", MOST, MOST)
        made = self._items(self._plain(node.get("items")), name, source, depth)[:most]
        return self._padded(made, node, name, source, depth) or UNKNOWN

    def _padded(
        self, made: list[Any], node: dict[str, Any], name: str, source: Source, depth: int
    ) -> list[Any]:
        missing = range(len(made), schema.whole(node, "minItems", 0, MOST))
        return made + [self.certain(node.get("items"), name, source, depth + 1) for _ in missing]

    def _items(self, part: dict[str, Any], name: str, source: Source, depth: int) -> list[Any]:
        held = next((one for one in values(name, source) if isinstance(one, list)), [])
        if "enum" in part:
            return [one for one in held if one in part["enum"]]
        if schema.options(part):
            return []
        match schema.kind(part):
            case "object":
                chosen = records(list(schema.properties(part)), source)
                return [self._record(part, one, source, depth) for one in chosen]
            case "string":
                texts = [one for one in held if isinstance(one, str)] or quotes(name, source)
                longest = schema.whole(part, "maxLength", source.traits.characters, LONGEST)
                return [short(one, longest) for one in texts]
            case "number" | "integer":
                return [scaled(one, part) for one in map(as_number, held) if one is not None]
            case _:
                return []

    def _record(self, part: dict[str, Any], item: Mapping[str, object], source: Source, depth: int) -> Any:
        """Counts inside the item speak for it; an item without any is judged by what is known of all."""
        said = "\n".join(str(value) for value in item.values())
        near = Evidence((said,), ()) if any(counts(said)) else source.evidence
        return self.certain(part, "", Source(near, source.traits, item), depth + 1)

    def _default(self, node: dict[str, Any], name: str, source: Source, depth: int) -> Any:
        """What stands where something is required and nothing is known."""
        if "default" in node:
            return node["default"]
        if schema.options(node) and depth <= _DEEPEST:
            return self.certain(schema.options(node)[0], name, source, depth + 1)
        match schema.kind(node):
            case "object":
                return {} if depth > _DEEPEST else self._emptied(node, source, depth)
            case "array":
                return []
            case "number" | "integer":
                return scaled(Decimal(0), node)
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return placeholder(node, source)

    def _emptied(self, node: dict[str, Any], source: Source, depth: int) -> dict[str, Any]:
        nothing = dict.fromkeys(schema.properties(node), UNKNOWN)
        return self._completed(node, dict(nothing), schema.required(node), source, depth)

    def _plain(self, node: object) -> dict[str, Any]:
        return schema.resolved(node, self.definitions)


def _choice(allowed: list[Any], name: str, source: Source) -> Any:
    """The allowed value that the messages name for the property, else the most neutral one, else the first."""
    for found in values(name, source):
        same = [one for one in allowed if str(one).casefold() == str(found).casefold()]
        if same:
            return same[0]
    neutral = (one for word in _NEUTRAL for one in allowed if str(one).casefold() == word)
    return next(neutral, allowed[0])


def _affirmed(name: str, source: Source) -> bool:
    """True when the object at hand says so, or when a sentence of the user's last message holds every word of
    the name and an affirmative, and no denial. Else false."""
    held = next((one for one in values(name, source) if isinstance(one, bool)), None)
    if held is not None:
        return held
    wanted = frozenset(words(name))
    last = source.evidence.prompts[-1] if source.evidence.prompts else ""
    said = (frozenset(words(one)) for one in re.split(r"[.!?\n]+", last))
    return any(wanted and wanted <= one and bool(one & _YES) and not one & _NO for one in said)
