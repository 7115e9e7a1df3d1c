"""Reading a JSON Schema node: references resolved, merged parts joined, limits moved into words found again."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from coliseum.sandbox.models.conversation import Schema

_MOVED = re.compile(
    r"\b(minimum|maximum|exclusiveMinimum|exclusiveMaximum|minLength|maxLength|minItems|maxItems|multipleOf)"
    r"\s*:\s*(-?\d{1,15}(?:\.\d{1,12})?)"
)
_MOVED_PATTERN = re.compile(r"\bpattern:\s*(.{1,200}?)\s*(?:,\s+\w+:|\}\s*$)")
_NESTED = 3
"""How deep an `allOf` inside an `allOf` is followed: one may name itself."""
_HOPS = 16
"""No honest chain of references is longer."""


def resolved(node: object, definitions: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """The node as one plain object: `$ref` and `allOf` followed, a list of types made an `anyOf`, limits that
    some clients move into the description read back. Anything unusable becomes an empty schema."""
    plain = dict(node) if isinstance(node, Mapping) else {}
    for _ in range(_HOPS):
        reference = plain.pop("$ref", None)
        if not isinstance(reference, str):
            break
        target = definitions.get(reference.rpartition("/")[2], {})
        plain = {**(target if isinstance(target, Mapping) else {}), **plain}
    plain = _joined(plain, definitions, depth)
    return _with_moved(_with_alternatives(plain))


def definitions_of(schema: Schema) -> dict[str, Any]:
    """The named parts of a schema."""
    found: dict[str, Any] = {}
    for place in ("definitions", "$defs"):
        part = schema.get(place)
        found |= part if isinstance(part, dict) else {}
    return found


def kind(node: Mapping[str, Any]) -> str:
    """The JSON type a node asks for; guessed from its other keywords when it names none, else string."""
    named = node.get("type")
    if isinstance(named, str):
        return named
    if "properties" in node or "additionalProperties" in node:
        return "object"
    return "array" if "items" in node or "prefixItems" in node else "string"


def options(node: Mapping[str, Any]) -> list[Any]:
    """The alternatives of a node, none for a plain one."""
    for keyword in ("anyOf", "oneOf"):
        found = node.get(keyword)
        if isinstance(found, list) and found:
            return found
    return []


def properties(node: Mapping[str, Any]) -> dict[str, Any]:
    found = node.get("properties")
    return found if isinstance(found, dict) else {}


def required(node: Mapping[str, Any]) -> frozenset[str]:
    found = node.get("required")
    return (
        frozenset(name for name in found if isinstance(name, str)) if isinstance(found, list) else frozenset()
    )


def number(node: Mapping[str, Any], keyword: str) -> Decimal | None:
    """A numeric keyword's value; None when it is missing or no number."""
    value = node.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def whole(node: Mapping[str, Any], keyword: str, default: int, limit: int) -> int:
    """A length keyword's value between 0 and `limit`, or the default."""
    value = number(node, keyword)
    return default if value is None else max(0, min(int(value), limit))


def _joined(node: dict[str, Any], definitions: Mapping[str, Any], depth: int) -> dict[str, Any]:
    parts = node.pop("allOf", None)
    if not isinstance(parts, list) or depth >= _NESTED:
        return node
    joined: dict[str, Any] = {}
    for part in parts[:_HOPS]:
        one = resolved(part, definitions, depth + 1)
        merged = {**properties(joined), **properties(one)}
        needed = sorted(required(joined) | required(one))
        joined = {**joined, **one} | ({"properties": merged, "required": needed} if merged else {})
    return {**joined, **node}


def _with_alternatives(node: dict[str, Any]) -> dict[str, Any]:
    types = node.get("type")
    if not isinstance(types, list):
        return node
    rest = {keyword: value for keyword, value in node.items() if keyword != "type"}
    return {"anyOf": [{**rest, "type": one} for one in types]}


def _with_moved(node: dict[str, Any]) -> dict[str, Any]:
    description = node.get("description")
    if not isinstance(description, str):
        return node
    moved: dict[str, Any] = {name: Decimal(value) for name, value in _MOVED.findall(description[:2000])}
    pattern = _MOVED_PATTERN.search(description[:2000])
    return {**moved, **({"pattern": pattern.group(1)} if pattern else {}), **node}
