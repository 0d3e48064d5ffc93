"""deploy/kubernetes against what it starts; that a real API server takes it is `make test-kube`'s to show."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from localstack.cluster import secrets_of_cluster
from localstack.home import SERVICES, checkout
from tests.kube.manifests import PLACES, of_kind
from tests.kube.read import PROCESSES, compose, containers, environment, files_seen, secret_keys


@pytest.mark.parametrize("place", PLACES)
def test_every_process_is_a_deployment_of_the_same_name_with_its_role(place: str) -> None:
    found = of_kind(place, "Deployment")
    assert found.keys() == PROCESSES.keys() | {"gateway"}
    for name, process in PROCESSES.items():
        (container,) = found[name]["spec"]["template"]["spec"]["containers"]
        assert container["args"] == [process.role]
        assert container["image"].rpartition(":")[0].endswith(f"dangol/{process.service}")


@pytest.mark.parametrize("place", PLACES)
def test_each_service_is_provisioned_and_then_migrated_by_one_job(place: str) -> None:
    jobs = of_kind(place, "Job")
    assert jobs.keys() == {f"{service}-prepare" for service in SERVICES}
    for job in jobs.values():
        pod = job["spec"]["template"]["spec"]
        assert [each["args"] for each in (*pod["initContainers"], *pod["containers"])] == [["provision"], ["migrate"]]


@pytest.mark.parametrize("place", PLACES)
def test_a_container_is_given_its_settings_and_nothing_that_it_does_not_know(place: str, tmp_path: Path) -> None:
    keys = secret_keys(place, tmp_path)
    for service, name, container, pod in containers(place):
        settings = importlib.import_module(f"{service}.settings").Settings.model_fields
        told = environment(place, container)
        prefix = f"{service.upper()}_"
        given = {key.removeprefix(prefix).removesuffix("_FILE").lower() for key in told if key.startswith(prefix)}
        assert given <= settings.keys(), name
        assert given >= {field for field, info in settings.items() if info.is_required()}, name
        assert all(key.startswith(prefix) for key in told), name
        seen = files_seen(container, pod, keys)
        paths = {value for value in told.values() if value.startswith("/run/")}
        assert paths <= seen, f"{name}: {paths - seen}"
        assert {value for key, value in told.items() if key.endswith("_FILE")} <= paths


@pytest.mark.parametrize("place", PLACES)
def test_the_settings_fit_together(place: str) -> None:
    """Read as the service reads them, with something in the place of what stands in Secrets."""
    for service, name, container, _ in containers(place):
        prefix = f"{service.upper()}_"
        told = {key.removeprefix(prefix): value for key, value in environment(place, container).items()}
        secrets = {"POSTGRES": "postgresql://a:b@c/d", "ISSUERS": "[]"}
        in_files = {key.removesuffix("_FILE") for key in told if key.endswith("_FILE")}
        given = {key.lower(): value for key, value in told.items() if not key.endswith("_FILE")}
        given |= {key.lower(): secrets.get(key, "secret") for key in in_files}
        made = importlib.import_module(f"{service}.settings").Settings(**given)
        assert made.brokers.is_encrypted == (place == "production"), name


@pytest.mark.parametrize("place", PLACES)
def test_a_service_sees_its_own_secret_and_rights_over_servers_are_the_provisions_alone(place: str) -> None:
    for service, name, container, pod in containers(place):
        volumes = {each["name"]: each.get("secret", {}).get("secretName") for each in pod["volumes"]}
        seen = {volumes[mount["name"]] for mount in container["volumeMounts"]} - {None, "public-keys"}
        allowed = {service} | ({"exports-owner"} if name == "exports-prepare" else set())
        assert seen <= allowed | ({"provision"} if container["args"] == ["provision"] else set())
        assert service in seen


def test_secrets_of_small_and_production_have_the_same_names_and_keys(tmp_path: Path) -> None:
    small, production = secret_keys("small", tmp_path), secret_keys("production", tmp_path)
    wires = {"kafka-password", "opensearch-password", "s3-access-key-id", "s3-secret-access-key", "issuers.json"}
    for name in small.keys() - {"servers"}:
        assert small[name] == production[name] - wires


def test_secrets_of_small_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    assert secrets_of_cluster(tmp_path) == secrets_of_cluster(tmp_path)
    assert (tmp_path / "keys" / "passwords.json").stat().st_mode & 0o077 == 0
    made = {each["metadata"]["name"]: each["stringData"] for each in secrets_of_cluster(tmp_path)["items"]}
    public = {key["kid"] for key in json.loads(made["public-keys"]["jwks.json"])["keys"]}
    for service in SERVICES:
        assert json.loads(made[service]["token.json"])["kid"] in public
        assert made[service]["postgres"].startswith(f"postgresql://{service}:")


@pytest.mark.parametrize("place", PLACES)
def test_addresses_name_services_that_are_there_and_are_those_of_compose(place: str) -> None:
    there = of_kind(place, "Service").keys()
    for service, name, container, _ in containers(place):
        told = environment(place, container)
        urls = {key: value for key, value in told.items() if key.endswith("_URL") and not key.endswith("_PUBLIC_URL")}
        assert urls == {key: compose()["services"][f"{service}-api"]["environment"][key] for key in urls}, name
        assert {re.sub(r"http://(.+):8000", r"\1", value) for value in urls.values()} <= there


def test_small_shares_files_by_a_volume_and_production_by_a_bucket() -> None:
    for service, name, container, pod in containers("small"):
        shared = {each["name"]: each.get("persistentVolumeClaim", {}).get("claimName") for each in pod["volumes"]}
        if mounted := [each["name"] for each in container["volumeMounts"] if each["mountPath"] == "/files"]:
            assert shared[mounted[0]] in of_kind("small", "PersistentVolumeClaim"), name
            assert f"{service.upper()}_STORE" not in environment("small", container)
    for service in ("contacts", "exports"):
        told = next(environment("production", container) for each, _, container, _ in containers("production") if each == service)
        assert told[f"{service.upper()}_STORE"].startswith("s3://")
        assert told[f"{service.upper()}_S3_ENCRYPTION"]
    assert not of_kind("production", "PersistentVolumeClaim")


def test_who_opens_files_has_their_folder() -> None:
    for name, process in PROCESSES.items():
        service, role = process.service, process.role
        code = (checkout() / "services" / str(service) / str(service) / "main.py").read_text("utf-8")
        (body,) = [
            ast.unparse(node)
            for node in ast.parse(code).body
            if isinstance(node, ast.AsyncFunctionDef) and node.name in (f"run_{role}", f"_{role}")
        ]
        for place in PLACES:
            (container,) = of_kind(place, "Deployment")[name]["spec"]["template"]["spec"]["containers"]
            assert any(each["mountPath"] == "/files" for each in container["volumeMounts"]) == ("_files(settings)" in body)
