"""What the built manifests tell each container of ours: its settings, and the files of Secrets that it sees."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from localstack.cluster import secrets_of_cluster
from localstack.home import SERVICES, checkout
from localstack.processes import SERVICE_PROCESSES
from tests.kube.manifests import Document, of_kind

PROCESSES = {process.name: process for process in SERVICE_PROCESSES}
APIS = {f"{service}-api" for service in SERVICES}
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"


@functools.cache
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((checkout() / "deploy" / "compose.yaml").read_text("utf-8"))
    return document


def containers(place: str) -> Iterator[tuple[str, str, Document, Document]]:
    """Of each container of ours: the service, whose it is, itself, its pod."""
    for kind in ("Deployment", "Job"):
        for name, document in of_kind(place, kind).items():
            pod = document["spec"]["template"]["spec"]
            service = document["metadata"]["labels"][NAME]
            if service in SERVICES:
                for container in [*pod.get("initContainers", []), *pod["containers"]]:
                    yield service, name, container, pod


def environment(place: str, container: Document) -> dict[str, str]:
    """What a container is told."""
    told: dict[str, str] = {}
    for source in container["envFrom"]:
        told |= of_kind(place, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    return told | {each["name"]: each["value"] for each in container.get("env", [])}


def secret_keys(place: str, folder: Path) -> dict[str, set[str]]:
    """The Secrets that are there, with their keys."""
    if place == "small":
        return {each["metadata"]["name"]: set(each["stringData"]) for each in secrets_of_cluster(folder)["items"]}
    made = {name: set(each["spec"]["target"]["template"]["data"]) for name, each in of_kind(place, "ExternalSecret").items()}
    of_operators = {"postgres-ca", "dangol-cluster-ca-cert", "opensearch-http-cert"}
    return made | {name: {"ca.crt"} for name in of_operators}


def files_seen(container: Document, pod: Document, keys: Mapping[str, set[str]]) -> set[str]:
    """The paths of files of Secrets that a container sees."""
    volumes = {each["name"]: each for each in pod["volumes"]}
    found: set[str] = set()
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        if "secret" in volume:
            found |= {f"{mount['mountPath']}/{key}" for key in keys[volume["secret"]["secretName"]]}
        for source in volume.get("projected", {}).get("sources", []):
            found |= {
                f"{mount['mountPath']}/{item['path']}"
                for item in source["secret"]["items"]
                if item["key"] in keys[source["secret"]["name"]]
            }
    return found
