"""Reads variables, one typed value each, and refuses at the door what cannot be meant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from otel.errors import ConfigError

TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective setting for people: `value` never holds a secret; `source` says where it came from."""

    name: str
    value: str
    source: str


class Reader:
    """Reads variables and notes, for people, which were set and what took their place."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.seen: list[Setting] = []

    def text(self, name: str, default: str, *, secret: bool = False) -> str:
        value = self._env.get(name, "").strip()
        shown = ("✓ Set" if value else "✗ Not set") if secret else (value or default)
        self.seen.append(Setting(name, shown, "environment" if value else "default"))
        return value or default

    def items(self, name: str) -> tuple[str, ...]:
        return split(self.text(name, ""))

    def pairs(self, name: str, *, secret: bool = False) -> dict[str, str]:
        pairs = {}
        for part in self.text(name, "", secret=secret).split(","):
            key, equals, value = part.partition("=")
            if part.strip() and not (equals and key.strip()):
                raise ConfigError(
                    f"{name}: one entry is not of the form key=value; separate entries by commas"
                )
            if part.strip():
                pairs[key.strip()] = unquote(value.strip())
        if secret and not all(
            text.isascii() and text.isprintable() for pair in pairs.items() for text in pair
        ):
            raise ConfigError(f"{name}: an HTTP header holds printable ASCII characters only")
        return pairs

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, str(default).lower()).lower()
        if value not in TRUE + FALSE:
            raise ConfigError(f"{name}={value!r}: say true or false")
        return value in TRUE

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of `choices`, in any case of letters; the first when nothing is said."""
        value = self.text(name, choices[0]).lower()
        if value not in choices:
            raise ConfigError(f"{name}={value[:40]!r}: say {' or '.join(choices)}")
        return value

    def number(self, name: str, default: float, *, low: float, high: float = float("inf")) -> float:
        value = self.text(name, f"{default:g}")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise ConfigError(f"{name}={value!r}: give a number from {low:g} to {high:g}")
        return number

    def count(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal() or len(value) > 18:
            raise ConfigError(f"{name}={value[:40]!r}: give a whole number")
        return int(value)

    def url(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if value:
            require_http_url(name, value)
        return value.rstrip("/")

    def file(self, name: str) -> Path | None:
        value = self.text(name, "")
        if value and not Path(value).is_file():
            raise ConfigError(f"{name}={value!r}: there is no such file")
        return Path(value) if value else None


def require_http_url(name: str, value: str) -> None:
    """Raises ConfigError unless `value` is an http(s) address with a host, and without what may be a secret."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{name}: not an address; give one like http://localhost:4318")
    if parts.username or parts.password:
        raise ConfigError(f"{name}: keep user and password out of the address; use headers instead")
    if parts.query or parts.fragment:
        raise ConfigError(f"{name}: give the address without query and fragment; use headers instead")


def split(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)
