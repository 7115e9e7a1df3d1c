"""Rules for every test: a clean environment, nothing left behind, and how often the long ones repeat."""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.leaks import ProcessState

OURS = ("COLISEUM_", "OTEL_", "LOGFIRE_", "TELEMETRY_", "KALSHI_", "EXA_", "ANTHROPIC_", "FIREWORKS_")
# these say where a test finds what it needs, not how the program behaves
KEPT = {"COLISEUM_RECORDED", "COLISEUM_TOOLS_DIR"}
SHARE_OF_ROUNDS = 10


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run every round of the tests that repeat")


def pytest_sessionstart() -> None:
    """No setting of the person who runs the tests reaches the program under test."""
    for name in list(os.environ):
        if name.startswith(OURS) and name not in KEPT:
            del os.environ[name]


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    """Fails a test after which a thread, variable, global provider, log handler or event loop remains."""
    before = ProcessState.take()
    yield
    changes = list(before.changes())
    if changes:
        before.put_back()
        pytest.fail("left behind: " + "; ".join(changes), pytrace=False)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """How many of a test's full number of rounds to run: a tenth, or all with --soak."""
    whole = bool(request.config.getoption("--soak"))
    return lambda full: full if whole else max(1, full // SHARE_OF_ROUNDS)
