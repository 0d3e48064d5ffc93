"""The compose file against what it starts: no engine runs it here, so all that can be known without one is checked."""

import importlib
import re
from typing import Any

import pytest
import yaml

from localstack.home import SERVICES, checkout
from localstack.processes import SERVICE_PROCESSES

PROCESSES = {process.name: process for process in SERVICE_PROCESSES}
MIGRATIONS = [f"{service}-migrate" for service in SERVICES]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((checkout() / "deploy" / "compose.yaml").read_text("utf-8"))
    return document


def test_every_process_of_the_system_is_a_service_of_the_same_name_with_its_role(compose: dict[str, Any]) -> None:
    others = {"postgres", "kafka", "opensearch", "gateway", "prepare", *MIGRATIONS}
    assert compose["services"].keys() == PROCESSES.keys() | others
    for name, process in PROCESSES.items():
        assert compose["services"][name]["command"] == [process.role]
        assert compose["services"][name]["build"]["args"]["SERVICE"] == process.service


@pytest.mark.parametrize("name", [*PROCESSES, *MIGRATIONS])
def test_a_service_is_given_its_settings_and_nothing_that_it_does_not_know(compose: dict[str, Any], name: str) -> None:
    service = name.partition("-")[0]
    settings = importlib.import_module(f"{service}.settings").Settings
    prefix = f"{service.upper()}_"
    given = {key.removeprefix(prefix).lower() for key in compose["services"][name]["environment"]}
    assert given <= settings.model_fields.keys()
    assert given >= {field for field, info in settings.model_fields.items() if info.is_required()}


def test_addresses_name_services_that_are_there_and_volumes_that_are_declared(compose: dict[str, Any]) -> None:
    hosts = set()
    for service in compose["services"].values():
        for value in dict(service.get("environment") or {}).values():
            hosts |= set(re.findall(r"(?:@|http://)([a-z][a-z-]+):\d+", str(value)))
        mounts = [str(volume).split(":")[0] for volume in service.get("volumes", [])]
        assert {m for m in mounts if not m.startswith(".")} <= compose["volumes"].keys()
        assert set(service.get("depends_on") or {}) <= compose["services"].keys()
        for mount in mounts:
            assert not mount.startswith(".") or (checkout() / "deploy" / mount).is_file()
    assert hosts <= compose["services"].keys()


def test_only_the_gateway_can_be_reached_and_only_from_this_machine(compose: dict[str, Any]) -> None:
    assert {name for name, service in compose["services"].items() if "ports" in service} == {"gateway"}
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["gateway"]["ports"])


@pytest.mark.parametrize("name", [*PROCESSES, *MIGRATIONS])
def test_our_own_containers_write_nowhere_and_gain_no_rights(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
