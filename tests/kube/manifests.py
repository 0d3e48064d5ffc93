"""What deploy/kubernetes is when it is built: each place's parts as documents."""

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from localstack.home import checkout

Document = dict[str, Any]

PLACES = ("small", "production")
PARTS = ("servers", "prepare", "services")
"""In the order in which they are applied."""
FOLDER = checkout() / "deploy" / "kubernetes"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
KUBECTL = Path(sys.executable).parent / "kubectl"


class KubeError(Exception):
    """A command failed; the text is what it said."""


@functools.cache
def text(place: str, part: str) -> str:
    """The YAML that `kubectl apply -k` would send. Raises KubeError."""
    command = [str(KUBECTL), "kustomize", str(FOLDER / "overlays" / place / part)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:  # a warning is of something that will not work for ever
        raise KubeError(f"{place}/{part}: {done.stderr.strip()}")
    return done.stdout


@functools.cache
def documents(place: str, part: str) -> tuple[Document, ...]:
    """The same as documents. Raises KubeError."""
    return tuple(yaml.load_all(text(place, part), Loader=_LOADER))


def of_place(place: str) -> tuple[Document, ...]:
    """All parts of a place."""
    return tuple(document for part in PARTS for document in documents(place, part))


def of_kind(place: str, kind: str) -> dict[str, Document]:
    """A place's documents of one kind by their names."""
    return {each["metadata"]["name"]: each for each in of_place(place) if each["kind"] == kind}


def pods(place: str) -> dict[str, Document]:
    """Every pod that a place's documents themselves make, as a document of its own."""
    return {name: _pod(name, template) for name, template in _templates(place)}


def _pod(name: str, template: Document) -> Document:
    metadata = {**template["metadata"], "name": name, "namespace": "dangol"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def _templates(place: str) -> Iterator[tuple[str, Document]]:
    for kind in ("Deployment", "StatefulSet", "Job"):
        for name, document in of_kind(place, kind).items():
            template = document["spec"]["template"]
            claims = [each["metadata"]["name"] for each in document["spec"].get("volumeClaimTemplates", [])]
            volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
            spec = {**template["spec"], "volumes": [*template["spec"].get("volumes", []), *volumes]}
            yield name, {**template, "spec": spec}
