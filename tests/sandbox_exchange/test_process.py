"""A world as a child process: it starts, is used, and is never left behind."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import psutil
import pytest

from coliseum.errors import SettingsError
from coliseum.sandbox.process import running
from coliseum.sandbox.serve import main

START = datetime(2026, 2, 23, 12, tzinfo=UTC)


def soon(true: Callable[[], bool]) -> bool:
    """Whether it becomes true within ten seconds."""
    end = time.monotonic() + 10
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def closed(url: str) -> bool:
    try:
        httpx2.get(f"{url}/_sandbox/health", timeout=1)
    except httpx2.TransportError:
        return True
    return False


@pytest.mark.slow
def test_it_answers_with_the_keys_it_names_and_ends_with_the_block(tmp_path: Path) -> None:
    with running(3, START, home=tmp_path) as world:
        assert httpx2.get(f"{world.url}/_sandbox/health").json() == {"status": "ok", "seed": 3}
        assert stat.S_IMODE(Path(world.private_key_path).stat().st_mode) == 0o600
        asked = {"query": "How often is Jordan said?"}
        answer = httpx2.post(f"{world.exa_url}/answer", json=asked, headers={"x-api-key": world.exa_key})
        assert answer.status_code == 200
    assert closed(world.url)


@pytest.mark.slow
def test_it_ends_even_when_the_block_fails_with_a_connection_open(tmp_path: Path) -> None:
    def fail() -> None:
        with running(3, START, home=tmp_path) as world, httpx2.Client() as http:
            urls.append(world.url)
            http.get(f"{world.url}/_sandbox/health")
            raise RuntimeError("the block failed")

    urls: list[str] = []
    with pytest.raises(RuntimeError, match="block failed"):
        fail()
    assert closed(urls[0])


@pytest.mark.slow
def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=f"port {port} is in use"),
            running(3, START, port, home=tmp_path),
        ):
            pass


@pytest.mark.slow
def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import time\nfrom datetime import datetime, UTC\nfrom pathlib import Path\n"
        "from coliseum.sandbox.process import running\n"
        f"with running(3, datetime(2026, 2, 23, tzinfo=UTC), home=Path({str(tmp_path)!r})) as world:\n"
        "    print(world.url, flush=True)\n    time.sleep(60)\n"
    )
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=root,
        env={**os.environ, "PYTHONPATH": root},
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        child = psutil.Process(parent.pid).children()[0]
        assert not closed(url)
        parent.send_signal(signal.SIGKILL)
        assert soon(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert closed(url)


def test_a_home_that_cannot_be_written_is_a_settings_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(SettingsError, match="cannot write"), running(3, START, home=file / "home"):
        pass


@pytest.mark.parametrize(
    "arguments",
    [[], ["x", "2026-02-23T00:00:00Z", "0", "h"], ["1", "2026-02-23", "0", "h"],
     ["1", "2026-02-23T00:00:00Z", "99999", "h"], ["1", "2026-02-23T00:00:00Z", "0", "h", "1.005"],
     ["1", "2026-02-23T00:00:00Z", "0", "h", "NaN"], ["1", "2026-02-23T00:00:00Z", "0", "h", "x"]],
)  # fmt: skip
def test_wrong_arguments_are_answered_with_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("usage: ")
    assert shown.err.count("\n") == 1
