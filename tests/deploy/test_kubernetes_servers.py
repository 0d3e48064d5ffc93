"""The servers that deploy/kubernetes starts, who may do what there and come there, images, and what is watched."""

import json
import re
import tomllib

import pytest

from common.topics import TOPICS
from localstack import kafka, opensearch, postgres
from localstack.home import SERVICES, checkout
from tests.kube.manifests import FOLDER, PARTS, PLACES, documents, of_kind, of_place, pods
from tests.kube.read import COMPONENT, NAME, compose, containers, environment
from tests.kube.schemas import Schemas, Unknown
from tests.kube.wrong import GONE, all_wrong, changed


def test_the_topics_are_those_of_the_code() -> None:
    made = {
        name: (each["spec"]["partitions"], each["spec"]["replicas"], {k: str(v) for k, v in each["spec"]["config"].items()})
        for name, each in of_kind("production", "KafkaTopic").items()
    }
    assert made == {each.name: (each.partitions, 3, {**each.config, "min.insync.replicas": "2"}) for each in TOPICS}


def test_a_user_of_kafka_may_do_what_asyncapi_says_of_its_service_and_no_more() -> None:
    operations = json.loads((checkout() / "docs" / "asyncapi.json").read_text("utf-8"))["operations"].values()
    for service in SERVICES:
        wanted = set[tuple[str, str, str]]()
        for each in (each for each in operations if each["x-service"] == service):
            topic = each["channel"]["$ref"].removeprefix("#/channels/")
            wanted.add(("topic", topic, {"send": "Write", "receive": "Read"}[each["action"]]))
            groups = each.get("bindings", {}).get("kafka", {}).get("groupId", {}).get("enum", [])
            wanted |= {("group", group, "Read") for group in groups}
        wanted |= {(kind, name, "Describe") for kind, name, _ in wanted}
        rights = of_kind("production", "KafkaUser")[service]["spec"]["authorization"]["acls"]
        given = {(each["resource"]["type"], each["resource"]["name"], right) for each in rights for right in each["operations"]}
        assert given == wanted
        assert all(each["resource"].get("patternType", "literal") == "literal" for each in rights)


def test_others_users_of_kafka_look_and_neither_read_nor_write() -> None:
    for name, user in of_kind("production", "KafkaUser").items():
        if name not in SERVICES:
            rights = {right for each in user["spec"]["authorization"]["acls"] for right in each["operations"]}
            assert rights <= {"Describe", "DescribeConfigs"}


@pytest.mark.parametrize("place", PLACES)
def test_the_network_lets_through_what_settings_name(place: str) -> None:
    # What is in force before the first Job runs.
    policies = {each["metadata"]["name"]: each for each in documents(place, "servers") if each["kind"] == "NetworkPolicy"}
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    callers: dict[str, set[str]] = {service: {"gateway"} for service in SERVICES}
    for service in SERVICES:
        told = next(environment(place, container) for each, _, container, _ in containers(place) if each == service)
        asked = {other for other in SERVICES if f"{service.upper()}_{other.upper()}_URL" in told}
        for other in asked:
            callers[other].add(service)
        servers = {"postgres", "kafka"} | ({"opensearch"} if service == "search" else set())
        targets = [to["podSelector"]["matchLabels"] for rule in policies[service]["spec"]["egress"] for to in rule["to"]]
        assert {each["dangol/server"] for each in targets if "dangol/server" in each} == servers
        assert {each[NAME] for each in targets if NAME in each} == asked
        assert all(each[COMPONENT] == "api" for each in targets if NAME in each)
    for service in SERVICES:
        (rule,) = policies[f"{service}-api"]["spec"]["ingress"]
        gateway, others = (each["podSelector"] for each in rule["from"])
        assert {gateway["matchLabels"][NAME], *others["matchExpressions"][0]["values"]} == callers[service]


