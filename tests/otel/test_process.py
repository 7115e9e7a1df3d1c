"""One process can tell whether another still lives."""

import subprocess
import sys

import pytest

from otel.process import has_ended, identity

TELL = "from otel.process import identity; print(identity(), flush=True); input()"


def test_this_process_lives() -> None:
    assert identity() == identity()
    assert not has_ended(identity())


@pytest.mark.slow
def test_another_process_lives_until_it_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        try:
            assert not has_ended(name)
        finally:
            other.kill()
            other.wait()
        assert has_ended(name)


def test_a_process_id_that_was_given_to_somebody_else_is_not_the_process() -> None:
    """Process ids are used again; the start time tells them apart."""
    assert has_ended(identity().rpartition(":")[0] + ":1")


@pytest.mark.parametrize("other", ["", "elsewhere:1:2", "unknown:pid:", "a:b:c:d:e", "::", "x"])
def test_who_cannot_be_judged_lives(other: str) -> None:
    assert not has_ended(other)
