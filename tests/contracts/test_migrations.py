"""Migrations are told apart by their numbers, in each service."""

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(
    folder for top in ("libs", "services") for folder in ROOT.glob(f"{top}/**/migrations") if ".venv" not in folder.parts
)
TWICE = {"contacts": {"0011": 2, "0015": 2}}
"""Numbers that were given twice before this was tested. Files are applied by their whole names, so they cannot be renamed."""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_every_number_is_given_once(folder: Path) -> None:
    names = sorted(file.name for file in folder.glob("*.sql"))
    assert names
    assert all(name[:4].isdecimal() and name[4] == "_" for name in names)
    given = Counter(name[:4] for name in names)
    assert {number: count for number, count in given.items() if count > 1} == TWICE.get(folder.parent.name, {})