def test_whom_the_operator_of_kafka_lets_in_is_whom_we_let_in() -> None:
    (listener,) = of_kind("production", "Kafka")["dangol"]["spec"]["kafka"]["listeners"]
    ours = of_kind("production", "NetworkPolicy")["kafka"]["spec"]["ingress"][0]
    assert listener["networkPolicyPeers"] == ours["from"]
    assert [listener["port"]] == [each["port"] for each in ours["ports"]]


def test_the_servers_of_small_are_set_as_composes() -> None:
    found = {name: each["spec"]["template"]["spec"]["containers"][0] for name, each in of_kind("small", "StatefulSet").items()}
    assert found.keys() == {"postgres", "kafka", "opensearch"}
    program, *options = found["postgres"]["args"]
    settings = dict(each.removeprefix("-c").split("=", 1) for each in options)
    # A change of version has old and new pods side by side.
    assert (program, settings) == ("postgres", {**postgres.SETTINGS, "max_connections": settings["max_connections"]})
    addresses = {"KAFKA_LISTENERS", "KAFKA_CONTROLLER_QUORUM_VOTERS", "KAFKA_LOG_DIRS"}
    for name in ("kafka", "opensearch"):
        given = {each["name"]: each["value"] for each in found[name]["env"]}
        wanted = compose()["services"][name]["environment"]
        assert {k: v for k, v in given.items() if k not in addresses} == {k: v for k, v in wanted.items() if k not in addresses}
        assert given.keys() == wanted.keys()


def test_the_servers_of_production_keep_what_the_code_relies_on() -> None:
    parameters = of_kind("production", "Cluster")["postgres"]["spec"]["postgresql"]["parameters"]
    sizes = {"max_connections", "shared_buffers", "effective_cache_size", "maintenance_work_mem", "max_wal_size"}
    of_the_operator = {"timezone", "log_timezone"}  # UTC there
    for name, value in postgres.SETTINGS.items():
        assert name in of_the_operator or (name in parameters if name in sizes else parameters[name] == value)
    config = of_kind("production", "Kafka")["dangol"]["spec"]["kafka"]["config"]
    for name in ("message.max.bytes", "offsets.retention.minutes", "auto.create.topics.enable"):
        assert str(config[name]).lower() == kafka.SETTINGS[name]
    told = of_kind("production", "OpenSearchCluster")["opensearch"]["spec"]["general"]["additionalConfig"]
    assert told.items() <= opensearch.SETTINGS.items()
    by_provision = {"search.max_open_pit_context", "cluster.default.index.refresh_interval"}
    assert opensearch.SETTINGS.keys() - told.keys() - by_provision == {"cluster.routing.allocation.disk.threshold_enabled"}


def test_what_rules_go_by_is_what_targets_are_told_by() -> None:
    (endpoint,) = of_kind("production", "PodMonitor")["dangol"]["spec"]["podMetricsEndpoints"]
    told = {each["targetLabel"]: each["sourceLabels"] for each in endpoint["relabelings"]}
    prefix = "__meta_kubernetes_pod_label_app_kubernetes_io"
    assert told == {"service": [f"{prefix}_name"], "role": [f"{prefix}_component"]}
    for group in of_kind("production", "PrometheusRule")["dangol"]["spec"]["groups"]:
        for rule in group["rules"]:
            assert not re.search(r"app_kubernetes_io|\bjob=", rule["expr"]), rule["alert"]


