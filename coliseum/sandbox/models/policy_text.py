"""Quoting text that nobody vouches for: cleaned, cut into sentences, without those that give orders."""

import json
import re
import unicodedata
from collections.abc import Iterator
from html import unescape

_TAG = re.compile(r"<[^<>]{0,200}>")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_BULLET = re.compile(r"^\s*(?:[-*•]\s+|\d{1,2}[.)]\s+)")
_LABEL = re.compile(r"^[A-Z][A-Za-z]{0,20}:\s+")
_ORDER = re.compile(
    r"\b(?:ignore|disregard|instruction|system\s*:|prompt|tool result|execution mode|configuration)",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://[^\s<>\"'`)\]}]{3,500}")
_TRIES = 200
"""How many opening brackets are tried before a text is taken to hold no more JSON."""


def plain(text: str) -> str:
    """Without control, direction and zero-width characters and without markup; one space between words."""
    visible = "".join(
        " " if letter.isspace() else letter for letter in unescape(text) if letter.isspace() or _seen(letter)
    )
    return " ".join(_TAG.sub(" ", visible).split())


def sentences(text: str) -> tuple[str, ...]:
    """The sentences worth quoting, in order: no JSON, no scraps, none that tells its reader what to do."""
    found = (plain(_BULLET.sub("", part)) for part in _SENTENCE_END.split(text))
    return tuple(part for part in found if _quotable(part))


def _quotable(sentence: str) -> bool:
    whole = 12 <= len(sentence) <= 400 and len(sentence.split()) > 3
    return whole and sentence[0] not in "{[" and not _ORDER.search(sentence)


def listed(text: str) -> tuple[str, ...]:
    """The questions a text lists: lines ending in a question mark, else its bullet points."""
    lines = [line for line in text.splitlines() if line.strip() and line.strip()[0] not in "{["]
    asked = [plain(_LABEL.sub("", _BULLET.sub("", line))) for line in lines if line.rstrip().endswith("?")]
    points = [plain(_BULLET.sub("", line)) for line in lines if _BULLET.match(line)]
    return tuple(dict.fromkeys(one for one in asked or points if one))


def urls(text: str) -> tuple[str, ...]:
    """Every web address in the text once, in order."""
    return tuple(dict.fromkeys(found.rstrip(".,;:") for found in _URL.findall(text)))


def words(name: str) -> tuple[str, ...]:
    """The words of a property name or sentence, lower-case: "yesBid_price" gives yes, bid, price."""
    spread = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return tuple(re.findall(r"[a-z0-9]+", spread.lower()))


def short(text: str, characters: int) -> str:
    """At most that many characters, ending between words where that costs little."""
    if len(text) <= characters:
        return text
    cut = text[:characters]
    before, space, _ = cut.rpartition(" ")
    return before if space and len(before) * 2 > characters else cut


def objects(text: str) -> Iterator[dict[str, object]]:
    """Every JSON object embedded in the text, also those inside arrays and objects, outermost first."""
    for value in _values(text):
        yield from flattened(value)


def flattened(value: object) -> Iterator[dict[str, object]]:
    """The objects in a JSON value, outermost first."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from flattened(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from flattened(inner)


def without_json(text: str) -> str:
    """The text with embedded JSON values left out."""
    kept, end = [], 0
    for start, stop, _ in _spans(text):
        kept.append(text[end:start])
        end = stop
    return "".join([*kept, text[end:]])


def _values(text: str) -> Iterator[object]:
    return (value for _, _, value in _spans(text))


def _spans(text: str) -> Iterator[tuple[int, int, object]]:
    decoder = json.JSONDecoder()
    start, tries = _bracket(text, 0), 0
    while start >= 0 and tries < _TRIES:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            tries, end = tries + 1, start + 1
        else:
            yield start, end, value
        start = _bracket(text, end)


def _bracket(text: str, start: int) -> int:
    found = re.compile(r"[{\[]").search(text, start)
    return found.start() if found else -1


def _seen(letter: str) -> bool:
    return unicodedata.category(letter) not in ("Cc", "Cf", "Co", "Cs")
