"""When two spellings are the same phrase, and which recorded phrase a question names."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’ʼ][^\W_]+)*")
_QUOTED = re.compile(r"\"([^\"]{1,200})\"|“([^”]{1,200})”|‘([^’]{1,200})’|(?<!\w)'([^\n]{1,200}?)'(?!\w)")
_MATCHUP = re.compile(r"@|\bvs?\b|\bversus\b", re.IGNORECASE)
_JOINT = re.compile(r"\s*/\s*")
_OTHER_WORDS = {"failtoqualify": "eventdoesnotqualify"}
"""A condition that titles put into other words than the record does."""
_LONGEST = 8
"""No recorded alternative has more words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The phrase a question is about: as it was written there, and the keys of its alternatives."""

    name: str
    keys: frozenset[str]


def words(text: str) -> list[str]:
    """Lower-case words without accents, apostrophes and the plural s of the last letter."""
    return [_singular(word) for word, _, _ in _positions(text)]


def key(alternative: str) -> str:
    """One spelling's identity: "Air balls", "Air-ball" and "airball" share theirs."""
    found = [word for word, _, _ in _positions(alternative)]
    if not found:
        return ""
    return "".join([*found[:-1], _singular(found[-1])])


def keys(phrase: str) -> frozenset[str]:
    """The keys of a phrase's alternatives, which are separated by "/"."""
    return frozenset(one for part in phrase.split("/") if (one := key(part)))


def asked(question: str, known: Iterable[str]) -> Asked | None:
    """The phrase named in `question`. Quotation marks decide when there are any (quoted match-ups aside);
    else the longest spelling among the `known` keys wins, with the alternatives joined to it by "/"."""
    keys_known = frozenset(known)
    quoted = [Asked(part, keys(part)) for part in _quoted(question)]
    if quoted:
        return max(quoted, key=lambda one: (bool(one.keys & keys_known), len(one.name)))
    return _unquoted(question, keys_known)


def _quoted(question: str) -> list[str]:
    parts = [next(group for group in found.groups() if group).strip() for found in _QUOTED.finditer(question)]
    return [part for part in parts if keys(part) and not _MATCHUP.search(part)]


@dataclass(frozen=True, slots=True)
class _Span:
    key: str
    start: int
    end: int


def _unquoted(question: str, known: frozenset[str]) -> Asked | None:
    spans = _apart(_matches(question, known))
    if not spans:
        return None
    longest = max(range(len(spans)), key=lambda index: (len(spans[index].key), -index))
    chain = _chain(question, spans, longest)
    name = question[chain[0].start : chain[-1].end]
    return Asked(name, frozenset(span.key for span in chain))


def _matches(question: str, known: frozenset[str]) -> Iterator[_Span]:
    found = _positions(question)
    for first in range(len(found)):
        for last in range(first, min(first + _LONGEST, len(found))):
            joined = "".join(word for word, _, _ in found[first:last]) + _singular(found[last][0])
            joined = _OTHER_WORDS.get(joined, joined)
            if joined in known:
                yield _Span(joined, found[first][1], found[last][2])


def _apart(spans: Iterable[_Span]) -> list[_Span]:
    """Longest first, leaving out what overlaps a longer one; then in the order of the text."""
    kept: list[_Span] = []
    for span in sorted(spans, key=lambda one: (-len(one.key), one.start)):
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda one: one.start)


def _chain(question: str, spans: list[_Span], index: int) -> list[_Span]:
    first = last = index
    while first and _JOINT.fullmatch(question, spans[first - 1].end, spans[first].start):
        first -= 1
    while last + 1 < len(spans) and _JOINT.fullmatch(question, spans[last].end, spans[last + 1].start):
        last += 1
    return spans[first : last + 1]


def _positions(text: str) -> list[tuple[str, int, int]]:
    return [(_plain(found.group()), found.start(), found.end()) for found in _WORD.finditer(text)]


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in decomposed if letter.isalnum())


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
