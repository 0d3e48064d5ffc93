"""While a migration runs, and until the last process is replaced, the version before works on the new schema."""

import asyncio
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from localstack.home import checkout
from localstack.stack import Stack

TESTS = [
    "tests/contacts",
    "tests/segments/test_handlers.py",
    "tests/segments/test_consumer.py",
    "tests/notify/test_deliveries.py",
]
"""Of the version before: each of their statements meets the schema as it will be."""
NOT_THESE = ["tests/contacts/imports", "tests/contacts/test_laws.py"]


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=checkout(), capture_output=True, text=True, check=True).stdout.strip()


def before() -> str:
    """The last release; before there is one, what the last migration was added to."""
    if released := git("tag", "--list", "v*", "--sort=-creatordate").splitlines():
        return released[0]
    return git("log", "-1", "--format=%H", "--diff-filter=A", "--", "*/migrations/*.sql") + "^"


def overlaid(folder: Path) -> Path:
    """The code and the tests of the version before, with the migrations of today."""
    archive = folder / "before.tar"
    git("archive", "--output", str(archive), before())
    old = folder / "before"
    with tarfile.open(archive) as packed:
        packed.extractall(old, filter="data")
    for now in checkout().glob("[ls]*/**/migrations/*.sql"):
        there = old / now.relative_to(checkout())
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(now, there)
    return old


@pytest.mark.deep
async def test_the_version_before_passes_its_own_tests_on_the_schema_of_today(servers: Stack, tmp_path: Path) -> None:
    old = overlaid(tmp_path)
    parts = [old, old / "libs" / "common", old / "deploy" / "local", *sorted((old / "services").iterdir())]
    settings = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, parts)), "DANGOL_TEST_HOME": str(servers.home.root)}
    where = "import contacts, common; print(contacts.__file__, common.__file__)"
    places = await run([sys.executable, "-c", where], old, settings)
    assert places.count(str(old)) == 2, places
    left_out = [f"--ignore={each}" for each in NOT_THESE]
    await run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not deep", "-p", "no:cacheprovider", *left_out, *TESTS], old, settings
    )


async def run(command: list[str], folder: Path, settings: dict[str, str]) -> str:
    """What it said; it must end well."""
    done = await asyncio.to_thread(subprocess.run, command, cwd=folder, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout
