"""A built wheel is whole: data, templates and prompts travel with the code, licence and notice with them."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

PACKAGES = ("otel", "coliseum")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names inside a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    build = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=100, check=False)
    assert build.returncode == 0, build.stderr[-3000:]
    with ZipFile(next(folder.glob("*.whl"))) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_both_packages(
    wheel: set[str], root: Path, project_files: list[Path]
) -> None:
    names = {str(file.relative_to(root)) for file in project_files}
    ours = {name for name in names if name.startswith(tuple(f"{package}/" for package in PACKAGES))}
    assert any(not name.endswith(".py") for name in ours)
    assert sorted(ours - wheel) == []


@pytest.mark.slow
def test_the_wheel_holds_nothing_but_the_two_packages(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LICENSE", "NOTICE"])
def test_the_wheel_holds_the_licence(name: str, wheel: set[str]) -> None:
    assert any(inside.endswith(f".dist-info/licenses/{name}") for inside in wheel)
