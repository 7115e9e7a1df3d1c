"""Searches everything that was stored or sent for a secret, knowing nothing of how secrets are removed."""

import base64
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import zstandard

BROKEN = re.compile(rb"\\+[nr]|%0[aAdD]|[\s\\]+")


def stored(home: Path) -> Iterator[tuple[str, bytes]]:
    """Where it is, and what it is: each file as it lies there (WAL included), and each column of each database without
    its compression."""
    for path in sorted(home.rglob("*")):
        if path.is_file():
            yield path.name, path.read_bytes()
            if path.suffix == ".db":
                yield from ((f"{path.name}: {table}", value) for table, value in columns(path))


def columns(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield from ((table, unpacked(value)) for value in row if isinstance(value, bytes | str))


def unpacked(value: bytes | str) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    try:
        return zstandard.ZstdDecompressor().decompress(content)
    except zstandard.ZstdError:
        return content


def spellings(secret: str) -> set[bytes]:
    """What would give a secret away: itself, either half of it, and the parts that no neighbour changes in base64."""
    half = len(secret) // 2
    in_json = json.dumps(secret)[1:-1]
    texts = {secret, secret[:half], secret[half:], in_json}
    texts |= {quote(secret, safe=""), quote_plus(secret), secret.encode().hex()}
    for text in (secret, in_json):
        for before in range(3):
            encoded = base64.b64encode(b"x" * before + text.encode() + b"xx").decode()
            core = encoded[4:-8]
            texts |= {core, core.replace("+", "-").replace("/", "_"), quote(core, safe="")}
    return {BROKEN.sub(b"", text.encode()) for text in texts}


def found(secrets: Iterable[tuple[str, str]], contents: Iterable[tuple[str, bytes]]) -> set[tuple[str, str]]:
    """Which secrets (by name) stand where."""
    needles = [(name, spelling) for name, secret in secrets for spelling in spellings(secret)]
    leaks = set()
    for place, content in contents:
        whole = BROKEN.sub(b"", content)
        leaks |= {(name, place) for name, needle in needles if needle in whole or needle in content}
    return leaks
