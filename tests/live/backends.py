"""The real collector and the real Jaeger as child processes on free loopback ports, from the files people use."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from tools import backends

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
KIND = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@dataclass(slots=True)
class Program:
    """One child process that can be killed and started again on the same files and ports."""

    command: list[str]
    folder: Path
    env: Mapping[str, str]
    ready: str
    """An address that answers 200 once the program is up."""
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with (self.folder / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=dict(self.env), stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.ready):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "output.log").read_text()[-3000:])
            time.sleep(0.1)

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@dataclass(frozen=True, slots=True)
class Jaeger:
    """Its query API, polled: reads trail writes."""

    program: Program
    otlp_grpc: int
    otlp_http: int
    query: str

    def trace(self, trace_id: str) -> dict[str, Any] | None:
        """One trace as the API tells it, or None while it is not there."""
        try:
            with urlopen(f"{self.query}/api/traces/{trace_id}", timeout=5) as answer:
                found = json.load(answer)
        except (URLError, OSError, ValueError):  # any unknown path answers with the page, which is no JSON
            return None
        return next(iter(found.get("data") or ()), None)


@contextmanager
def running_jaeger(folder: Path) -> Iterator[Jaeger]:
    """Jaeger with the configuration that docker-compose.yml carries, moved to free ports and a folder of its own."""
    folder.mkdir()
    grpc, http, query, health = (free_port() for _ in range(4))
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    config = yaml.safe_load(compose["configs"]["jaeger"]["content"])
    config["extensions"]["healthcheckv2"]["http"]["endpoint"] = f"127.0.0.1:{health}"
    config["extensions"]["jaeger_query"]["http"]["endpoint"] = f"127.0.0.1:{query}"
    config["extensions"]["jaeger_query"]["grpc"] = {"endpoint": f"127.0.0.1:{free_port()}"}
    for directory in (
        store := config["extensions"]["jaeger_storage"]["backends"]["traces"]["badger"]["directories"]
    ):
        store[directory] = str(folder / directory)
    for name, port in (("grpc", grpc), ("http", http)):
        config["receivers"]["otlp"]["protocols"][name]["endpoint"] = f"127.0.0.1:{port}"
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}  # its default port is the collector's
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [str(backends.jaeger(os.environ)), f"--config={folder / 'config.yaml'}"]
    address = f"http://127.0.0.1:{query}"
    program = Program(command, folder, os.environ, f"{address}/api/services")
    program.start()
    try:
        yield Jaeger(program, grpc, http, address)
    finally:
        program.kill(signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Collector:
    program: Program
    http: str


@contextmanager
def running_collector(folder: Path, jaeger: Jaeger) -> Iterator[Collector]:
    """The collector with collector-config.yaml as it stands, told by its own variables where to listen and send."""
    folder.mkdir()
    http, health = free_port(), free_port()
    env = {
        **os.environ,
        "COLLECTOR_GRPC_ENDPOINT": f"127.0.0.1:{free_port()}",
        "COLLECTOR_HTTP_ENDPOINT": f"127.0.0.1:{http}",
        "COLLECTOR_HEALTH_ENDPOINT": f"127.0.0.1:{health}",
        "COLLECTOR_JAEGER_ENDPOINT": f"127.0.0.1:{jaeger.otlp_grpc}",
        "COLLECTOR_STORAGE": str(folder / "queue"),
    }
    command = [str(backends.collector(os.environ)), f"--config={ROOT / 'collector-config.yaml'}"]
    program = Program(command, folder, env, f"http://127.0.0.1:{health}/")
    program.start()
    try:
        yield Collector(program, f"http://127.0.0.1:{http}")
    finally:
        program.kill(signal.SIGTERM)
