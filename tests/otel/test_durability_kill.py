"""Killed at any instant, on either side: what was acknowledged is there, and the ledger balances exactly."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from otel.batch import Signal
from otel.journal import Journal
from otel.testing import FaultServer
from tests.otel.making import named, names

TRACES = frozenset({Signal.TRACES})

WRITE = """
import sys
from pathlib import Path
from otel.journal import Journal
from tests.otel.making import named
journal = Journal(Path(sys.argv[1]))
for number in range(10**6):
    journal.append([named(f"{sys.argv[2]}-{number}")] * 1)
    sys.stdout.write(f"{sys.argv[2]}-{number}\\n")
    sys.stdout.flush()
"""

SEND = """
import sys
from pathlib import Path
from otel.batch import Signal
from otel.config import OtlpTarget
from otel.destinations.otlp import OtlpHttp
from otel.forwarder import Forwarder
from otel.journal import Journal
journal = Journal(Path(sys.argv[1]))
target = OtlpTarget.at(sys.argv[2])
forwarder = Forwarder(journal, OtlpHttp("there", target, signals=frozenset({Signal.TRACES}), delta=False))
forwarder.destination.max_bytes = 400
journal.register(forwarder.name, forwarder.destination.signals)
print("ready", flush=True)
while True:
    forwarder.step()
"""


def process(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."})


def kill_after_lines(started: subprocess.Popen[str], lines: int, delay: float) -> list[str]:
    """What it had said when it was killed, some instant after so many lines."""
    assert started.stdout is not None
    told = [started.stdout.readline() for _ in range(lines)]
    time.sleep(delay)  # the random point: not a time that the test depends on
    started.send_signal(signal.SIGKILL)
    told += started.stdout.readlines()
    started.wait()
    return [line.strip() for line in told if line.endswith("\n")]


def ensure_exact(journal: Journal) -> None:
    assert journal.check() == ()
    for standing in journal.standings():
        assert (standing.lost, standing.replayed, standing.dropped, standing.dead) == (0, 0, 0, 0)
        assert standing.accounted == journal.totals()["journaled"]


def kept(journal: Journal) -> set[str]:
    journal.register("reader", TRACES)
    found: set[str] = set()
    while (chunk := journal.next_for("reader", max_bytes=1024**2)) is not None:
        found |= set(names(chunk.batch))
        journal.advance("reader", chunk)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_writer_killed_at_any_instant_loses_nothing_that_it_was_told_is_kept(
    tmp_path: Path, rounds: Callable[[int], int]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed: {seed}")
    chance, told = random.Random(seed), set[str]()
    journal = Journal(tmp_path / "journal.db")
    for number in range(rounds(200)):
        with process(WRITE, journal.path, number) as writer:
            told |= set(kill_after_lines(writer, 1, chance.random() * 0.03))
        ensure_exact(journal)
    assert told <= kept(journal)
    journal.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_four_processes_on_one_journal_killed_again_and_again(
    tmp_path: Path, rounds: Callable[[int], int]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed: {seed}")
    chance, told, found = random.Random(seed), set[str](), set[str]()
    for number in range(rounds(50)):
        writers = [process(WRITE, tmp_path / "journal.db", f"{number}.{n}") for n in range(4)]
        for writer in writers:
            with writer:
                told |= set(kill_after_lines(writer, 1, chance.random() * 0.03))
        journal = Journal(tmp_path / "journal.db")
        ensure_exact(journal)
        found |= kept(journal)
        assert told <= found
        assert journal.totals().get("set aside", 0) == 0
        journal.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sender_killed_at_any_instant_delivers_all_at_last_and_counts_each_once(
    tmp_path: Path, server: FaultServer, rounds: Callable[[int], int]
) -> None:
    """Between the server's taking a batch and the journal's hearing of it, the batch comes twice: the same bytes."""
    seed = random.randrange(2**32)
    print(f"seed: {seed}")
    chance, written = random.Random(seed), 0
    journal = Journal(tmp_path / "journal.db")
    for _ in range(rounds(200)):
        journal.append([named(f"n{written + n}") for n in range(30)])
        written += 30
        with process(SEND, journal.path, server.url) as sender:
            kill_after_lines(sender, 1, chance.random() * 0.03)
        ensure_exact(journal)
    with process(SEND, journal.path, server.url) as sender:
        deadline = time.monotonic() + 30
        while any(s.queued for s in journal.standings()) and time.monotonic() < deadline:
            time.sleep(0.01)
        sender.kill()
    ensure_exact(journal)
    found = {span.name for span in server.spans()}
    assert found == {f"n{n}" for n in range(written)}
    journal.close()
