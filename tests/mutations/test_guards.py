"""Each guard is taken out of a copy of the code: the test that is named for it must miss it, and say so by an assertion."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from localstack.home import SERVICES, checkout
from localstack.stack import Stack
from tests.mutations.guards import GUARDS, Guard
from tests.support.stack import REUSE

_COPIED = ("libs", "services", "deploy", "tests", "docs", "pyproject.toml")
_PACKAGES = ("libs/common", *(f"services/{service}" for service in SERVICES), "deploy/local")
_SECONDS = 180.0
_BY_ASSERTION = re.compile("AssertionError|assert |(Failed: )?DID NOT RAISE")
"""How the message of a test begins that has found what it looks for; one that hangs, or can't be imported, has found nothing."""


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_text_of_each_guard_stands_once(guard: Guard) -> None:
    assert (checkout() / guard.file).read_text("utf-8").count(guard.text) == 1
    file, _, name = guard.test.partition("::")
    assert f"def {name}(" in (checkout() / file).read_text("utf-8")


def test_no_two_guards_are_called_alike() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)


class Copy:
    """The code in a folder of its own, with the servers of this run."""

    def __init__(self, folder: Path, servers: Stack) -> None:
        self.folder = folder
        paths = os.pathsep.join(str(folder / package) for package in _PACKAGES)
        own = {"PYTHONPATH": paths, REUSE: str(servers.home.root), "PYTHONDONTWRITEBYTECODE": "1"}
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | own

    def failures(self, tests: Sequence[str]) -> list[str]:
        """The first words of every test that fails; raises AssertionError where one can't be run, or takes too long."""
        report = self.folder / "report.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
        try:
            run = subprocess.run(
                command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{tests} hang") from None
        assert run.returncode in (0, 1), run.stdout[-3000:] + run.stderr[-1000:]
        cases = list(ET.parse(report).iter("testcase"))
        assert cases
        assert not [case.get("name") for case in cases if case.find("error") is not None or case.find("skipped") is not None]
        return [str(found.get("message")) for case in cases for found in case.findall("failure")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, servers: Stack) -> Copy:
    """A copy in which all these tests pass, as long as nothing is taken out."""
    folder = tmp_path_factory.mktemp("copy")
    for name in _COPIED:
        source = checkout() / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules", ".*"))
        else:
            shutil.copy2(source, folder / name)
    found = Copy(folder, servers)
    assert found.failures(sorted({guard.test for guard in GUARDS})) == []
    return found


@pytest.mark.deep
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_that_is_taken_out_is_missed(copy: Copy, guard: Guard) -> None:
    file = copy.folder / guard.file
    whole = file.read_text("utf-8")
    file.write_text(whole.replace(guard.text, guard.instead), "utf-8")
    try:
        failures = copy.failures([guard.test])
    finally:
        file.write_text(whole, "utf-8")
    assert failures
    assert [message for message in failures if _BY_ASSERTION.match(message) is None] == []
