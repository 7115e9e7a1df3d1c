"""Names of variables: how one leads to a field of the settings, and how a wrong one is explained."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import ErrorDetails

from coliseum.environment import Environment
from coliseum.errors import SettingsError

PREFIX = "COLISEUM_"
"""Of every variable except those of the services, which carry the names their makers gave them."""
SERVICES = ("kalshi", "exa", "anthropic", "fireworks")
NOT_OURS = frozenset({"COLISEUM_TOOLS_DIR", "COLISEUM_RECORDED"})
"""Carry our prefix but belong to the Makefile and the tests."""
LONGEST_SHOWN = 40

Path = tuple[str, ...]
"""The names of a field and of the groups around it, outermost first."""


def paths(group: type, above: Path = ()) -> Iterator[Path]:
    """Every field of the settings that a variable can set, in order of definition."""
    for name, inner in members(group).items():
        if isinstance(inner, type) and members(inner):
            yield from paths(inner, (*above, name))
        else:
            yield (*above, name)


def members(group: type) -> dict[str, object]:
    """The fields of a group (a model or a dataclass) with their types; nothing for anything else."""
    if issubclass(group, BaseModel):
        return {name: field.annotation for name, field in group.model_fields.items()}
    return {field.name: field.type for field in fields(group)} if is_dataclass(group) else {}


def variable(path: Path) -> str:
    """The variable that sets a field."""
    return "_".join(path).upper() if path[0] in SERVICES else PREFIX + "__".join(path).upper()


def value(settings: object, path: Path) -> object:
    """What a field holds, secrets still wrapped."""
    found: object = settings
    for name in path:
        found = getattr(found, name)
    return found


def tree(model: type, given: Environment) -> dict[str, Any]:
    """The given texts, nested as the model is; a group nobody sets is an empty one."""
    root: dict[str, Any] = {}
    for path in paths(model):
        branch = root
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        text = given.get(variable(path))
        if text is not None:
            branch[path[-1]] = text
    return root


def refuse_unknown(model: type, given: Environment) -> None:
    """Raises SettingsError for a variable with our prefix that means nothing: mostly a slip of the pen."""
    known = {variable(path) for path in paths(model)}
    for name in given.merged():
        if name.startswith(PREFIX) and name not in known | NOT_OURS:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`coliseum config` lists every setting"
            raise SettingsError(f"{name} (from {given.source(name)}) is not a setting; {hint}")


def explained(errors: Sequence[ErrorDetails], model: type, given: Environment) -> str:
    """The first error in one line: variable, value unless it could be a secret, what would be right."""
    first = errors[0]
    wrong = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    path = tuple(str(part) for part in first["loc"])
    leaf = (*path, wrong.partition(" ")[0])
    if path in set(paths(model)):
        wrong = f"{_given(path, model, given)} {wrong}"
    elif leaf in set(paths(model)):
        # A group's own check begins with the name of the field it speaks of.
        wrong = f"{variable(leaf)} {wrong.partition(' ')[2]}"
    return wrong if len(errors) == 1 else f"{wrong} (and {len(errors) - 1} more)"


def _given(path: Path, model: type, given: Environment) -> str:
    name = variable(path)
    text, source = given.get(name), given.source(name)
    if text is None:
        return f"{name} is not set and"
    return f"{name}={text if _showable(path, model, text) else '…'} (from {source})"


def _showable(path: Path, model: type, text: str) -> bool:
    """A short plain value of a field that is no secret; an address may hold a password."""
    inner: object = model
    for name in path:
        inner = members(inner)[name] if isinstance(inner, type) else inner
    plain = "://" not in text and text.isprintable() and len(text) <= LONGEST_SHOWN
    return plain and "SecretStr" not in str(inner)


def shown(found: object) -> str:
    """A field's value for the eye; a secret only as set or not set."""
    match found:
        case SecretStr():
            return "✓ Set"
        case None:
            return "✗ Not set"
        case _:
            return str(found)
