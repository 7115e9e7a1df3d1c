"""Makes a copy of a damaged journal's files that SQLite agrees to read, for salvage; the files stay as they are.

SQLite reads nothing behind the first bad frame of a WAL, and nothing at all without a first page. Entries have a CRC
of their own, so here every frame is offered, and a first page that is gone is replaced by that of a new journal."""

import shutil
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from otel.journal.files import beside
from otel.journal.schema import SCHEMA_VERSION, is_journal, migrate

PAGE = 4096
_HEADER, _FRAME = struct.Struct(">8I"), struct.Struct(">6I")
_MAGIC, _FORMAT = 0x377F0682, 3007000
_MOST_PAGES = 2**28
MOST_LEFT_OVER = 4
"""Transactions behind the last good one that need not be damage: a process that is killed in the middle of a commit
leaves one that nobody was told of, and nothing tells it from a damaged one."""


def patched(path: Path, copy: Path) -> sqlite3.Connection | None:
    """A connection to a readable copy of the journal at `path`, made at `copy`; None when there is nothing in it."""
    pages = {number: page for number, _, page in frames(_content(beside(path, "-wal")))}
    shutil.copyfile(path, copy) if path.is_file() else copy.touch()
    with copy.open("r+b") as file:
        file.truncate(max(copy.stat().st_size, PAGE))  # SQLite deletes the WAL of an empty file
    connection = _opened(copy, pages)
    if connection is None:
        connection = _opened(copy, pages | {1: _first_page(copy, pages)})
    return connection


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _opened(copy: Path, pages: dict[int, bytes]) -> sqlite3.Connection | None:
    beside(copy, "-wal").write_bytes(wal_of(pages, copy.stat().st_size // PAGE))
    connection = sqlite3.connect(copy, isolation_level=None)
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA writable_schema=ON")  # reads a file that is shorter than its header says
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if 0 < version <= SCHEMA_VERSION and is_journal(connection, version):
            return connection
    connection.close()
    return None


def frames(wal: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Page number, size after commit (0 inside a transaction) and page of each frame that was written since the WAL
    was last begun anew, whatever its checksum."""
    size = _FRAME.size + PAGE
    heads = [_FRAME.unpack_from(wal, at) for at in range(_HEADER.size, len(wal) - size + 1, size)]
    if not heads:
        return
    salts = _HEADER.unpack_from(wal)[4:6]
    if not any(head[2:4] == salts for head in heads):
        salts = heads[0][2:4]  # the header itself is damaged
    last = max(index for index, head in enumerate(heads) if head[2:4] == salts)
    for index, (number, commit, *_) in enumerate(heads[: last + 1]):
        if 0 < number < _MOST_PAGES:
            start = _HEADER.size + index * size + _FRAME.size
            yield number, commit, wal[start : start + PAGE]


def wal_of(pages: dict[int, bytes], file_pages: int) -> bytes:
    """One transaction that writes `pages`, with checksums as SQLite wants them."""
    whole = max([file_pages, *pages])
    header = struct.pack(">6I", _MAGIC, _FORMAT, PAGE, 0, 1, 2)
    state = _checksum(header, (0, 0))
    parts = [header + struct.pack(">2I", *state)]
    for place, (number, page) in enumerate(pages.items(), start=1):
        head = struct.pack(">2I", number, whole if place == len(pages) else 0)
        state = _checksum(head + page, state)
        parts += [head, struct.pack(">4I", 1, 2, *state), page]
    return b"".join(parts)


def _checksum(content: bytes, state: tuple[int, int]) -> tuple[int, int]:
    """SQLite's, as its file format describes it."""
    one, two = state
    words = struct.unpack(f"<{len(content) // 4}I", content)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _first_page(copy: Path, pages: dict[int, bytes]) -> bytes:
    """That of a new journal: tables begin on the same pages in every one."""
    template = beside(copy, "-template")
    template.unlink(missing_ok=True)
    with closing(sqlite3.connect(template, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("BEGIN")
        migrate(connection, template)
        connection.execute("COMMIT")
    page = bytearray(template.read_bytes()[:PAGE])
    template.unlink()
    struct.pack_into(">I", page, 28, max([copy.stat().st_size // PAGE, *pages]))
    return bytes(page)


def unread_commits(path: Path) -> bool:
    """Whether transactions in the WAL are not read because a frame before them is damaged. To be asked by whoever
    holds the write lock."""
    with closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as connection:
        _, read, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    wal = _content(beside(path, "-wal"))
    if read < 0 or len(wal) < _HEADER.size:
        return False
    unread = sum(1 for index, (_, commit, _) in enumerate(frames(wal)) if commit and index >= read)
    return unread > MOST_LEFT_OVER