@pytest.mark.parametrize("place", PLACES)
def test_no_image_floats_and_all_of_ours_are_of_this_version(place: str) -> None:
    version = tomllib.loads((checkout() / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    for kind in ("Deployment", "Job", "StatefulSet"):
        for document in of_kind(place, kind).values():
            pod = document["spec"]["template"]["spec"]
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                name, _, tag = container["image"].rpartition(":")
                assert tag == version if "dangol/" in name else container["image"] in others()


def others() -> set[str]:
    """The images of others, as the compose file names them."""
    return {re.sub(r"\$\{\w+:-(.+)\}", r"\1", each["image"]) for each in compose()["services"].values()}


def test_the_gateways_image_begins_with_composes() -> None:
    lines = (checkout() / "deploy" / "gateway.Dockerfile").read_text("utf-8").splitlines()
    (begins,) = [line.removeprefix("FROM ") for line in lines if line.startswith("FROM ")]
    assert begins in others()
    mounts = dict(each.split(":")[:2] for each in compose()["services"]["gateway"]["volumes"] if each.startswith("."))
    copied = dict(line.split()[1:] for line in lines if line.startswith("COPY "))
    assert {(checkout() / "deploy" / source).resolve(): target for source, target in mounts.items()} == {
        checkout() / source: target for source, target in copied.items()
    }
    ignored = (checkout() / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{source}" for source in copied} <= set(ignored)


def test_the_gateway_is_told_what_its_table_of_addresses_asks_for() -> None:
    table = (checkout() / "deploy" / "Caddyfile").read_text("utf-8")
    for place in PLACES:
        (container,) = of_kind(place, "Deployment")["gateway"]["spec"]["template"]["spec"]["containers"]
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        assert f"{{$GATEWAY_PORT:{ports['http']}}}" in table
        assert f"{{$GATEWAY_HEALTH_PORT:{ports['health']}}}" in table
        assert all(f"{{${each['name']}" in table for each in container.get("env", []))
        for service in SERVICES:
            (port,) = of_kind(place, "Service")[f"{service}-api"]["spec"]["ports"]
            assert f"{{$GATEWAY_{service.upper()}:{service}-api:{port['port']}}}" in table


def test_every_folder_that_is_applied_is_built() -> None:
    folders = {path.parent.relative_to(FOLDER / "overlays") for path in FOLDER.glob("overlays/*/*/kustomization.yaml")}
    inside = {"settings", "observe"}
    assert {str(each) for each in folders if each.name not in inside} == {f"{place}/{part}" for place in PLACES for part in PARTS}
    for place in PLACES:
        assert all(each["metadata"].get("namespace", "dangol") == "dangol" for each in of_place(place))
        names = [(each["kind"], each["metadata"]["name"]) for each in documents(place, "services")]
        assert len(set(names)) == len(names)


def test_a_shape_that_is_wrong_is_seen_without_a_server() -> None:
    schemas = Schemas([])
    right = of_kind("production", "Deployment")["contacts-api"]
    assert schemas.problems(right) == []
    memory = "spec.template.spec.containers.0.resources.limits.memory"
    wrong = [changed(right, "spec.replica", 2), changed(right, memory, "512Mb")]
    assert [bool(schemas.problems(each)) for each in wrong] == [True, False], "a quantity is the server's alone to judge"
    with pytest.raises(Unknown, match="KafkaTopic"):
        schemas.problems(of_kind("production", "KafkaTopic")["contacts.v1"])


@pytest.mark.parametrize(("kind", "path", "value"), [
    ("Cluster", "spec.instances", "three"), ("Cluster", "spec.postgres", {}), ("OpenSearchCluster", "spec.nodePools", GONE),
    ("ObjectStore", "spec.retentionPolicy", "two weeks"), ("OpensearchUser", "spec.passwordFrom.key", GONE),
])  # fmt: skip
def test_a_definition_of_ours_is_held_without_a_server(kind: str, path: str, value: object) -> None:
    schemas = Schemas(sorted((checkout() / "deploy" / "engine" / "kubernetes" / "definitions").glob("*.yaml")))
    right = next(iter(of_kind("production", kind).values()))
    assert schemas.problems(right) == []
    assert schemas.problems(changed(right, path, value))


def test_each_wrong_manifest_differs_from_a_right_one_and_is_told_apart() -> None:
    made = list(all_wrong())
    assert len({each.what for each in made}) == len(made)
    assert not [each.what for each in made if each.document in (*of_place("production"), *pods("production").values())]
