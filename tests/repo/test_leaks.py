"""The leak checks find what they are there for, and cost a test next to nothing."""

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.leaks import ProcessState

LEAKY_TESTS = """
import asyncio, logging, os, socket, threading, time
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

def test_thread(): threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
def test_variable(): os.environ["LEFT"] = "1"
def test_handler(): logging.getLogger().addHandler(logging.NullHandler())
def test_loop(): asyncio.set_event_loop(asyncio.new_event_loop())
def test_unclosed_loop(): asyncio.new_event_loop()
def test_socket(): socket.socket()
def test_socket_in_a_cycle():
    cycle = {"socket": socket.socket()}
    cycle["self"] = cycle
def test_provider(): trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
"""


def test_a_thread_is_found() -> None:
    before = ProcessState.take()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="left behind", daemon=True)
    thread.start()
    try:
        assert list(before.new_threads(grace=0.01)) == ["thread 'left behind' still runs"]
    finally:
        stop.set()
        thread.join()
    assert list(before.changes()) == []


def test_a_variable_is_found_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLISEUM_SEED", "1")
    before = ProcessState.take()
    os.environ["COLISEUM_SEED"] = "2"
    os.environ["COLISEUM_NEW"] = "3"
    assert list(before.changes()) == [
        "environment variable COLISEUM_NEW changed",
        "environment variable COLISEUM_SEED changed",
    ]
    before.put_back()
    assert list(before.changes()) == []


def test_changed_logging_is_found_and_put_back() -> None:
    before = ProcessState.take()
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger().setLevel(1)
    assert list(before.changes()) == ["the root logger's handlers changed", "the root logger's level changed"]
    before.put_back()
    assert list(before.changes()) == []


def test_an_open_loop_is_found_and_closed() -> None:
    before = ProcessState.take()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    assert list(before.changes()) == ["an event loop is still open"]
    before.put_back()
    assert loop.is_closed()


def test_a_test_never_sees_the_settings_of_who_runs_it() -> None:
    kept = {"COLISEUM_RECORDED", "COLISEUM_TOOLS_DIR"}
    prefixes = ("COLISEUM_", "OTEL_", "LOGFIRE_", "TELEMETRY_", "KALSHI_", "EXA_", "ANTHROPIC_", "FIREWORKS_")
    assert {name for name in os.environ if name.startswith(prefixes)} <= kept


def test_long_tests_run_a_tenth_of_their_rounds(
    rounds: Callable[[int], int], request: pytest.FixtureRequest
) -> None:
    whole = bool(request.config.getoption("--soak"))
    assert rounds(200) == (200 if whole else 20)
    assert rounds(3) == (3 if whole else 1)


@pytest.mark.slow
def test_each_leak_fails_the_test_that_left_it(tmp_path: Path, root: Path) -> None:
    """Under the project's own settings, so that an unclosed socket is an error too."""
    file = tmp_path / "test_leaky.py"
    file.write_text(LEAKY_TESTS)
    options = [
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-c",
        "pyproject.toml",
        "--rootdir",
        ".",
    ]
    command = [sys.executable, "-m", "pytest", *options, str(file)]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    for name in [line.partition("(")[0][4:] for line in LEAKY_TESTS.splitlines() if line.startswith("def ")]:
        assert f"::{name} - " in run.stdout, f"{name} was not found out:\n{run.stdout[-3000:]}"
