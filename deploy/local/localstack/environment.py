"""The settings of every service process on one machine, as environment variables, written in this one place."""

import os
import secrets
from pathlib import Path

from localstack import kafka, opensearch, postgres, tokens
from localstack.home import OWNERS, SERVICES, Facts, Home, write_private
from localstack.ports import HOST, port_of
from localstack.processes import BY_NAME, GATEWAY, SERVICE_PROCESSES, Process


def gateway_url(facts: Facts) -> str:
    """Where people and programs reach the system."""
    return f"{os.environ.get('GATEWAY_SCHEME') or 'http'}://{HOST}:{port_of(GATEWAY, facts)}"


def health_address(process: Process, facts: Facts) -> str:
    """`host:port` of a service process's /livez, /readyz, /startupz and /metrics."""
    return f"{HOST}:{port_of(process, facts)}"


def service_environment(service: str, home: Home, facts: Facts, port: int) -> dict[str, str]:
    """The settings of one process of a service that listens on `port`."""
    prefix = service.upper()
    common = {
        "HOST": HOST,
        "PORT": str(port),
        "POSTGRES": postgres.dsn(facts, service),
        "KAFKA": kafka.address(facts),
        "JWKS": str(home.jwks),
        "ISSUER": tokens.ISSUER,
        "SIGNING_KEY": str(tokens.key_file(home, service)),
        "PUBLIC_URL": gateway_url(facts),
        "IDEMPOTENCY_SECRET": secret(home, f"idempotency-{service}"),
    }
    urls = {f"{other.upper()}_URL": _api(other, facts) for other in SERVICES if other != service}
    own: dict[str, dict[str, str]] = {
        "contacts": {"FILES": str(home.data / "imports"), **_bucket("CONTACTS_")},
        "search": {"OPENSEARCH": opensearch.address(facts), "FINGERPRINT_KEY": secret(home, "fingerprints")},
        "exports": {
            "FILES": str(home.data / "exports"),
            "SEALING_KEY": secret(home, "sealing"),
            "MANIFEST_KEY": str(tokens.manifest_key(home)),
            **_bucket("EXPORTS_"),
        },
        "notify": {"SEALING_KEY": secret(home, "sealing-notify"), "ALLOW": os.environ.get("NOTIFY_ALLOW", "")},
    }
    return {f"{prefix}_{key}": value for key, value in (common | urls | own.get(service, {})).items()}


def owner_environment(service: str, facts: Facts) -> dict[str, str]:
    """What a service's commands are told besides: how to connect as the owner of its tables, where that is another role."""
    owner = OWNERS.get(service)
    return {} if owner is None else {f"{service.upper()}_OWNER_POSTGRES": postgres.dsn(facts, owner)}


def stack_environment(home: Path, facts: Facts) -> dict[str, str]:
    """What a tool outside the project needs: addresses of the gateway, the servers and each process's health."""
    health = {
        f"DANGOL_HEALTH_{process.name.upper().replace('-', '_')}": f"http://{health_address(process, facts)}"
        for process in SERVICE_PROCESSES
    }
    return {
        "DANGOL_HOME": str(home),
        "DANGOL_URL": gateway_url(facts),
        "DANGOL_KAFKA": kafka.address(facts),
        "DANGOL_PG": postgres.dsn(facts),
        "DANGOL_OPENSEARCH": opensearch.address(facts),
        **health,
    }


def _bucket(prefix: str) -> dict[str, str]:
    """Where a service's files are to be kept, as whoever starts the stack says it: nothing for their folder."""
    said = {name.removeprefix(prefix): value for name, value in os.environ.items() if name.startswith(prefix) and value}
    return {name: value for name, value in said.items() if name == "STORE" or name.startswith("S3_")}


def secret(home: Home, name: str) -> str:
    """A secret of 32 random bytes in hexadecimal, made when it is first asked for and kept."""
    path = home.keys / f"{name}.key"
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text("utf-8")


def _api(service: str, facts: Facts) -> str:
    return f"http://{health_address(BY_NAME[f'{service}-api'], facts)}"
