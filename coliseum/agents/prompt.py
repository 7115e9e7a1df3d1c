"""The agents' instructions, kept as text files, each with a version that changes when its text does."""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Prompt:
    """Instructions of one agent; `version` is `name@` and the first 8 hex digits of their SHA-256."""

    text: str
    version: str


def prompt(name: str) -> Prompt:
    """The prompt file of the agent `name`."""
    text = files("coliseum.agents").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    return Prompt(text, f"{name}@{sha256(text.encode()).hexdigest()[:8]}")
