"""How many of each process there may be, what each may use, and how it begins and ends."""

import ast
import functools
import importlib
import re
from types import SimpleNamespace

import pytest

from common.process import DRAIN_SECONDS
from common.topics import READS, TOPICS
from localstack.home import SERVICES, checkout
from tests.kube.manifests import PLACES, of_kind
from tests.kube.read import APIS, PROCESSES, compose, environment

KEPT_FOR_OTHERS = 10
"""Connections for the operator of PostgreSQL and for its superusers."""
WHILE_PREPARING = 3 * len(SERVICES)
COMMANDS = 10
"""`search rebuild`, `contacts republish` and the like, should they all run at once."""


def most(place: str, name: str) -> int:
    """How many pods of a process there may be at one time: in a change of version one comes before, and one still goes."""
    scaled = [each["spec"] for kind in ("ScaledObject", "HorizontalPodAutoscaler") for each in of_kind(place, kind).values()]
    limits = [each.get("maxReplicaCount", each.get("maxReplicas")) for each in scaled if each["scaleTargetRef"]["name"] == name]
    spec = of_kind(place, "Deployment")[name]["spec"]
    assert not limits or "replicas" not in spec, f"{name} is scaled, and set back at each apply"
    replicas = int((limits or [spec.get("replicas", 1)])[0])
    return replicas + (1 if replicas == 1 else int(spec["strategy"]["rollingUpdate"]["maxSurge"]) + 1)


@functools.cache
def pools(service: str) -> dict[str, str]:
    """How many connections each role of a service may open, as its `main` says it."""
    code = (checkout() / "services" / service / service / "main.py").read_text("utf-8")
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Database.open":
            words = {each.arg: each.value for each in node.keywords}
            application = ast.unparse(words["application"])
            found[application.strip("f'\"").removeprefix(f"{service}-")] = ast.unparse(words["size"])
    return found


def connections(place: str, name: str) -> int:
    """How many connections to PostgreSQL one pod may open."""
    process = PROCESSES[name]
    assert process.service is not None
    assert process.role is not None
    main = importlib.import_module(f"{process.service}.main")
    (container,) = of_kind(place, "Deployment")[name]["spec"]["template"]["spec"]["containers"]
    size = int(environment(place, container).get(f"{process.service.upper()}_POOL_SIZE", 10))
    known = pools(process.service)
    said = known.get(process.role) or known["{role}"]
    return int(eval(said, {**vars(main), "settings": SimpleNamespace(pool_size=size)}))


@pytest.mark.parametrize("place", PLACES)
def test_all_roles_at_their_maximum_stay_under_what_postgres_admits(place: str) -> None:
    taken = sum(most(place, name) * connections(place, name) for name in PROCESSES) + WHILE_PREPARING + COMMANDS
    if place == "small":
        (server,) = of_kind(place, "StatefulSet")["postgres"]["spec"]["template"]["spec"]["containers"]
        limit = int(dict(each.removeprefix("-c").split("=", 1) for each in server["args"][1:])["max_connections"])
    else:
        limit = int(of_kind(place, "Cluster")["postgres"]["spec"]["postgresql"]["parameters"]["max_connections"])
    assert taken + KEPT_FOR_OTHERS <= limit
    told = (checkout() / "docs" / "kubernetes.md").read_text("utf-8")
    assert f"| {place} | {taken} | {limit} |" in told


def test_consumers_scale_by_the_lag_of_what_they_read_up_to_its_partitions() -> None:
    scaled = of_kind("production", "ScaledObject")
    assert {name.removesuffix("-consumer") for name in scaled} == READS.keys()
    partitions = {topic.name: topic.partitions for topic in TOPICS}
    for name, document in scaled.items():
        group, spec = name.removesuffix("-consumer"), document["spec"]
        triggers = [each["metadata"] for each in spec["triggers"]]
        assert {each["topic"] for each in triggers} == set(READS[group])
        assert {each["consumerGroup"] for each in triggers} == {group}
        assert 2 <= spec["minReplicaCount"] < spec["maxReplicaCount"] <= min(partitions[topic] for topic in READS[group])


@pytest.mark.parametrize("place", PLACES)
def test_one_of_a_group_goes_before_another_comes_so_that_none_is_without_a_partition(place: str) -> None:
    for name, deployment in of_kind(place, "Deployment").items():
        rolling = deployment["spec"]["strategy"]["rollingUpdate"]
        answers = name in APIS or name == "gateway"
        assert rolling == ({"maxSurge": 1, "maxUnavailable": 0} if answers else {"maxSurge": 0, "maxUnavailable": 1})


@pytest.mark.parametrize("place", PLACES)
def test_memory_is_limited_as_in_compose_or_more_tightly(place: str) -> None:
    for name in PROCESSES:
        (container,) = of_kind(place, "Deployment")[name]["spec"]["template"]["spec"]["containers"]
        assert mib(container["resources"]["limits"]["memory"]) <= mib(compose()["services"][name]["mem_limit"])


def mib(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi|m|g)", text).groups()  # type: ignore[union-attr]
    return int(number) * (1024 if unit in ("Gi", "g") else 1)


@pytest.mark.parametrize("place", PLACES)
def test_the_grace_is_longer_than_the_drain(place: str) -> None:
    for name, deployment in of_kind(place, "Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        before = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert pod["terminationGracePeriodSeconds"] > before + DRAIN_SECONDS + 2
        assert (before > 0) == (name in APIS or name == "gateway")


@pytest.mark.parametrize("place", PLACES)
def test_nothing_runs_without_limits_probes_a_budget_and_a_place_of_its_own(place: str) -> None:
    budgets = [each["spec"]["selector"]["matchLabels"] for each in of_kind(place, "PodDisruptionBudget").values()]
    for deployment in of_kind(place, "Deployment").values():
        labels = deployment["spec"]["selector"]["matchLabels"]
        assert len([each for each in budgets if each.items() <= labels.items()]) == 1
        pod = deployment["spec"]["template"]["spec"]
        spread = {each["topologyKey"] for each in pod["topologySpreadConstraints"]}
        assert spread == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        (container,) = pod["containers"]
        probes = [container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")]
        assert probes == ["/startupz", "/livez", "/readyz"]
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)


@pytest.mark.parametrize("place", PLACES)
def test_the_page_tells_what_memory_each_asks_for_and_is_limited_to(place: str) -> None:
    page = (checkout() / "docs" / "kubernetes.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` ([a-z, ]+) \|.*\| ([\d, ]+) \| ([\d, ]+) \|$", page, re.MULTILINE)
    told: dict[str, tuple[int, int]] = {}
    for service, roles, requests, limits in rows:
        asked, most_of_all = ([int(each) for each in text.split(", ")] for text in (requests, limits))
        names = roles.split(", ")
        told |= {
            f"{service}-{role}": (asked[n], most_of_all[n] if len(most_of_all) > 1 else most_of_all[0])
            for n, role in enumerate(names)
        }
    deployments = of_kind(place, "Deployment")
    resources = {name: deployments[name]["spec"]["template"]["spec"]["containers"][0]["resources"] for name in PROCESSES}
    assert told == {name: (mib(r["requests"]["memory"]), mib(r["limits"]["memory"])) for name, r in resources.items()}
