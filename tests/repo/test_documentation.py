"""README, .env.example, Makefile and code tell the same story."""

import re
from pathlib import Path

import pytest

from coliseum.settings import Settings
from otel.config import Config

VARIABLE = r"(?:COLISEUM|OTEL|LOGFIRE|TELEMETRY|KALSHI|EXA|ANTHROPIC|FIREWORKS)_[A-Z0-9_]*[A-Z0-9]"
FOR_TESTS = {"COLISEUM_RECORDED", "COLISEUM_TOOLS_DIR"}
# their defaults are folders of the machine
FOLDERS = {"COLISEUM_HOME", "TELEMETRY_HOME"}
NOT_SET = {"✗ Not set", "None", ""}


@pytest.fixture(scope="module")
def defaults() -> dict[str, str]:
    """Every variable the program reads, with the value in force when nobody sets it."""
    trading = [(row.name, row.value) for row in Settings.from_env({"HOME": "/home/user"}).rows()]
    telemetry = [(row.name, row.value) for row in Config.from_env({}, service="coliseum").settings]
    return {name: "" if value in NOT_SET or name in FOLDERS else value for name, value in trading + telemetry}


@pytest.fixture(scope="module")
def example(root: Path) -> dict[str, str]:
    """What .env.example says."""
    lines = re.findall(rf"^# ({VARIABLE})=(.*)$", (root / ".env.example").read_text(), re.MULTILINE)
    return dict(lines)


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def targets(root: Path) -> set[str]:
    """The targets that the Makefile explains, which are those meant for people."""
    return set(re.findall(r"^([a-z]+):.*## ", (root / "Makefile").read_text(), re.MULTILINE)) - {"help"}


def test_the_example_holds_every_variable_with_its_default(
    example: dict[str, str], defaults: dict[str, str]
) -> None:
    assert example == defaults


def test_readme_explains_every_variable_with_its_default(readme: str, defaults: dict[str, str]) -> None:
    rows = dict(re.findall(rf"^\| `({VARIABLE})` \| (?:`(.*?)`)? \| .+ \|$", readme, re.MULTILINE))
    assert rows == defaults


def test_the_pages_name_no_variable_that_nobody_reads(
    root: Path, project_files: list[Path], defaults: dict[str, str]
) -> None:
    for page in (file for file in project_files if file.suffix == ".md" and file.parent != root / "tests"):
        named = set(re.findall(rf"\b{VARIABLE}\b", page.read_text()))
        assert named <= defaults.keys() | FOR_TESTS, page


def test_every_make_target_is_in_the_readme(readme: str, root: Path) -> None:
    assert {target for target in targets(root) if f"`make {target}`" not in readme} == set()


def test_the_pages_name_no_make_target_that_does_not_exist(root: Path, project_files: list[Path]) -> None:
    for page in (file for file in project_files if file.suffix == ".md"):
        named = set(re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert named <= targets(root), page


def test_links_between_pages_lead_somewhere(project_files: list[Path]) -> None:
    for page in (file for file in project_files if file.suffix == ".md"):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page}: {link}"


def test_the_changelog_begins_with_what_is_not_released(root: Path) -> None:

    headings = re.findall(r"^## (.+)$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"


def test_every_decision_is_in_the_index(root: Path) -> None:
    index = (root / "docs/adr/README.md").read_text()
    decisions = {file.name for file in (root / "docs/adr").glob("[0-9]*.md")}
    assert {name for name in decisions if f"({name})" not in index} == set()
