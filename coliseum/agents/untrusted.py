"""Text from outside, quoted so that a model can tell it from its instructions."""

from collections.abc import Sequence
from html import escape

from coliseum.domain.opportunity import Answer, Source

LONGEST_ANSWER = 4_000
LONGEST_SOURCE = 1_200
MOST_SOURCES = 6
"""Of one answer; pages beyond that repeat what the first ones say."""


def quoted(text: str, source: str, longest: int) -> str:
    """`text` cut to `longest` characters between tags that it cannot close: its own angle brackets are
    escaped, and control characters other than line breaks are gone."""
    return f'<untrusted source="{source}">\n{plain(text, longest)}\n</untrusted>'


def plain(text: str, longest: int) -> str:
    """The same without the tags, to stand inside a larger quotation."""
    kept = "".join(c for c in text if c.isprintable() or c == "\n")
    return escape(kept[:longest] + ("…" if len(kept) > longest else ""), quote=False)


def answer(found: Answer) -> str:
    """What the search said to one question, with its sources."""
    lines = [f"Question: {found.question}", f"Answer: {found.text[:LONGEST_ANSWER]}"]
    lines += [_source(source) for source in found.sources[:MOST_SOURCES]]
    longest = LONGEST_ANSWER + MOST_SOURCES * 2 * LONGEST_SOURCE
    return quoted("\n".join(lines), "search", longest)


def answers(found: Sequence[Answer]) -> str:
    """All answers, or the plain statement that there are none."""
    return "\n\n".join(answer(each) for each in found) or "(the search service gave no answer)"


def _source(source: Source) -> str:
    dated = "undated" if source.published is None else f"{source.published:%Y-%m-%d}"
    return f"Source ({dated}): {source.title[:200]} — {source.url[:300]}\n{source.text[:LONGEST_SOURCE]}".rstrip()
