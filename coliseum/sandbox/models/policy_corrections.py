"""Mending an answer the calling program refused, where its feedback names the field."""

import json
import re
from collections.abc import Sequence
from typing import Any

from coliseum.sandbox.models.conversation import Conversation, Feedback, Prompt, Result
from coliseum.sandbox.models.lookup import as_number
from coliseum.sandbox.models.policy_text import short

_NUMBER = r"(-?\d{1,12}(?:\.\d{1,9})?)"
_BOUND = re.compile(rf"(?:equal to|greater than|less than|at least|at most|multiple of)\s+{_NUMBER}")
_CHOICE = re.compile(r"should be '([^']{0,200})'")
_PLAIN = re.compile(
    rf"[`'\"]?(\w{{1,60}})[`'\"]?\s+(?:must|should|has to|needs to)\s+(?:be|equal)\s+"
    rf"(?:(?:at least|at most|equal to|less than or equal to|greater than or equal to|exactly)\s+)?"
    rf"(?:{_NUMBER}|[`'\"]([^`'\"]{{1,200}})[`'\"]|(true|false|null|none)\b)",
    re.IGNORECASE,
)
_INCLUDE = re.compile(
    r"\b(?:include|contain|mention|say|end with|start with)\w*\s+[`'\"]([^`'\"]{1,200})[`'\"]", re.IGNORECASE
)
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
_EMPTY: dict[str, object] = {
    "string_type": "",
    "list_type": [],
    "dict_type": {},
    "int_type": 0,
    "float_type": 0.0,
}


def feedback(conversation: Conversation, closing: frozenset[str]) -> tuple[str, ...]:
    """What was said against answers since the user last spoke, oldest first."""
    said: list[str] = []
    for part in conversation.parts:
        match part:
            case Prompt():
                said.clear()
            case Feedback(text):
                said.append(text)
            case Result(name=name, text=text, failed=True) if name in closing:
                said.append(text)
    return tuple(said)


def corrected(answer: Any, said: Sequence[str]) -> Any:
    """The answer with every named field mended; the same answer when no field is named."""
    for text in said:
        errors = _errors(text)
        for error in errors:
            answer = _mended(answer, error.get("loc"), error)
        if not errors and isinstance(answer, dict):
            _mend_named(answer, text)
    return answer


def corrected_text(text: str, said: Sequence[str]) -> str:
    """The text with what it was told to include added at its end."""
    missing = [part for one in said for part in _INCLUDE.findall(one) if part not in text]
    return " ".join([text, *dict.fromkeys(missing)])


def _errors(text: str) -> list[dict[str, Any]]:
    """The list of validation errors in a feedback text: objects with a `loc`."""
    decoder, start = json.JSONDecoder(), text.find("[")
    for _ in range(20):
        if start < 0:
            break
        try:
            value, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list) and value and all(isinstance(one, dict) and "loc" in one for one in value):
            return value
        start = text.find("[", start + 1)
    return []


def _mended(answer: Any, path: object, error: dict[str, Any]) -> Any:
    if not isinstance(path, list) or not path:
        return answer
    holder = answer
    for step in path[:-1]:
        holder = _inside(holder, step)
    _mend(holder, path[-1], str(error.get("type", "")), str(error.get("msg", "")))
    return answer


def _inside(holder: Any, step: object) -> Any:
    if isinstance(holder, dict) and isinstance(step, str):
        return holder.get(step)
    if isinstance(holder, list) and isinstance(step, int) and 0 <= step < len(holder):
        return holder[step]
    return None


def _mend(holder: Any, name: Any, kind: str, message: str) -> None:
    if isinstance(holder, dict) and kind == "extra_forbidden":
        holder.pop(name, None)
        return
    present = isinstance(holder, dict) or (
        isinstance(holder, list) and isinstance(name, int) and name < len(holder)
    )
    if present:
        current = holder.get(name) if isinstance(holder, dict) else holder[name]
        holder[name] = _better(current, kind, message)


def _better(value: Any, kind: str, message: str) -> Any:
    choice = _CHOICE.search(message)
    if choice and kind in ("enum", "literal_error"):
        return choice.group(1)
    if kind in _EMPTY:
        return _EMPTY[kind]
    bound = _BOUND.search(message) or re.search(_NUMBER, message)
    number = as_number(bound.group(1)) if bound else None
    if number is None:
        return value
    if isinstance(value, str):
        return short(value, int(number)) if "at most" in message else value.ljust(int(number), ".")
    if isinstance(value, list):
        return value[: int(number)] if "at most" in message else value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _beside(float(number), kind, whole=isinstance(value, int))
    return value


def _beside(bound: float, kind: str, *, whole: bool) -> int | float:
    step = {"less_than": -1, "greater_than": 1}.get(kind, 0) * (1 if whole else 1e-6)
    return int(bound + step) if whole else round(bound + step, 9)


def _mend_named(answer: dict[str, Any], text: str) -> None:
    """Sentences such as "limit must be at most 5" or "side should be 'yes'"."""
    for name, number, quoted, constant in _PLAIN.findall(text):
        if name not in answer:
            continue
        if number:
            answer[name] = (
                type(answer[name])(float(number)) if isinstance(answer[name], int | float) else number
            )
        else:
            answer[name] = quoted or _CONSTANTS[constant.lower()]
