"""Texts for a schema: looked up by name, or quoted from the evidence, in the length and form asked for."""

import re
from collections.abc import Mapping
from typing import Any

from coliseum.sandbox.models import patterns, schema
from coliseum.sandbox.models.lookup import Source, text_value
from coliseum.sandbox.models.policy_evidence import Evidence
from coliseum.sandbox.models.policy_text import plain, sentences, short
from coliseum.sandbox.models.roles import Role, list_role, text_role

LONGEST = 20_000
"""Characters in one text, whatever the schema allows."""

_EXAMPLES = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "nobody@sandbox.invalid",
    "uri": "http://sandbox.invalid/",
    "url": "http://sandbox.invalid/",
    "hostname": "sandbox.invalid",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uuid": "00000000-0000-0000-0000-000000000000",
}
_ADDRESSES = ("uri", "url")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def composed(evidence: Evidence, characters: int, count: int = 3) -> str:
    """A short text quoted from the evidence, those sentences first that count something."""
    return short(" ".join(evidence.sentences[:count]), characters)


def text(node: Mapping[str, Any], name: str, source: Source) -> str | None:
    """A text for the property; None when the evidence has none."""
    held = text_value(name, source)
    if held is not None and _is(node.get("format"), held):
        return _shaped(short(held, _room(node, LONGEST)), node)
    found = _quoted(node, name, source)
    return None if found is None else _shaped(short(found, _room(node, source.traits.characters)), node)


def quotes(name: str, source: Source) -> list[str]:
    """The texts of a list property: addresses, sentences or the question, as its name says."""
    evidence = source.evidence
    match list_role(name):
        case Role.ADDRESS:
            return list(evidence.urls)
        case Role.QUOTES:
            return list((_own_sentences(source) or evidence.sentences)[: source.traits.quotes])
        case Role.QUESTION:
            return [evidence.question] if evidence.question else []
        case _:
            return []


def placeholder(node: Mapping[str, Any], source: Source) -> str:
    """What stands where a text is required and none is known: an example of the form, else a quotation."""
    example = _EXAMPLES.get(str(node.get("format")))
    if example is not None:
        return example
    evidence = source.evidence
    found = composed(evidence, source.traits.characters, 1) or plain(evidence.question) or "unknown"
    cut = short(found, _room(node, source.traits.characters))
    shaped = _shaped(cut, node)
    return cut if shaped is None else shaped


def _quoted(node: Mapping[str, Any], name: str, source: Source) -> str | None:
    role, form = text_role(name), node.get("format")
    if role is Role.ADDRESS or form in _ADDRESSES:
        return next(iter(source.evidence.urls), None)
    if form in _EXAMPLES:
        return None
    if role is Role.QUESTION:
        return source.evidence.question or None
    return _prose(source) if role is Role.PROSE else None


def _prose(source: Source) -> str | None:
    own = " ".join(_own_sentences(source)[:2])
    return own or composed(source.evidence, source.traits.characters) or _given(source.scope) or None


def _own_sentences(source: Source) -> tuple[str, ...]:
    held = (value for value in source.scope.values() if isinstance(value, str))
    return tuple(one for value in held for one in sentences(value))


def _given(scope: Mapping[str, object]) -> str:
    said = [
        f"{name} {value}" for name, value in scope.items() if isinstance(value, str | int) and value != ""
    ]
    return f"Given: {plain(', '.join(said[:4]))}." if said else ""


def _room(node: Mapping[str, Any], default: int) -> int:
    return schema.whole(node, "maxLength", default, LONGEST)


def _shaped(found: str, node: Mapping[str, Any]) -> str | None:
    """The text padded to the length asked for, or an example where it does not fit the pattern."""
    pattern = node.get("pattern")
    if isinstance(pattern, str) and not patterns.fits(pattern, found):
        return patterns.example(pattern)
    return found.ljust(schema.whole(node, "minLength", 0, LONGEST), ".")


def _is(form: object, found: str) -> bool:
    """Whether a looked-up text may stand where that format is asked for."""
    if form in _ADDRESSES:
        return found.startswith(("http://", "https://"))
    if form in ("date", "date-time"):
        return _DATE.match(found) is not None and (form == "date-time") == (len(found) > 10)
    return form not in _EXAMPLES or len(found) <= 100
