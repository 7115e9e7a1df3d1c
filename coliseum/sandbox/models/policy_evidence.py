"""What the messages of a conversation say: counts, sentences, addresses and objects."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from coliseum.sandbox.models import policy_text
from coliseum.sandbox.models.conversation import Call, Conversation, Prompt, Result

_COUNT = re.compile(r"(?<![\w./,-])(\d[\d,]{0,8})\s*(?:of|out of|/)\s*(\d[\d,]{0,8})(?![\w/]|[.,]\d)")
_ORDINAL = re.compile(
    r"\b(?:game|round|page|part|step|day|week|quarter|season|match|chapter)\s*$", re.IGNORECASE
)
_YEARS = range(1900, 2101)
_Z = Decimal("1.6448536")
"""Two-sided 90 %."""


@dataclass(frozen=True, slots=True)
class Count:
    """So many cases out of so many."""

    hits: int
    cases: int

    @property
    def mean(self) -> Decimal:
        """Laplace's rule of succession: (k + 1) / (n + 2)."""
        return Decimal(self.hits + 1) / (self.cases + 2)

    @property
    def interval(self) -> tuple[Decimal, Decimal]:
        """Wilson's score interval at 90 % (Wilson 1927)."""
        n, p, z2 = Decimal(self.cases), Decimal(self.hits) / self.cases, _Z * _Z
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * (p * (1 - p) / n + z2 / (4 * n * n)).sqrt()
        return max(centre - half, Decimal(0)), min(centre + half, Decimal(1))


def counts(text: str) -> Iterator[Count]:
    """The statements "37 of 97", "37 out of 97" and "37/97"; a percentage alone is no evidence."""
    for found in _COUNT.finditer(text):
        hits, cases = (int(group.replace(",", "")) for group in found.groups())
        numbered = _ORDINAL.search(text, max(0, found.start() - 12), found.start())
        dated = cases in _YEARS and hits <= 31
        if cases >= 1 and hits <= cases and not numbered and not dated:
            yield Count(hits, cases)


@dataclass(frozen=True)
class Exchange:
    """A tool's arguments and what it answered."""

    tool: str
    arguments: Mapping[str, Any]
    text: str

    @cached_property
    def value(self) -> object:
        """The answer as JSON when the whole of it is JSON; else None. Text inside stays text."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def words(self) -> str:
        """Everything it says in words: the texts of a JSON answer on lines of their own."""
        return self.text if self.value is None else "\n".join(_leaves(self.value))


@dataclass(frozen=True)
class Evidence:
    """What can be quoted and counted. Instructions of the program are not evidence, nor are failed calls."""

    prompts: tuple[str, ...]
    exchanges: tuple[Exchange, ...]
    instructions: str = ""

    @cached_property
    def count(self) -> Count | None:
        """The best supported count: that of most cases, a tool's before the user's, the first before later."""
        texts = [*(exchange.words for exchange in self.exchanges), *self.prompts]
        return best(found for text in texts for found in counts(text))

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """What the tools said, sentences with counts first; what the user said when no tool said anything."""
        said = [one for exchange in self.exchanges for one in policy_text.sentences(exchange.words)]
        told = said or [
            one for text in self.prompts for one in policy_text.sentences(policy_text.without_json(text))
        ]
        return tuple(dict.fromkeys(sorted(told, key=lambda one: not any(counts(one)))))

    @cached_property
    def urls(self) -> tuple[str, ...]:
        texts = [*(exchange.text for exchange in self.exchanges), *self.prompts]
        return tuple(dict.fromkeys(url for text in texts for url in policy_text.urls(text)))

    @cached_property
    def objects(self) -> tuple[Mapping[str, object], ...]:
        """Objects the user gave, then those tools answered with; an object inside a tool's text is no object."""
        given = [one for text in self.prompts for one in policy_text.objects(text)]
        answered = [one for exchange in self.exchanges for one in policy_text.flattened(exchange.value)]
        return (*given, *answered)

    @property
    def question(self) -> str:
        """The user's own words, without embedded data."""
        text = self.prompts[-1] if self.prompts else ""
        return policy_text.plain(policy_text.without_json(text)) or policy_text.plain(text)


def best(found: Iterable[Count]) -> Count | None:
    """That of most cases; the first of equals."""
    return max(found, key=lambda count: count.cases, default=None)


def evidence(conversation: Conversation, closing: frozenset[str]) -> Evidence:
    """Read the conversation; answers of the tools named in `closing` are the program's receipts."""
    calls = {part.id: part for part in conversation.parts if isinstance(part, Call)}
    results = [
        part
        for part in conversation.parts
        if isinstance(part, Result) and not part.failed and part.name not in closing
    ]
    exchanges = (
        Exchange(part.name, calls[part.call_id].arguments if part.call_id in calls else {}, part.text)
        for part in results
    )
    prompts = (part.text for part in conversation.parts if isinstance(part, Prompt))
    return Evidence(tuple(prompts), tuple(exchanges), conversation.system)


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None:
        yield str(value)
