"""Manifests that are wrong, each made of a right one by one change, and the words by which a real API server refuses it."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.kube.manifests import Document, documents, pods

_PLACE = "production"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A document that must be refused, why, and a part of what the server says to it."""

    what: str
    document: Document
    words: str


@dataclass(frozen=True, slots=True)
class _Change:
    part: str
    kind: str
    name: str
    what: str
    path: str
    value: Any
    words: str


GONE = object()
_FIRST = "spec.template.spec.containers.0"
_CHANGES = (
    _Change("services", "Deployment", "contacts-api", "a member that there is not", "spec.replica", 2, "unknown field"),
    _Change("services", "Deployment", "contacts-api", "a quantity",
        f"{_FIRST}.resources.limits.memory", "512Mb", "quantities must match"),
    _Change("services", "Deployment", "contacts-api", "a port", f"{_FIRST}.ports.0.containerPort", 99999, "must be between"),
    _Change("services", "Deployment", "contacts-api", "a selector of other pods",
        "spec.selector.matchLabels", {"a": "b"}, "does not match"),
    _Change("services", "Deployment", "contacts-api", "a probe without a way",
        f"{_FIRST}.livenessProbe.httpGet", GONE, "must specify"),
    _Change("services", "Deployment", "contacts-api", "a volume of two kinds",
        "spec.template.spec.volumes.0.emptyDir", {}, "more than 1"),
    _Change("services", "Deployment", "search-consumer", "a pre-stop below zero",
        f"{_FIRST}.lifecycle", {"preStop": {"sleep": {"seconds": -1}}}, "must be"),
    _Change("services", "Service", "contacts-api", "a protocol", "spec.ports.0.protocol", "HTTP", "supported values"),
    _Change("services", "PodDisruptionBudget", "contacts-api", "two budgets", "spec.minAvailable", 1, "cannot be both set"),
    _Change("servers", "NetworkPolicy", "gateway", "a range of addresses",
        "spec.egress.0.to", [{"ipBlock": {"cidr": "10.0.0.0/40"}}], "valid CIDR"),
    _Change("services", "HorizontalPodAutoscaler", "contacts-api", "fewer at the most than at the least",
        "spec.maxReplicas", 1, "minReplicas"),
    _Change("prepare", "Job", "contacts-prepare", "a Job that starts for ever",
        "spec.template.spec.restartPolicy", "Always", "restartPolicy"),
    _Change("services", "ScaledObject", "search-consumer", "a misspelt member", "spec.minReplicasCount", 2, "unknown field"),
    _Change("services", "ScaledObject", "search-consumer", "a number as a text",
        "spec.maxReplicaCount", "many", "must be of type integer"),
    _Change("services", "ScaledObject", "search-consumer", "nothing to scale by", "spec.triggers", GONE, "triggers: Required"),
    _Change("services", "HTTPRoute", "dangol", "a time", "spec.rules.0.timeouts.request", "soon", "should match"),
    _Change("services", "HTTPRoute", "dangol", "a host", "spec.hostnames.0", "https://dangol.example.com", "should match"),
    _Change("services", "PodMonitor", "dangol", "a time", "spec.podMetricsEndpoints.0.interval", "often", "should match"),
    _Change("services", "PrometheusRule", "dangol", "a rule without an expression",
        "spec.groups.0.rules.0.expr", GONE, "expr: Required"),
    _Change("servers", "ExternalSecret", "contacts", "a kind of store", "spec.secretStoreRef.kind", "Vault", "supported values"),
    _Change("servers", "KafkaTopic", "contacts.v1", "a number as a text", "spec.partitions", "many", "must be of type integer"),
    _Change("servers", "KafkaTopic", "contacts.v1", "no partition", "spec.partitions", 0, "greater than or equal to 1"),
    _Change("servers", "KafkaUser", "search", "a right", "spec.authorization.acls.0.operations.0", "Look", "supported values"),
    _Change("servers", "Kafka", "dangol", "a kind of listener", "spec.kafka.listeners.0.type", "outside", "supported values"),
    _Change("servers", "KafkaNodePool", "nodes", "a role", "spec.roles.0", "leader", "supported values"),
    _Change("servers", "Cluster", "postgres", "a number as a text", "spec.instances", "three", "must be of type integer"),
    _Change("servers", "Cluster", "postgres", "a misspelt member", "spec.postgres", {}, "unknown field"),
    _Change("servers", "OpenSearchCluster", "opensearch", "no nodes", "spec.nodePools", GONE, "nodePools: Required"),
)  # fmt: skip
_RIGHTS = "spec.containers.0.securityContext"
_NOT_RESTRICTED = (
    ("as root", "spec.securityContext.runAsUser", 0, "must not set runAsUser=0"),
    ("perhaps as root", "spec.securityContext.runAsNonRoot", GONE, "runAsNonRoot != true"),
    ("with any call to the kernel", "spec.securityContext.seccompProfile", GONE, "seccompProfile"),
    ("that may gain rights", f"{_RIGHTS}.allowPrivilegeEscalation", True, "allowPrivilegeEscalation != false"),
    ("with its capabilities", f"{_RIGHTS}.capabilities", GONE, "unrestricted capabilities"),
    ("with one more", f"{_RIGHTS}.capabilities.add", ["SYS_ADMIN"], "unrestricted capabilities"),
    ("on the node's network", "spec.hostNetwork", True, "host namespaces"),
    ("with the node's files", "spec.volumes.0", {"name": "authorities", "hostPath": {"path": "/"}}, "hostPath"),
)


def all_wrong() -> Iterator[Wrong]:
    """Each of them."""
    for change in _CHANGES:
        (right,) = [
            each
            for each in documents(_PLACE, change.part)
            if (each["kind"], each["metadata"]["name"]) == (change.kind, change.name)
        ]
        yield Wrong(f"{change.kind}: {change.what}", changed(right, change.path, change.value), change.words)
    pod = pods(_PLACE)["contacts-worker"]
    for what, path, value, words in _NOT_RESTRICTED:
        yield Wrong(f"Pod {what}", changed(pod, path, value), words)


def changed(right: Document, path: str, value: object) -> Document:
    """A copy with another value at the path; GONE takes away what is there."""
    document = deepcopy(right)
    *way, last = path.split(".")
    place: Any = document
    for step in way:
        place = _at(place, step)
    if value is GONE:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return document


def _at(place: Any, step: str) -> Any:
    return place[int(step)] if isinstance(place, list) else place[step]
