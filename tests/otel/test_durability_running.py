"""What happens to the journal's files while a program uses them: it goes on, with all that can still be reached."""

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal
from otel.config import Config
from otel.errors import JournalError
from otel.journal import Journal
from otel.journal.files import beside
from otel.pipeline import Pipeline
from otel.redaction import Redactor
from otel.telemetry import start
from tests.otel.conftest import Clock
from tests.otel.making import named, names, span, spans

TRACES = frozenset({Signal.TRACES})
SMALL_DISK = 3 * 1024**2


def read_all(journal: Journal, destination: str = "there") -> list[str]:
    found: list[str] = []
    while (chunk := journal.next_for(destination, max_bytes=1024**2)) is not None:
        found += names(chunk.batch)
        journal.advance(destination, chunk)
    return found


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        beside(path, suffix).unlink(missing_ok=True)


def delete_wal(path: Path) -> None:
    beside(path, "-wal").unlink()


def delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def replace_by_another(path: Path) -> None:
    other = path.with_name("other.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE accounts (money)")
    other.rename(path)


def replace_by_nonsense(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"nonsense" * 1000)


@pytest.mark.parametrize(
    "disaster",
    [delete, delete_all, delete_wal, delete_folder, replace_by_another, replace_by_nonsense],
    ids=lambda disaster: disaster.__name__,
)
def test_a_file_that_is_taken_away_takes_nothing_with_it(
    tmp_path: Path, clock: Clock, disaster: Callable[[Path], None]
) -> None:
    """The process still holds the old file, so that everything in it goes into the new one."""
    path = tmp_path / "home" / "journal.db"
    path.parent.mkdir()
    journal, other = Journal(path, now=clock), Journal(path, now=clock)
    try:
        journal.register("there", TRACES)
        journal.append([named("a"), named("b")])
        chunk = journal.next_for("there", max_bytes=1)
        assert chunk is not None
        journal.advance("there", chunk)
        other.append([named("c")])
        disaster(path)
        journal.append([named("d")])
        other.append([named("e")])
        assert read_all(journal) == ["b", "c", "d", "e"]
        assert journal.check() == ()
        assert journal.standings() == other.standings()
        assert journal.standings()[0].delivered == 5
        assert journal.totals()["set aside"] == 1
    finally:
        journal.close()
        other.close()
    again = Journal(path, now=clock)
    assert again.totals()["journaled"] == 5
    again.close()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("how", ["flip", "cut", "zero"])
def test_a_file_that_is_damaged_under_a_running_program(
    tmp_path: Path, clock: Clock, suffix: str, how: str, rounds: Callable[[int], int]
) -> None:
    """No call raises anything but JournalError, and most do not even that; what arrives is what was written."""
    for number in range(rounds(100)):
        chance = random.Random(f"{suffix} {how} {number}")
        print(f"seed: {suffix} {how} {number}")
        path = tmp_path / f"{number}.db"
        journal = Journal(path, now=clock)
        journal.register("there", TRACES)
        batches = [spans(span(str(n), attributes={"f": chance.randbytes(1500).hex()})) for n in range(60)]
        for batch in batches[:40]:
            journal.append([batch])
        if chance.random() < 0.5:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        harm(beside(path, suffix), how, chance)
        go_on(journal, batches[40:], {b.payload for b in batches})
        journal.close()
        again = Journal(path, now=clock)
        again.register("there", TRACES)
        (standing,) = again.standings()
        assert standing.accounted == again.totals()["journaled"]
        again.append([named("afterwards")])
        again.close()


def harm(path: Path, how: str, chance: random.Random) -> None:
    """In place, as a failing disk would: the process keeps its hold of the file."""
    size = path.stat().st_size
    with path.open("r+b") as file:  # never the journal's own locks: nothing runs in other threads here
        if how == "cut":
            file.truncate(chance.randrange(size))
        elif how == "zero":
            file.seek(chance.randrange(max(size // 4096, 1)) * 4096)
            file.write(bytes(4096))
        else:
            for _ in range(20):
                at = chance.randrange(size)
                file.seek(at)
                (value,) = file.read(1)
                file.seek(at)
                file.write(bytes([value ^ (1 << chance.randrange(8))]))


def go_on(journal: Journal, batches: list[Batch], known: set[bytes]) -> None:
    for batch in batches:
        try:
            journal.append([batch])
        except JournalError:
            continue
    for _ in range(200):
        try:
            journal.register("there", TRACES)
            chunk = journal.next_for("there", max_bytes=1)
            if chunk is None:
                return
            assert chunk.batch.payload in known
            journal.advance("there", chunk)
        except JournalError:
            continue


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of a few megabytes, unmounted at the end whatever happens."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this place does not allow a file system to be mounted")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(folder: Path) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return ballast
    return ballast


@pytest.mark.slow
def test_a_full_disk_is_waited_out_in_memory(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk"):
        journal = Journal(tmp_path / "disk" / "journal.db")
        journal.register("there", TRACES)
        pipeline = Pipeline(journal, Redactor(()), appended=lambda: None)
        pipeline.start()
        written = 0
        batch = spans(*(span(str(n), n + 1) for n in range(10)))
        filler = [random.Random(n).randbytes(30_000).hex() for n in range(60)]
        try:
            pipeline.put_encoded(Signal.TRACES, as_request(batch), 10)
            assert pipeline.durable(5)
            ballast = fill_up(tmp_path / "disk")
            for text in filler:
                heavy = spans(span("heavy", attributes={"filler": text}))
                pipeline.put_encoded(Signal.TRACES, as_request(heavy), 1)
                written += 1
            assert not pipeline.durable(0.5)
            ballast.unlink()
            assert pipeline.durable(5), "what waited is written as soon as there is room"
            assert len(read_all(journal)) == written + 10
            assert journal.check() == ()
        finally:
            pipeline.close(2)
            journal.close()


def as_request(batch: Batch) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    request.ParseFromString(batch.payload)
    return request


@pytest.mark.slow
def test_a_full_disk_at_the_start_is_a_notice(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk"):
        fill_up(tmp_path / "disk")
        with start(Config(service="full", home=tmp_path / "disk" / "home")) as telemetry:
            with trace.get_tracer("t").start_as_current_span("work"):
                pass
            assert not telemetry.running or telemetry.notices is not None


@pytest.mark.slow
def test_a_read_only_disk_is_an_error_and_no_reason_to_replace_the_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk"):
        path = tmp_path / "disk" / "journal.db"
        journal = Journal(path)
        journal.append([named("a")])
        journal.close()
        subprocess.run(["mount", "-o", "remount,ro", str(path.parent)], check=True)
        with pytest.raises(JournalError):
            Journal(path)
        with start(Config(service="read-only", home=path.parent)) as telemetry:
            assert not telemetry.running
            assert telemetry.notices
        subprocess.run(["mount", "-o", "remount,rw", str(path.parent)], check=True)
        assert [f.name for f in path.parent.iterdir()] == ["journal.db"]
        journal = Journal(path)
        assert journal.totals()["journaled"] == 1
        journal.close()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_program_starts_over_damaged_files(tmp_path: Path, suffix: str) -> None:
    for extra in ("", suffix):
        beside(tmp_path / "journal.db", extra).write_bytes(b"\x37" * 5000)
    with start(Config(service="damaged", home=tmp_path, destinations=("store",))) as telemetry:
        with trace.get_tracer("t").start_as_current_span("work"):
            pass
        assert telemetry.running
        assert telemetry.durable(5)
