"""Finding a named value in what the messages hold: the object at hand, a named line, the only object there is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from coliseum.sandbox.models.catalogue import Traits
from coliseum.sandbox.models.policy_evidence import Evidence
from coliseum.sandbox.models.policy_text import plain, words

_SAME = {"ticker": "market_ticker", "market": "market_ticker", "link": "url", "href": "url"}
"""Names that mean one thing."""

_LINE = re.compile(r"\W{0,8}([A-Za-z][\w \-]{0,60}?)\s{0,4}[:=]\s*(\S.{0,500})")


@dataclass(frozen=True, slots=True)
class Source:
    """What a field may be filled from."""

    evidence: Evidence
    traits: Traits
    scope: Mapping[str, object]
    """The object an item of a list is made from; empty outside of lists."""


def normal(name: str) -> str:
    """The name in one spelling: "marketTicker", "market-ticker" and "ticker" are the same."""
    joined = "_".join(words(name))
    return _SAME.get(joined, joined)


def values(name: str, source: Source) -> Iterator[object]:
    """Candidates for the property, best first; whoever asks takes the first of the type it needs."""
    wanted = normal(name)
    yield from _named(wanted, source.scope)
    if source.scope:
        return
    for text in reversed(source.evidence.prompts):
        yield from _lines(wanted, text)
    yield from _agreed(wanted, source.evidence.objects)


def text_value(name: str, source: Source) -> str | None:
    """The first candidate that is a text and not empty."""
    return next((one for one in values(name, source) if isinstance(one, str) and one), None)


def number_value(name: str, source: Source) -> Decimal | None:
    """The first candidate that is a number or reads as one."""
    return next((one for one in map(as_number, values(name, source)) if one is not None), None)


def as_number(value: object) -> Decimal | None:
    """A number, also one written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value).strip().removeprefix("$"))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < Decimal("1e15") else None


def common(names: Sequence[str], candidate: Mapping[str, object]) -> int:
    """How many of the names the object has a plain value for."""
    held = {normal(name) for name, value in candidate.items() if not isinstance(value, dict | list)}
    return len(held & {normal(name) for name in names})


def _named(wanted: str, scope: Mapping[str, object]) -> Iterator[object]:
    return (value for name, value in scope.items() if normal(name) == wanted)


def _lines(wanted: str, text: str) -> Iterator[str]:
    """What follows "Name:" or "name =" at the start of a line."""
    for line in text.splitlines():
        found = _LINE.match(line)
        if found and normal(found.group(1)) == wanted:
            yield plain(found.group(2).strip(" \"'`,"))


def _agreed(wanted: str, objects: Sequence[Mapping[str, object]]) -> Iterator[object]:
    """The value all objects agree on; with several different ones nobody can say which is meant."""
    found = [value for one in objects for value in _named(wanted, one)]
    if found and all(value == found[0] for value in found):
        yield found[0]
