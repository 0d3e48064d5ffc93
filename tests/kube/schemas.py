"""Whether documents are of the shape that their kinds have, without a server: a moment, so that `make check` can do it."""

import functools
import json
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.kube.manifests import Document

VERSION = "1.37.0"
"""Of Kubernetes: the newest whose schemas there are."""


class Unknown(Exception):
    """There is no schema of this kind here."""


class Schemas:
    """Kubernetes' own kinds, and those that definitions (CRDs) in a folder add."""

    def __init__(self, definitions: Iterable[Path]) -> None:
        self._added = dict(_added(definitions))
        self._own = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{VERSION}-local-strict"
        shared = json.loads((self._own / "_definitions.json").read_text("utf-8"))
        self._registry: Registry[Any] = Registry().with_resource(shared["$id"], DRAFT202012.create_resource(shared))
        self._validator = functools.cache(self._make)

    def problems(self, document: Document) -> list[str]:
        """What is not of its kind's shape, with its place. Raises Unknown."""
        found = self._validator(document["apiVersion"], document["kind"]).iter_errors(document)
        return [f"{'.'.join(map(str, error.absolute_path)) or 'the document'}: {error.message[:300]}" for error in found]

    def _make(self, version: str, kind: str) -> Draft202012Validator:
        if (version, kind) in self._added:
            return Draft202012Validator(self._added[version, kind])
        group, _, last = version.rpartition("/")
        name = f"{kind.lower()}-{group.split('.')[0]}-{last}.json" if group else f"{kind.lower()}-{last}.json"
        path = self._own / name
        if "." in group.removesuffix(".k8s.io") or not path.is_file():
            raise Unknown(f"{version} {kind}")
        return Draft202012Validator(json.loads(path.read_text("utf-8")), registry=self._registry)


def _added(definitions: Iterable[Path]) -> Iterator[tuple[tuple[str, str], Any]]:
    for path in definitions:
        for document in yaml.load_all(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            spec = document["spec"]
            for version in spec["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"].update({"apiVersion": {}, "kind": {}, "metadata": {}})
                yield (f"{spec['group']}/{version['name']}", spec["names"]["kind"]), schema


def strict(schema: Any) -> Any:
    """A definition's schema as JSON Schema: a member that is not in it is a mistake. Rules in CEL are the server's alone."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made = {key: strict(value) for key, value in schema.items() if key not in ("default", "enum", "properties", "format")}
    if "enum" in schema:
        made["enum"] = schema["enum"]
    if isinstance(schema.get("properties"), dict):
        made["properties"] = {name: strict(value) for name, value in schema["properties"].items()}
        if "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            made["additionalProperties"] = False
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made
