"""What reached the disk arrives, whatever the network and the process do in between; and leaving never takes long."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from opentelemetry import trace

import otel
from otel.batch import Signal
from otel.config import Config, OtlpTarget
from otel.journal import Journal, Standing
from otel.testing import Answer, FaultServer, Request, ok, status

LONGEST_EXIT = 3.0
"""Two seconds are promised; a machine that is shared may need some more to start and end a process."""
SPANS = 25
PROGRAM = """
import signal, sys
from pathlib import Path
import otel
from opentelemetry import trace
from otel.config import Config, OtlpTarget, Patience

home, url, name = sys.argv[1:4]
target = OtlpTarget(traces=url + "/v1/traces", logs="", metrics="", timeout=30.0)
config = Config(service=name, home=Path(home), destinations=("otlp",), otlp=target,
                patience=Patience(first=0.1, longest=0.5, paused=0.5))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
with otel.start(config) as telemetry:
    for number in range(int(sys.argv[4])):
        with trace.get_tracer("outages").start_as_current_span(f"{name}-{number}"):
            pass
    print(telemetry.durable(20), flush=True)
    sys.stdin.readline()
"""


class Program:
    """A process that ends some spans, says whether they are on disk, and stays until it is told to go."""

    def __init__(self, home: Path, server: FaultServer, name: str) -> None:
        self.spans = {f"{name}-{number}" for number in range(SPANS)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home), server.url, name, str(SPANS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def is_durable(self) -> bool:
        assert self.process.stdout is not None
        return self.process.stdout.readline() == "True\n"

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self._ended() == 0

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self._ended() == 143

    def kill(self) -> None:
        self.process.kill()
        assert self._ended() == -signal.SIGKILL

    def _ended(self) -> int:
        began = time.monotonic()
        code = self.process.wait(30)
        took = time.monotonic() - began
        print(f"exit took {took:.2f} s")
        assert took <= LONGEST_EXIT
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def program(home: Path, server: FaultServer, name: str) -> Iterator[Program]:
    running = Program(home, server, name)
    try:
        assert running.is_durable()
        yield running
    finally:
        running.close()


def begin(fault: str, server: FaultServer) -> None:
    match fault:
        case "refused":
            server.refuse()
        case "hang":
            server.always(Answer(status=503, hang=True))
        case _:
            server.always(status(int(fault)))


def end(fault: str, server: FaultServer) -> None:
    if fault == "refused":
        server.accept()
    server.always(ok())
    server.release()


def arrived(server: FaultServer, expected: set[str], timeout: float = 20.0) -> list[str]:
    """The names of all spans there, each with its own id, once every expected one is there or time is up."""
    eventually(lambda: expected <= {span.name for span in server.spans()}, timeout)
    return sorted(span.name for span in server.spans())


def standing(home: Path) -> Standing:
    with closing(Journal(home / "journal.db")) as journal:
        (found,) = journal.standings()
        assert journal.totals()["journaled"] == found.delivered + found.queued + found.dropped + found.dead
    return found


def lives_on(fault: str, server: FaultServer, home: Path) -> set[str]:
    with program(home, server, "first") as first:
        assert fault == "refused" or server.wait_for(1, 10)
        end(fault, server)
        arrived(server, first.spans)
        first.leave()
    return first.spans


def ends(how: Callable[[Program], None]) -> Callable[[str, FaultServer, Path], set[str]]:
    """The process ends during the outage; the next one delivers what it left."""

    def scenario(fault: str, server: FaultServer, home: Path) -> set[str]:
        with program(home, server, "first") as first:
            assert fault == "refused" or server.wait_for(1, 10)
            how(first)
        end(fault, server)
        with program(home, server, "second") as second:
            arrived(server, first.spans | second.spans)
            second.leave()
        return first.spans | second.spans

    return scenario


def restarts(fault: str, server: FaultServer, home: Path) -> set[str]:
    """Both runs begin during the outage; the second lives to see its end."""
    with program(home, server, "first") as first:
        first.leave()
    with program(home, server, "second") as second:
        end(fault, server)
        arrived(server, first.spans | second.spans)
        second.leave()
    return first.spans | second.spans


SCENARIOS = {
    "lives on": lives_on,
    "exits": ends(Program.leave),
    "is terminated": ends(Program.terminate),
    "is killed": ends(Program.kill),
    "restarts": restarts,
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["refused", "503", "401", "hang"])
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_every_committed_span_arrives_once(
    scenario: Callable[[str, FaultServer, Path], set[str]], fault: str, server: FaultServer, tmp_path: Path
) -> None:
    """What comes twice has the same ids: names and ids are one to one."""
    begin(fault, server)
    expected = scenario(fault, server, tmp_path)
    assert arrived(server, expected) == sorted(expected)
    found = standing(tmp_path)
    assert (found.queued, found.dead, found.dropped) == (0, 0, 0)


UNTIL_KILLED = """
import sys
from pathlib import Path
import otel
from opentelemetry import trace
config = otel.Config(service="killed", home=Path(sys.argv[1]), destinations=())
with otel.start(config) as telemetry:
    tracer, number, durable = trace.get_tracer("outages"), 0, 0
    with tracer.start_as_current_span(f"job of {sys.argv[2]}"):
        while True:
            for _ in range(40):
                number += 1
                tracer.start_span(f"{sys.argv[2]}-{number}").end()
            print(number, durable, flush=True)
            if number % 2000 == 0 and telemetry.durable(20):
                durable = number
