"""The import contracts are not only kept: an import that they forbid is really caught."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest

from localstack.home import checkout

SERVICES = ("contacts", "search", "segments", "exports", "notify")
PACKAGES = ("libs/common/common", *(f"services/{s}/{s}" for s in SERVICES))
SETTINGS = "only main reads settings"
ROOTS = [service if service != "notify" else "notify/room" for service in SERVICES]
NEITHER_MAIN_NOR_SETTINGS = [(root, module) for root in ROOTS for module in ("__init__", "api", "store")]
OF_ANOTHER_LAYER = ("__init__", "__main__", "main", "settings", "answers")
OVER_FILES = {
    "contacts.imports.files", "contacts.imports.reading", "contacts.imports.source", "contacts.imports.tables.compound",
    "contacts.imports.tables.encoding", "contacts.imports.tables.merges", "contacts.imports.tables.package",
    "contacts.imports.tables.sheet", "contacts.imports.tables.strings", "contacts.imports.tables.text",
    "contacts.imports.tables.unlock", "contacts.imports.tables.workbook", "contacts.imports.upload", "exports.files",
    "exports.rows.makers",
}  # fmt: skip
"""Read or write files whose paths they are given, or pipes of their own: input and output, but by no forbidden library."""


def contract(name: str) -> dict[str, Any]:
    """A contract as it is written."""
    written = tomllib.loads((checkout() / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    found: dict[str, Any] = next(each for each in written if each["name"] == name)
    return found


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
        ("contacts/bulk/store.py", "import contacts.imports.store", "the rooms of contacts that do one thing each"),
        ("contacts/browser_keys/cors.py", "import contacts.visits.visit", "the rooms of contacts that do one thing each"),
        ("contacts/jobs/job.py", "import contacts.store", "the rooms of contacts stand on each other in one direction"),
        ("contacts/channel/handlers.py", "import contacts.fields.store", "the rooms of contacts stand on each other"),
        ("contacts/handlers.py", "import contacts.erasure.store", "the rooms of contacts stand on each other"),
        ("contacts/channel/store.py", "import contacts.channel.queries", "imports point down the table of modules"),
        ("segments/worker.py", "import aiokafka", "only common.kafka knows the Kafka client"),
        ("common/http.py", "import common.settings", "only main reads settings"),
        *(
            (f"{root}/{module}.py", f"import {root.partition('/')[0]}.settings", SETTINGS)
            for root, module in NEITHER_MAIN_NOR_SETTINGS
        ),
        ("exports/sight.py", "import pydantic_settings", "only settings read the environment"),
        ("segments/ledger.py", "import segments.main", "nothing but the start knows main"),
        ("exports/sight.py", "import exports.api", "nothing stands on the routes and the loops"),
        ("contacts/bulk/runner.py", "import contacts.bulk.api", "nothing stands on the routes and the loops"),
        ("search/projection.py", "import search.consumer", "nothing stands on the routes and the loops"),
        ("contacts/contact.py", "import asyncpg", "the pure core does no input or output"),
        ("contacts/merge.py", "import contacts.store", "the pure core does no input or output"),
        ("search/seal.py", "import httpx", "the pure core does no input or output"),
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
    assert contract in answer.stdout.partition("Broken contracts")[2], answer.stdout


def test_whatever_does_no_input_or_output_is_held_to_it() -> None:
    pure = contract("the pure core does no input or output")
    graph = grimp.build_graph("common", *SERVICES, include_external_packages=True, cache_dir=None)
    modules = {m for m in graph.modules if m.partition(".")[0] in SERVICES and m.rpartition(".")[2] not in OF_ANOTHER_LAYER}
    folders = {m for m in modules if graph.find_children(m)}
    found = {m for m in modules - folders if not graph.find_upstream_modules(m) & set(pure["forbidden_modules"])}
    assert found - OVER_FILES == set(pure["source_modules"])
    assert found >= OVER_FILES


def test_all_routes_and_loops_are_such_that_nothing_stands_on_them() -> None:
    named = {
        ".".join(file.relative_to((checkout() / package).parent).with_suffix("").parts)
        for package in PACKAGES[1:]
        for file in (checkout() / package).rglob("*.py")
        if file.stem in {"consumer", "worker"}
    }
    assert {*contract("nothing stands on the routes and the loops")["protected_modules"]} == {"*.api", "*.*.api"} | named
