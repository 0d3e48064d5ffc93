"""Writes the generated documents: a JSON Schema per event type and one OpenAPI document of all services.

`python docs/generate.py` writes them, `python docs/generate.py --check` says which are not fresh and ends with 1.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from fastapi.openapi.utils import get_openapi

from common.answers import Problem
from common.events.catalogue import published

DOCS = Path(__file__).resolve().parent
SERVICES = ("contacts", "search", "segments", "exports", "notify")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def events() -> dict[Path, str]:
    """The schemas, by file."""
    return {
        DOCS / "events" / f"{event.name}.v1.schema.json": _json({**event.schema(), "x-topic": event.topic})
        for event in published()
    }


def openapi() -> dict[Path, str]:
    """All services' operations in one document, as the gateway serves it."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": Problem.model_json_schema()}
    for service in SERVICES:
        routers = importlib.import_module(f"{service}.main").routers()
        routes = [route for router in routers for route in router.routes]
        document = get_openapi(title=service, version="1", routes=routes)
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["tags"] = [service]
                _answer_with_problems(operation)
            paths.setdefault(path, {}).update(operations)
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            if schemas.setdefault(name, schema) != schema:
                raise SystemExit(f"Two shapes are called {name}. Give the one of {service} another name.")
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Dangol",
            "version": "1",
            "description": "Customer contacts: take in, find, group, edit, export. Errors are `application/problem+json`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {
                name: schemas[name] for name in sorted(schemas) if name not in {"HTTPValidationError", "ValidationError"}
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    return {DOCS / "openapi.json": _json(whole)}


def _answer_with_problems(operation: dict[str, Any]) -> None:
    operation.get("responses", {}).pop("422", None)
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation.setdefault("responses", {})["default"] = {"description": "A refusal.", "content": content}


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare."""
    files = events() | openapi()
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