"""


@pytest.mark.slow
@pytest.mark.soak
def test_what_was_in_memory_at_a_kill_can_be_counted(
    server: FaultServer, tmp_path: Path, rounds: Callable[[int], int]
) -> None:
    """Created less journaled; and nothing of it was said to be on disk."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(rounds(20)):
        home, name = tmp_path / str(number), f"round{number}"
        created, durable = killed_after(chance.uniform(0.1, 1.0), home, name)
        with program(home, server, "after") as after:
            assert eventually(partial(delivered_all, home))
            after.leave()
        found = {int(s.name.split("-")[1]) for s in server.spans() if s.name.startswith(f"{name}-")}
        print(
            f"created {created}, lost with the process {created - len(found)}, known to be durable {durable}"
        )
        assert found == set(range(1, len(found) + 1)), "what is missing is the newest"
        assert durable <= len(found)
        # the span that was open at the kill is delivered, too, if it was noted as open
        died = sum(s.name == f"job of {name}" for s in server.spans())
        assert standing(home).delivered == len(found) + SPANS + died


def delivered_all(home: Path) -> bool:
    return standing(home).queued == 0


def eventually(true: Callable[[], bool], timeout: float = 20.0) -> bool:
    deadline = time.monotonic() + timeout
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def killed_after(seconds: float, home: Path, name: str) -> tuple[int, int]:
    """Spans that a process had ended when it was killed, and those it knew to be on disk."""
    running = subprocess.Popen(
        [sys.executable, "-c", UNTIL_KILLED, str(home), name], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    last = running.stdout.readline()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        last = running.stdout.readline()
    running.kill()
    *_, last = [last, *(line for line in running.stdout if line.endswith("\n"))]
    running.stdout.close()
    running.wait(30)
    created, durable = last.split()
    return int(created), int(durable)


def spans(count: int) -> None:
    tracer = trace.get_tracer("outages")
    for number in range(count):
        with tracer.start_as_current_span(f"span-{number}", attributes={"number": number, "text": "x" * 100}):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["refused", "hang", "503", "401"])
def test_a_destination_that_is_away_costs_another_nothing(
    fault: str, server: FaultServer, tmp_path: Path
) -> None:
    """The one gets everything, while the other has got nothing and misses nothing."""
    with FaultServer() as away:
        begin(fault, away)
        config = Config(
            service="test",
            home=tmp_path,
            destinations=("otlp", "jaeger"),
            otlp=OtlpTarget.at(away.url, timeout=30.0),
            jaeger_endpoint=server.url,
        )
        with otel.start(config) as telemetry:
            spans(3000)
            assert telemetry.force_flush(20, destination="jaeger")
            found = {s.destination: s for s in telemetry.status() if s.signal is Signal.TRACES}
            assert (found["jaeger"].delivered, found["jaeger"].queued) == (3000, 0)
            assert (found["otlp"].delivered, found["otlp"].queued) == (0, 3000)
        assert len(server.spans()) == 3000
        assert away.spans() == ()


@pytest.mark.slow
def test_a_burst_into_a_slow_receiver_arrives_whole(server: FaultServer, tmp_path: Path) -> None:
    def slow(request: Request) -> Answer:
        time.sleep(0.25)
        return ok()

    server.always(slow)
    config = Config(
        service="test", home=tmp_path, destinations=("otlp",), otlp=OtlpTarget.at(server.url, timeout=30.0)
    )
    with otel.start(config) as telemetry:
        began = time.monotonic()
        spans(10_000)
        print(f"10,000 spans in {time.monotonic() - began:.2f} s, ", end="")
        assert telemetry.force_flush(60)
        print(f"drained after {time.monotonic() - began:.2f} s in {len(server.requests)} requests")
    assert len(server.spans()) == 10_000


SOAK = """
import json, os, sys
from pathlib import Path
import otel, psutil
from opentelemetry import trace
from otel.config import Config, OtlpTarget

home, url, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
target = OtlpTarget(traces=url + "/v1/traces", logs="", metrics="", timeout=30.0)
process, sizes = psutil.Process(), []
with otel.start(Config(service="soak", home=home, destinations=("otlp",), otlp=target)) as telemetry:
    tracer = trace.get_tracer("soak")
    for number in range(count):
        with tracer.start_as_current_span("work", attributes={"number": number, "text": "x" * 200}):
            pass
        if number % (count // 50) == 0:
            sizes.append(process.memory_info().rss)
    drained = telemetry.force_flush(300)
    sizes.append(process.memory_info().rss)
    warm = max(sizes[: len(sizes) // 5])
    print(json.dumps({"drained": drained, "growth": max(sizes) - warm}))
"""


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_million_spans_arrive_and_memory_does_not_grow(
    server: FaultServer, tmp_path: Path, rounds: Callable[[int], int]
) -> None:
    count, taken = rounds(1_000_000), [0]

    def take(request: Request) -> Answer:
        taken[0] += request.body.count(b"\n\x04work") + request.body.count(b"*\x04work")
        server.requests.clear()
        return Answer()

    server.always(take)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SOAK, str(tmp_path), server.url, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=800,
        check=True,
    )
    said = json.loads(done.stdout)
    print(f"{count:,} spans in {time.monotonic() - began:.1f} s, growth {said['growth'] / 1e6:.1f} MB")
    assert said["drained"]
    assert taken[0] == count
    assert said["growth"] < 20e6
    found = standing(tmp_path)
    assert (found.delivered, found.queued, found.dead, found.dropped) == (count, 0, 0, 0)
