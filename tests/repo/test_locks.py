"""The lock files pin everything by hash, name no host, and agree with each other and with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("requirements.lock", "requirements-dev.lock")


def entries(lock: Path) -> list[str]:
    """Each package with its hashes, on one line."""
    return lock.read_text().replace("\\\n", " ").splitlines()


def pins(lock: Path) -> dict[str, str]:
    requirements = [Requirement(entry.partition(" --hash")[0]) for entry in entries(lock)]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in requirements}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_by_hash(name: str, root: Path) -> None:
    for entry in entries(root / name):
        assert re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_host_and_no_index(name: str, root: Path) -> None:
    """Where packages come from is the business of the machine that installs them."""
    text = (root / name).read_text()
    assert not re.search(r"https?:|^-|@ ", text, re.MULTILINE)


def test_development_adds_to_the_run_time_set_and_changes_nothing_in_it(root: Path) -> None:
    run, dev = (pins(root / name) for name in LOCKS)
    assert run.items() <= dev.items()
    assert run.keys() < dev.keys()


def test_the_locks_satisfy_what_the_project_asks_for(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    wanted = {
        "requirements.lock": project["project"]["dependencies"],
        "requirements-dev.lock": project["dependency-groups"]["dev"],
    }
    for name, dependencies in wanted.items():
        locked = pins(root / name)
        for requirement in map(Requirement, dependencies):
            pin = locked.get(canonicalize_name(requirement.name))
            assert pin is not None, f"{name} lacks {requirement}"
            assert requirement.specifier.contains(pin), f"{name} has {pin}, not {requirement}"
