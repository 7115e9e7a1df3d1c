"""Which objects in the messages become the items of a list, and how many of them."""

import re
from collections.abc import Mapping, Sequence

from coliseum.sandbox.models.lookup import Source, common
from coliseum.sandbox.models.policy_evidence import Evidence
from coliseum.sandbox.models.texts import composed

MOST = 200
"""Items in one list."""

_NUMERALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_AT_MOST = re.compile(
    rf"\b(?:at most|up to|no more than|not more than|maximum of)\s+(\d{{1,3}}|{'|'.join(_NUMERALS)})\b"
    r"(?!\s*(?:more\s+|further\s+|other\s+)?(?:%|percent|words?|sentences?|characters?|letters?|lines?|paragraphs?|tokens?|times?|calls?|"
    r"questions?|dollars?|cents?|hours?|days?|minutes?))",
    re.IGNORECASE,
)


def records(names: Sequence[str], source: Source) -> list[Mapping[str, object]]:
    """The objects that hold the most of the named properties (half of the best at least), in their order and
    at most as many as the messages allow. A list inside an item gets none: nobody says whose they are."""
    if source.scope:
        return []
    shared = [(common(names, one), one) for one in _candidates(names, source)]
    most = max((count for count, _ in shared), default=0)
    return [one for count, one in shared if count and 2 * count >= most][: _at_most(source.evidence)]


def _candidates(names: Sequence[str], source: Source) -> list[Mapping[str, object]]:
    """Objects in the messages; when none fits the tool calls themselves, and then the addresses."""
    evidence = source.evidence
    asked: list[Mapping[str, object]] = [
        {**one.arguments, "answer": composed(Evidence((), (one,)), source.traits.characters)}
        for one in evidence.exchanges
    ]
    for candidates in (list(evidence.objects), asked):
        if any(common(names, one) for one in candidates):
            return candidates
    return [{"url": url} for url in evidence.urls]


def _at_most(evidence: Evidence) -> int:
    """The first "at most N" said by the user or the program; limits of words, calls and the like are others."""
    texts = (*evidence.prompts, evidence.instructions)
    found = next((match.group(1).lower() for text in texts if (match := _AT_MOST.search(text))), None)
    if found is None:
        return MOST
    return _NUMERALS.index(found) + 1 if found in _NUMERALS else int(found)
