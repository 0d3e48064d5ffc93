"""The compose file against what it starts: no engine runs it here, so all that can be known without one is checked."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from localstack import kafka, opensearch, postgres, tokens
from localstack.environment import service_environment
from localstack.home import SERVICES, Facts, Home, checkout, new_passwords
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


@pytest.mark.parametrize("name", [*PROCESSES, *MIGRATIONS])
def test_a_service_is_told_all_that_the_local_stack_tells_it(compose: dict[str, Any], name: str, tmp_path: Path) -> None:
    service = name.partition("-")[0]
    home = Home(tmp_path)
    home.make()
    settings = importlib.import_module(f"{service}.settings").Settings
    known = {f"{service.upper()}_{field.upper()}" for field in settings.model_fields}
    told = service_environment(service, home, Facts(18080, 9250, new_passwords()), 18090).keys() & known
    given = compose["services"][name]["environment"]
    assert told <= given.keys()
    assert given[f"{service.upper()}_ISSUER"] == tokens.ISSUER


@pytest.mark.parametrize("name", [*PROCESSES, *MIGRATIONS])
def test_a_folder_of_files_is_a_volume_that_only_its_own_service_shares(compose: dict[str, Any], name: str) -> None:
    service = name.partition("-")[0]
    files = compose["services"][name]["environment"].get(f"{service.upper()}_FILES")
    mounts = [volume.split(":") for volume in compose["services"][name]["volumes"]]
    held = [source for source, target, *mode in mounts if target == files and not mode]
    assert bool(held) == (files is not None and name not in MIGRATIONS)
    for other, document in compose["services"].items():
        assert other.startswith(f"{service}-") or not set(held) & {str(v).split(":")[0] for v in document.get("volumes", [])}


def test_postgres_is_set_as_in_the_local_stack(compose: dict[str, Any]) -> None:
    program, *options = compose["services"]["postgres"]["command"]
    assert (program, options[::2]) == ("postgres", ["-c"] * len(postgres.SETTINGS))
    assert dict(option.split("=", 1) for option in options[1::2]) == postgres.SETTINGS
    assert compose["services"]["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split() == list(postgres.CLUSTER)


def test_kafka_is_set_as_in_the_local_stack(compose: dict[str, Any]) -> None:
    addresses = {"KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", "KAFKA_CONTROLLER_QUORUM_VOTERS", "KAFKA_LOG_DIRS"}
    given = compose["services"]["kafka"]["environment"]
    expected = {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in kafka.SETTINGS.items()}
    expected["KAFKA_HEAP_OPTS"] = " ".join(kafka.HEAP)
    assert {key: value for key, value in given.items() if key not in addresses} == expected
    assert addresses <= given.keys()


def test_opensearch_is_set_as_in_the_local_stack(compose: dict[str, Any]) -> None:
    of_the_image = {"discovery.type", "DISABLE_INSTALL_DEMO_CONFIG", "DISABLE_SECURITY_PLUGIN"}
    given = compose["services"]["opensearch"]["environment"]
    expected = opensearch.SETTINGS | {"OPENSEARCH_JAVA_OPTS": " ".join(opensearch.HEAP)}
    assert {key: value for key, value in given.items() if key not in of_the_image} == expected


def test_the_topics_are_made_from_the_same_table_before_any_service_starts(compose: dict[str, Any]) -> None:
    assert "prepare" in compose["services"]["prepare"]["command"]
    for name in MIGRATIONS:
        assert compose["services"][name]["depends_on"]["prepare"] == {"condition": "service_completed_successfully"}
    for name in PROCESSES:
        needed = compose["services"][name]["depends_on"][f"{name.partition('-')[0]}-migrate"]
        assert needed == {"condition": "service_completed_successfully"}


def test_addresses_name_services_that_are_there_and_volumes_that_are_declared(compose: dict[str, Any]) -> None:
    hosts = set()
    for service in compose["services"].values():
        for value in dict(service.get("environment") or {}).values():
            hosts |= set(re.findall(r"(?:@|http://)([a-z][a-z-]+):\d+", str(value)))
        volumes = [re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(volume)) for volume in service.get("volumes", [])]
        mounts = [volume.split(":")[0] for volume in volumes]
        assert {m for m in mounts if not m.startswith(".")} <= compose["volumes"].keys()
        assert set(service.get("depends_on") or {}) <= compose["services"].keys()
        for mount in mounts:
            assert not mount.startswith(".") or (checkout() / "deploy" / mount).is_file()
    assert hosts <= compose["services"].keys()


@pytest.mark.parametrize("name", [*PROCESSES, *MIGRATIONS])
def test_a_service_sees_its_own_private_keys_and_no_others(compose: dict[str, Any], name: str) -> None:
    own = name.partition("-")[0]
    mounts = [str(volume).split(":") for volume in compose["services"][name]["volumes"]]
    keys = {source: (target, mode) for source, target, *mode in mounts if target.startswith("/keys")}
    assert keys == {"public-keys": ("/keys/public", ["ro"]), f"{own}-keys": (f"/keys/keys/{own}", ["ro"])}
    made = {str(volume).split(":")[1] for volume in compose["services"]["prepare"]["volumes"]}
    assert {target for target, _ in keys.values()} <= made
    for value in compose["services"][name]["environment"].values():
        assert not str(value).startswith("/keys/") or str(value).startswith(("/keys/public/", f"/keys/keys/{own}/"))


def test_no_image_floats(compose: dict[str, Any]) -> None:
    """Those of others are named by a whole version, the same as the local stack's where it runs that program."""
    named = {
        name: re.fullmatch(r"\$\{[A-Z]+_IMAGE:-([a-z/]+):(\d+\.\d+(?:\.\d+)?)\}", service["image"])
        for name, service in compose["services"].items()
        if not service["image"].startswith("dangol/")
    }
    versions = {name: match[2] for name, match in named.items() if match is not None}
    assert versions.keys() == named.keys() == {"postgres", "kafka", "opensearch", "gateway"}
    told = [[str(postgres.binaries() / "postgres"), "--version"], [str(Path(sys.executable).parent / "caddy"), "version"]]
    here = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for command in told]
    assert (versions["postgres"], f"v{versions['gateway']}") == (here[0][2], here[1][0])


def test_no_log_grows_for_ever(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_the_gateway_keeps_the_one_capability_that_its_program_carries(compose: dict[str, Any]) -> None:
    assert compose["services"]["gateway"]["cap_drop"] == ["ALL"]
    assert compose["services"]["gateway"]["cap_add"] == ["NET_BIND_SERVICE"]


def test_only_the_gateway_can_be_reached_and_only_from_this_machine(compose: dict[str, Any]) -> None:
    assert {name for name, service in compose["services"].items() if "ports" in service} == {"gateway"}
    assert all(port.startswith("${DANGOL_BIND:-127.0.0.1}:") for port in compose["services"]["gateway"]["ports"])


@pytest.mark.parametrize("name", [*PROCESSES, *MIGRATIONS])
def test_our_own_containers_write_nowhere_and_gain_no_rights(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
