"""Finds the secret values of this process in text, in every spelling and however they are broken over lines.

Text is compared in a *squeezed* form: lower case, without white space, line ends (also those that JSON or an address
spell out) and the backslashes that quoting adds. What is found there is mapped back to where it stands in the text.
Both steps are linear in the length of the text.
"""

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from urllib.parse import quote, quote_plus

from ahocorasick_rs import MATCHKIND_LEFTMOST_LONGEST, BytesAhoCorasick

SHORTEST_SECRET = 8
"""Shorter values are not searched for: they would hit ordinary words."""
SHORTEST_LINE = 32
"""A line of a longer secret is searched for by itself from this length on."""
BEGINNING = 16
"""So many bytes of a secret are enough to tell that it may be there."""
SHORTEST_BEGINNING = 3
MARK = b"[redacted: known secret]"

_LOWER = bytes(range(256)).lower()
_LEFT_OUT = b" \t\r\n\\nNrR"
_BREAKS_IN_ADDRESS = (b"%0a", b"%0A", b"%0d", b"%0D")
_BREAKS = re.compile(rb"(?:\\[nr]|%0[aAdD]|[ \t\r\n\\])+")


def skeleton(content: bytes) -> bytes:
    """What is left of `content` without anything that a line end can consist of, in lower case: if the content holds
    a secret, broken or not, its skeleton holds the skeleton of the secret. One pass, fit for every encoded request."""
    if b"%0" in content:
        for written in _BREAKS_IN_ADDRESS:
            content = content.replace(written, b"")
    return content.translate(_LOWER, _LEFT_OUT)


class KnownSecrets:
    """A fixed set of secret values. Immutable; safe from any thread."""

    def __init__(self, secrets: Collection[str]) -> None:
        spellings = (text.encode("utf-8", "replace") for secret in secrets for text in _spellings(secret))
        squeezed = {_squeezed(spelling)[0] for spelling in spellings}
        needles = sorted(needle for needle in squeezed if len(needle) >= SHORTEST_SECRET)
        self._search = BytesAhoCorasick(needles, matchkind=MATCHKIND_LEFTMOST_LONGEST)
        beginnings = {skeleton(needle)[:BEGINNING] for needle in needles}
        self.beginnings = frozenset(
            beginning for beginning in beginnings if len(beginning) >= SHORTEST_BEGINNING
        )
        """Of which the skeleton of a text holds one when the text holds one of the secrets."""
        self.boneless = self.beginnings != beginnings
        """Some secret has next to no skeleton, so that nothing but a search can tell whether a text holds it."""

    def removed(self, text: str) -> str:
        """`text` with a mark in the place of every secret."""
        content = text.encode("utf-8", "replace")
        squeezed, places = _squeezed(content)
        found = self._search.find_matches_as_indexes(squeezed)
        if not found:
            return text
        kept, position = [], 0
        for _, start, end in found:
            kept += [content[position : _origin(places, start)], MARK]
            position = _origin(places, end - 1) + 1
        return b"".join([*kept, content[position:]]).decode("utf-8", "replace")


def _squeezed(content: bytes) -> tuple[bytes, tuple[list[int], list[int]]]:
    """The squeezed content, and where each of its unbroken pieces begins: in it, and in the content."""
    pieces, starts, origins, length, position = [], [], [], 0, 0
    for gap in (*_BREAKS.finditer(content), None):
        end = gap.start() if gap else len(content)
        if end > position:
            pieces.append(content[position:end])
            starts.append(length)
            origins.append(position)
            length += end - position
        position = gap.end() if gap else end
    return b"".join(pieces).lower(), (starts, origins)


def _origin(places: tuple[list[int], list[int]], index: int) -> int:
    starts, origins = places
    piece = bisect_right(starts, index) - 1
    return origins[piece] + index - starts[piece]


def _spellings(secret: str) -> Iterator[str]:
    """The spellings in which a secret travels; lower case and white space do not matter."""
    secret = secret.strip()
    if len(secret) < SHORTEST_SECRET:
        return
    in_json = json.dumps(secret)[1:-1]
    for text in dict.fromkeys((secret, in_json)):
        yield text
        yield quote(text, safe="")
        yield quote_plus(text)
        yield quote(quote(text, safe=""), safe="")
        yield text.encode().hex()
        yield from _in_base64(text.encode())
    # the squeezing of a text takes the first letter along when a backslash stands before it
    if secret[0] in "nr":
        yield secret[1:]
    yield from (line for line in secret.splitlines() if len(line) >= SHORTEST_LINE and "-----" not in line)


def _in_base64(secret: bytes) -> Iterator[str]:
    """What every base64 text shows of a secret that stands somewhere inside of what was encoded: a letter stands for
    six bits, so there are three alignments, and the letters at both ends depend on the neighbours."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret + bytes(2))
        first = (before * 8 + 5) // 6
        last = (before + len(secret)) * 8 // 6
        core = encoded[first:last].decode("ascii")
        yield core
        yield core.replace("+", "-").replace("/", "_")
        if "+" in core or "/" in core:
            yield quote(core, safe="")
