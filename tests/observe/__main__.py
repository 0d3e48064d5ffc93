"""`make check-observe`: the rules and the dashboards, by Prometheus's own promtool, and by the metrics that there are."""

import re
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from localstack.home import checkout
from localstack.toolchain import cache

RULES = checkout() / "deploy" / "observe" / "rules.yaml"
RUNBOOK = checkout() / "docs" / "runbooks" / "alerts.md"
_METRICS: Any = import_module("docs.metrics")
_DASHBOARDS: Any = import_module("docs.dashboards")

_SUFFIXES = re.compile("_(bucket|count|sum)$")
_OURS = re.compile(r"\bdangol_\w+")


def promtool() -> Path:
    """The one on the path; else that of the distribution's package, in the cache. Raises SystemExit."""
    if found := shutil.which("promtool"):
        return Path(found)
    kept = cache() / "promtool"
    kept.mkdir(parents=True, exist_ok=True)
    for fetch in (_kept, _packaged):
        if tool := fetch(kept):
            return tool
    raise SystemExit(
        "promtool is missing and cannot be fetched. Install it: `apt-get install prometheus`, `brew install prometheus`."
    )


def _kept(folder: Path) -> Path | None:
    return next((tool for tool in (folder / "usr" / "bin" / "promtool", folder / "promtool") if tool.exists()), None)


def _packaged(folder: Path) -> Path | None:
    """The package's program alone; where the lists of packages are missing or old they are read anew first."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    with tempfile.TemporaryDirectory(prefix="promtool.") as place:
        for words in ("download", "update", "download"):
            asked = ["apt-get", "-q", words, *(["prometheus"] if words == "download" else [])]
            subprocess.run(asked, cwd=place, capture_output=True, check=False)
            if packages := list(Path(place).glob("*.deb")):
                subprocess.run(["dpkg", "-x", packages[0], folder], check=True)
                return _kept(folder)
    return None


def runs(tool: Path, *arguments: str | Path) -> bool:
    """Whether promtool is content; what it says otherwise is shown."""
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    return done.returncode == 0


def alerting() -> list[Any]:
    """The rules of all groups."""
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def expressions() -> dict[str, str]:
    """Every expression, by where it stands."""
    alerts = {rule["alert"]: rule["expr"] for rule in alerting()}
    curves = {
        f"{dashboard.title}: {panel.title}: {name}": expression
        for dashboard in _DASHBOARDS.dashboards()
        for panel in dashboard.panels
        for name, expression in panel.curves.items()
    }
    return alerts | curves


def unknown() -> list[str]:
    """Metrics that an expression names and the code does not."""
    there = {metric.name for metric in _METRICS.declared()}
    return [
        f"{where} names {name}, which no process tells"
        for where, expression in expressions().items()
        for name in _OURS.findall(expression)
        if name not in there and _SUFFIXES.sub("", name) not in there
    ]


def unexplained() -> list[str]:
    """Alerts without a test, a chapter in the runbook, or that chapter's address."""
    alerts = {rule["alert"]: rule["annotations"] for rule in alerting()}
    chapters = set(re.findall(r"^## (\w+)$", RUNBOOK.read_text("utf-8"), re.MULTILINE))
    tested = {test["name"] for test in yaml.safe_load((RULES.parent / "rules_test.yaml").read_text("utf-8"))["tests"]}
    odd = chapters ^ alerts.keys() | tested ^ alerts.keys()
    found = [f"{name} is in one of rules, tests and runbook, and not in all" for name in sorted(odd)]
    path = RUNBOOK.relative_to(checkout())
    return found + [f"{n} leads elsewhere" for n, a in alerts.items() if a["runbook_url"] != f"{path}#{n.lower()}"]


def main() -> int:
    """0 where all is well."""
    tool = promtool()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        rules = [{"record": f"read:{number}", "expr": each} for number, each in enumerate(expressions().values())]
        yaml.safe_dump({"groups": [{"name": "read", "rules": rules}]}, file)
        file.flush()
        well = [
            runs(tool, "check", "rules", "--lint-fatal", RULES),
            runs(tool, "test", "rules", RULES.parent / "rules_test.yaml"),
            runs(tool, "check", "rules", file.name),
        ]
    wrong = [*unknown(), *unexplained()]
    for words in wrong:
        sys.stderr.write(f"check-observe: {words}\n")
    sys.stdout.write(f"check-observe: {len(expressions())} expressions, {len(wrong) + well.count(False)} wrong\n")
    return 0 if all(well) and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
