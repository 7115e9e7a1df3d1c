"""Numbers and ids that depend on nothing but a seed and what they are for."""

from hashlib import sha256
from uuid import UUID, uuid5

_NAMESPACE = UUID("f3c8a0de-6a5c-5d42-8f6e-0d5b8a1c7e21")


def number(seed: int, *labels: object) -> int:
    """A non-negative 64-bit number; the same seed and labels always give the same one."""
    text = ":".join(str(label) for label in (seed, *labels))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def between(low: int, high: int, seed: int, *labels: object) -> int:
    """A number from `low` to `high`, both included."""
    return low + number(seed, *labels) % (high - low + 1)


def identifier(seed: int, *labels: object) -> str:
    """A UUID as text; the same seed and labels always give the same one."""
    return str(uuid5(_NAMESPACE, ":".join(str(label) for label in (seed, *labels))))
