"""The names that tools outside the project rely on."""

from pathlib import Path

import pytest

from localstack.environment import service_environment, stack_environment
from localstack.home import SERVICES, Facts, Home, new_passwords
from localstack.ports import ports_of
from localstack.processes import PROCESSES, SERVICE_PROCESSES

FACTS = Facts(18080, 9250, new_passwords())


def test_every_process_has_its_fixed_name() -> None:
    assert {p.name for p in PROCESSES} == {
        "postgres", "kafka", "opensearch", "gateway", "watchdog",
        "contacts-api", "contacts-relay", "contacts-worker", "search-api", "search-consumer",
        "segments-api", "segments-consumer", "segments-worker", "segments-relay",
        "exports-api", "exports-worker", "exports-relay", "exports-consumer", "notify-api", "notify-consumer", "notify-worker",
    }  # fmt: skip


def test_no_two_processes_share_a_port_and_all_move_with_the_base() -> None:
    for base in (8080, 18080):
        ports = [port for p in PROCESSES for port in ports_of(p, Facts(base, 9250, {}))]
        assert len(ports) == len(set(ports))
        assert all(port == 9250 or base <= port < base + 100 for port in ports)


def test_the_environment_names_every_address() -> None:
    names = stack_environment(Path("/somewhere"), FACTS)
    assert names["DANGOL_URL"] == "http://127.0.0.1:18080"
    assert names["DANGOL_KAFKA"] == "127.0.0.1:18082"
    assert names["DANGOL_PG"].endswith("@127.0.0.1:18081/dangol")
    assert names["DANGOL_OPENSEARCH"] == "http://127.0.0.1:9250"
    health = {n for n in names if n.startswith("DANGOL_HEALTH_")}
    assert health == {f"DANGOL_HEALTH_{p.name.upper().replace('-', '_')}" for p in SERVICE_PROCESSES}
    assert names["DANGOL_HEALTH_CONTACTS_RELAY"] == "http://127.0.0.1:18091"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_its_own_password_and_nobody_elses(service: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keys.mkdir()
    settings = service_environment(service, home, FACTS, 18090)
    assert all(name.startswith(f"{service.upper()}_") for name in settings)
    text = repr(settings)
    assert [name for name, password in FACTS.passwords.items() if password in text] == [service]
