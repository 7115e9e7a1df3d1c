"""docs/architecture.md is true of the tree."""

import re
from pathlib import Path

import pytest

PACKAGES = ("otel", "coliseum")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_page_names_every_room_and_no_other(package: str, root: Path) -> None:
    page = (root / "docs/architecture.md").read_text()
    (section,) = re.findall(rf"^## {package}/.*?$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    rooms = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (root / package).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - named <= {"__init__.py"}
    assert named <= rooms
