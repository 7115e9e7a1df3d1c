"""How a batch lies on disk as one entry, and how entries become the chunk that a destination is handed."""

import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import zstandard

from otel.batch import Batch, Signal, join

CODEC = "zstd/2"
"""The body is compressed with zstandard; the CRC covers the payload, its signal and its count."""
FIRST_CODEC = "zstd"
"""The same, but the CRC covers the payload only."""
COLUMNS = "id, uuid, signal, created, items, bytes, crc, codec, body, total"
OLDEST = (
    "SELECT c.signal, c.last, (SELECT min(id) FROM batch b WHERE b.signal = c.signal AND b.id > c.last) AS n "
    "FROM cursor c WHERE c.destination = ? AND n IS NOT NULL ORDER BY n LIMIT 1"
)
SIZES = "SELECT bytes FROM batch WHERE signal = ? AND id > ? ORDER BY id LIMIT ?"
NEXT = "SELECT id, created, items, crc, codec, body, bytes FROM batch WHERE signal = ? AND id > ? ORDER BY id LIMIT ?"


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a destination is to be handed next: `batch` joins the entries `first` to `last` of one signal."""

    first: int
    last: int
    entries: int
    oldest: float
    batch: Batch


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch as it is written; `key` is the same however often the writing has to be tried."""

    key: bytes
    batch: Batch
    crc: int
    body: bytes

    @classmethod
    def of(cls, batch: Batch) -> "Entry":
        body = zstandard.ZstdCompressor(level=1).compress(batch.payload)
        return cls(uuid.uuid4().bytes, batch, checksum(CODEC, batch.signal, batch.items, batch.payload), body)

    def row(self, created: float, total: int) -> tuple[object, ...]:
        batch = self.batch
        size = len(batch.payload)
        return self.key, batch.signal, created, batch.items, size, self.crc, CODEC, self.body, total


def checksum(codec: str, signal: str, items: int, payload: bytes) -> int:
    seed = zlib.crc32(f"{signal}:{items}".encode()) if codec == CODEC else 0
    return zlib.crc32(payload, seed)


def payload_of(signal: str, items: Any, crc: Any, codec: Any, body: Any, size: Any) -> bytes | None:
    """What an entry holds; None when any part of it is not as it was written. Takes whatever a damaged file gives."""
    if codec not in (CODEC, FIRST_CODEC) or not isinstance(body, bytes) or not isinstance(items, int):
        return None
    try:
        if zstandard.frame_content_size(body) != size:  # a damaged header may ask for any amount of memory
            return None
        payload = zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError:
        return None
    return payload if checksum(codec, signal, items, payload) == crc else None


def fitting(sizes: Sequence[Any], max_bytes: int) -> int:
    """How many entries from the front fit into `max_bytes`; at least one."""
    total = 0
    for count, (size,) in enumerate(sizes):
        total += size if isinstance(size, int) else max_bytes
        if total > max_bytes:
            return max(count, 1)
    return max(len(sizes), 1)


def chunk_of(signal: Signal, rows: Sequence[Any]) -> tuple[Chunk | None, tuple[int, bytes] | None]:
    """Join rows, stopping before a damaged one; a damaged first one is given back instead."""
    batches: list[Batch] = []
    last = 0
    for id_, _, items, crc, codec, body, size in rows:
        payload = payload_of(signal, items, crc, codec, body, size)
        if payload is None:
            if not batches:
                return None, (id_, body if isinstance(body, bytes) else b"")
            break
        batches.append(Batch(signal, payload, items))
        last = id_
    if not batches:
        return None, None
    oldest = rows[0][1] if isinstance(rows[0][1], float) else 0.0
    return Chunk(rows[0][0], last, len(batches), oldest, join(batches)), None
