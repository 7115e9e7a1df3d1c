"""The variables a run was given, and from which layer each came: environment before .env before default."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dotenv.parser import Original, parse_stream

from coliseum.errors import SettingsError

LONGEST_DOTENV = 64 * 1024


@dataclass(frozen=True, slots=True)
class Layer:
    """Variables from one place. An empty value counts as not set."""

    source: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Environment:
    """Layers of variables; an earlier layer beats a later one."""

    layers: tuple[Layer, ...]

    def source(self, name: str) -> str | None:
        """The layer that decides `name`, or None when no layer sets it."""
        return next((layer.source for layer in self.layers if layer.values.get(name)), None)

    def get(self, name: str) -> str | None:
        return next((layer.values[name] for layer in self.layers if layer.values.get(name)), None)

    def merged(self) -> dict[str, str]:
        """Every variable with the value that counts."""
        names = {name for layer in self.layers for name in layer.values}
        return {name: value for name in sorted(names) if (value := self.get(name)) is not None}

    def below(self, layer: Layer) -> "Environment":
        """The same with one more layer that every present one beats."""
        return Environment((*self.layers, layer))


def environment(variables: Mapping[str, str], dotenv: Path | None = None) -> Environment:
    """The given variables above those of the .env file; a file that does not exist is an empty layer.

    Raises SettingsError for an unreadable or malformed file.
    """
    values = {} if dotenv is None else read_dotenv(dotenv)
    return Environment((Layer("environment", dict(variables)), Layer(".env", values)))


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a .env file, without `${}` interpolation; the last of two lines wins.

    Raises SettingsError naming file and line, never the line's text: it may hold a key.
    """
    if not path.exists():
        return {}
    values: dict[str, str] = {}
    for binding in parse_stream(StringIO(_text(path))):
        if binding.error or (binding.key is not None and binding.value is None):
            line = _line(binding.original)
            raise SettingsError(f"{path} line {line}: not a setting; write NAME=value, or # before a comment")
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def _line(original: Original) -> int:
    """The parser counts from the blank lines before an entry."""
    text = original.string
    return original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    if len(raw) > LONGEST_DOTENV:
        raise SettingsError(f"{path} is larger than {LONGEST_DOTENV // 1024} KiB; is it really a .env file?")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text; save it as UTF-8") from None
