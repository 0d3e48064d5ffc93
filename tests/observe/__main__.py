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
    """The one on the path, or that of the distribution's package, unpacked into the cache. Raises SystemExit."""
    if found := shutil.which("promtool"):
        return Path(found)
    unpacked = cache() / "promtool"
    tool = unpacked / "usr" / "bin" / "promtool"
    if not tool.exists():
        if shutil.which("apt-get") is None:
            raise SystemExit("promtool is missing. macOS: `brew install prometheus`; else see https://prometheus.io/download.")
        with tempfile.TemporaryDirectory(prefix="promtool.") as folder:
            got = subprocess.run(["apt-get", "download", "-q", "prometheus"], cwd=folder, capture_output=True, check=False)
            packages = list(Path(folder).glob("*.deb"))
            if got.returncode or not packages:
                raise SystemExit(
                    "promtool is missing, and its package cannot be fetched. Install `prometheus`, or `apt-get update`."
                )
            subprocess.run(["dpkg", "-x", packages[0], unpacked], check=True)
    return tool


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
