"""The import contracts are not only kept: an import that they forbid is really caught."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from localstack.home import checkout

PACKAGES = ("libs/common/common", *(f"services/{s}/{s}" for s in ("contacts", "search", "segments", "exports", "notify")))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages side by side, to be spoiled one line at a time."""
    folder = tmp_path_factory.mktemp("packages")
    for package in (*PACKAGES, "deploy/local/localstack"):
        shutil.copytree(checkout() / package, folder / Path(package).name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(checkout() / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--config", "pyproject.toml", "--no-cache"]
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_code_as_it_is_keeps_every_contract(copy: Path) -> None:
    answer = lint(copy)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("exports/store.py", "import contacts.contact", "services never import each other"),
        ("common/errors.py", "import contacts.contact", "the shared library knows no service"),
        ("contacts/store.py", "import contacts.api", "imports point down the table of modules"),
        ("segments/worker.py", "import aiokafka", "only common.kafka knows the Kafka client"),
        ("common/http.py", "import common.settings", "only main reads settings"),
        ("contacts/contact.py", "import asyncpg", "the pure core does no input or output"),
        ("common/filters/text.py", "import httpx", "the published language and the filter language do no input or output"),
    ],
)
def test_a_forbidden_import_is_caught(copy: Path, module: str, line: str, contract: str) -> None:
    file = copy / module
    before = file.read_text("utf-8")
    file.write_text(f"{before}\n{line}\n", "utf-8")
    try:
        answer = lint(copy)
    finally:
        file.write_text(before, "utf-8")
    assert answer.returncode == 1
    assert f"{contract}" in answer.stdout.partition("Broken contracts")[2], answer.stdout
