"""What runs has licences that may be passed on with it; what only tests and builds use may have others."""

import re
import tomllib
from importlib.metadata import Distribution, distribution
from typing import Any

from localstack.home import checkout

_ALLOWED = (
    "MIT", "MIT-0", "MIT License", "BSD-2-Clause", "BSD-3-Clause", "3-Clause BSD License", "BSD License", "Apache-2.0", "ISC",
    "Apache Software License", "ISC License (ISCL)", "PSF-2.0", "Python Software Foundation License", "The Unlicense (Unlicense)",
    "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)", "BSD-derived (http://www.repoze.org/LICENSE.txt)", "Unlicense",
)  # fmt: skip
"""As packages write them. The MPL asks for changes to its own files alone, and we change none."""
_ROOTS = ("dangol-contacts", "dangol-search", "dangol-segments", "dangol-exports", "dangol-notify")
_OTHER_SYSTEMS = ("colorama", "pywin32", "tzdata", "winloop")


def locked() -> dict[str, Any]:
    """The packages of the lock file by name."""
    told = tomllib.loads((checkout() / "uv.lock").read_text("utf-8"))["package"]
    return {each["name"]: each for each in told}


def that_run() -> set[str]:
    """Every package that a service needs, and what these need."""
    packages, found, left = locked(), set[str](), list(_ROOTS)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [each["name"] for each in packages[name].get("dependencies", [])]
    return {name for name in found if not name.startswith("dangol-")}


def licences_of(package: Distribution) -> set[str]:
    """What a package says of itself: an expression, else classifiers, else a line of free text."""
    told = package.metadata
    if "License-Expression" in told and (expression := told["License-Expression"]):
        return set(re.split(r" (?:AND|OR) ", re.sub(r"[()]", "", expression)))
    classifiers = [each.split(" :: ")[-1] for each in told.get_all("Classifier", []) if each.startswith("License ::")]
    exact = {each for each in classifiers if each != "OSI Approved"}
    return exact or set(told.get_all("License", ["none is told"])[0].splitlines()[:1])


def test_what_runs_may_be_passed_on() -> None:
    names = sorted(that_run() - set(_OTHER_SYSTEMS))
    assert len(names) > 30
    odd = {name: licences_of(distribution(name)) - set(_ALLOWED) for name in names}
    assert {name: licences for name, licences in odd.items() if licences} == {}
