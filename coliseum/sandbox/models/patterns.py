"""A text that matches a simple regular expression: literals, classes, groups, alternatives, repetitions."""

import re
from dataclasses import dataclass

_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_REPEAT = re.compile(r"\{(\d{1,3})(?:,(\d{0,3}))?\}")
_SLOW = re.compile(r"(?:[+*}]\??|\|[^()]*)\)[+*{]")
"""A repetition of something that repeats or branches: matching may take forever."""
_LONGEST = 200


def example(pattern: str) -> str | None:
    """A short text the pattern matches, or None for a pattern too clever for this."""
    if _too_clever(pattern):
        return None
    reader = _Reader(pattern)
    text = reader.alternatives()
    try:
        found = reader.at == len(pattern) and re.search(pattern, text) is not None
    except (re.error, RecursionError):
        return None
    return text if found else None


def fits(pattern: str, text: str) -> bool:
    """Whether a text of modest length matches; False for patterns that are too long or invalid."""
    if _too_clever(pattern) or len(text) > _LONGEST:
        return False
    try:
        return re.search(pattern, text) is not None
    except (re.error, RecursionError):
        return False


def _too_clever(pattern: str) -> bool:
    return len(pattern) > _LONGEST or _SLOW.search(pattern) is not None


@dataclass(slots=True)
class _Reader:
    pattern: str
    at: int = 0
    depth: int = 0

    def alternatives(self) -> str:
        first = self._sequence()
        while self._peek() == "|":
            self.at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        text = ""
        while (letter := self._peek()) and letter not in "|)":
            text = (text + self._repeated(self._atom(letter)))[:_LONGEST]
        return text

    def _atom(self, letter: str) -> str:
        self.at += 1
        if letter in "^$":
            return ""
        if letter == "(":
            return self._group()
        if letter == "[":
            return self._one_of()
        if letter == "\\":
            return self._escaped()
        return "a" if letter == "." else letter

    def _group(self) -> str:
        self.depth += 1
        if self.pattern.startswith("?:", self.at):
            self.at += 2
        inner = self.alternatives() if self.depth < 16 else ""
        self.depth -= 1
        if self._peek() == ")":
            self.at += 1
        return inner

    def _one_of(self) -> str:
        end = self.pattern.find("]", self.at + 1)
        inside = self.pattern[self.at : end] if end > 0 else ""
        self.at = end + 1 if end > 0 else len(self.pattern)
        if inside.startswith("^"):
            return next((one for one in "a0-_ " if one not in inside), "~")
        return _CLASSES.get(inside[1:2], inside[1:2]) if inside.startswith("\\") else inside[:1]

    def _escaped(self) -> str:
        letter = self._peek()
        self.at += 1
        return "" if letter in "bBAZ" else _CLASSES.get(letter, letter)

    def _repeated(self, atom: str) -> str:
        letter = self._peek()
        times = 1
        if letter and letter in "*?+":
            times = 1 if letter == "+" else 0
            self.at += 1
        elif repeat := _REPEAT.match(self.pattern, self.at):
            times = int(repeat.group(1))
            self.at = repeat.end()
        if self._peek() == "?" and letter in ("*", "+", "?", "{"):
            self.at += 1
        return atom * times

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]
