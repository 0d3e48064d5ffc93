"""Writes the generated documents: of events a JSON Schema each, an AsyncAPI document and a page, of all services one OpenAPI
document, the lists of errors and of metrics, and what Grafana and Prometheus are given.

`python docs/generate.py` writes them, `python docs/generate.py --check` says which are not fresh and ends with 1. Neither takes
event types that somebody who knows them as they stand in `asyncapi.json` could not read any more.
"""

import json
import sys
from pathlib import Path
from typing import Any

import asyncapi
import compatible
import dashboards
import events_page
import metrics
import openapi
import problems

from common.events.catalogue import published

DOCS = Path(__file__).resolve().parent
GOLDEN = DOCS.parent / "tests" / "contracts" / "golden"
ASYNCAPI = DOCS / "asyncapi.json"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def events() -> dict[Path, str]:
    """The schemas, by file."""
    return {
        DOCS / "events" / f"{event.name}.v1.schema.json": _json({**event.schema(), "x-topic": event.topic})
        for event in published()
    }


def documents(told: dict[str, Any]) -> dict[Path, str]:
    """All of them, by file; `told` is the AsyncAPI document."""
    read = problems.modules()
    sites = problems.sites(read)
    return {
        **events(),
        ASYNCAPI: _json(told),
        DOCS / "events" / "README.md": events_page.page(told),
        DOCS / "openapi.json": _json(openapi.document(read, sites)),
        DOCS / "errors.md": problems.page(sites),
        DOCS / "metrics.md": metrics.page(),
        **dashboards.files(),
    }


def broken(told: dict[str, Any]) -> list[str]:
    """What the events' document breaks of the one that stands there; without that one nobody could tell."""
    if not ASYNCAPI.exists():
        return [f"{ASYNCAPI.name} is not there: get it back from the repository, since new events are compared with it"]
    return compatible.breaks(json.loads(ASYNCAPI.read_text("utf-8")), told)


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare."""
    told = asyncapi.document(GOLDEN)
    if reasons := broken(told):
        sys.stderr.write("".join(f"{words}\n" for words in reasons))
        return 1
    files = documents(told)
    stale = [path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
    orphans = [path for path in (DOCS / "events").glob("*.schema.json") if path not in files]
    if "--check" in arguments:
        for path in stale + orphans:
            sys.stderr.write(f"{path.relative_to(DOCS.parent)} is not fresh; run `make generate`\n")
        return 1 if stale or orphans else 0
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in orphans:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
