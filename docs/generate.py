"""Writes the generated documents: a JSON Schema per event type, one OpenAPI document of all services, and the list of errors.

`python docs/generate.py` writes them, `python docs/generate.py --check` says which are not fresh and ends with 1.
"""

import json
import sys
from pathlib import Path

import openapi
import problems

from common.events.catalogue import published

DOCS = Path(__file__).resolve().parent


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def events() -> dict[Path, str]:
    """The schemas, by file."""
    return {
        DOCS / "events" / f"{event.name}.v1.schema.json": _json({**event.schema(), "x-topic": event.topic})
        for event in published()
    }


def documents() -> dict[Path, str]:
    """All of them, by file."""
    read = problems.modules()
    sites = problems.sites(read)
    return {
        **events(),
        DOCS / "openapi.json": _json(openapi.document(read, sites)),
        DOCS / "errors.md": problems.page(sites),
    }


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare."""
    files = documents()
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
