"""The Secrets of deploy/kubernetes/overlays/small, made once in a folder and told again as often as one likes."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localstack.environment import secret
from localstack.home import OWNERS, ROLES, SERVICES, Home, write_private
from localstack.postgres import DATABASE, SUPERUSER
from localstack.tokens import key_file, make_keys, manifest_key

_SERVER = "postgres:5432"


def secrets_of_cluster(root: Path) -> dict[str, Any]:
    """A List for `kubectl apply`: one Secret a service, and those of the servers. Whatever is missing in the folder is made."""
    home = Home(root)
    home.make()
    make_keys(home)
    passwords = _passwords(home)
    items = [_secret(service, _of_service(service, home, passwords)) for service in SERVICES]
    items += [_secret(f"{service}-owner", {"postgres": _dsn(role, passwords)}) for service, role in OWNERS.items()]
    items += [
        _secret("provision", {"postgres": _dsn(SUPERUSER, passwords, SUPERUSER)}),
        _secret("servers", {"postgres-password": passwords[SUPERUSER]}),
        _secret("public-keys", {"jwks.json": home.jwks.read_text("utf-8")}),
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _of_service(service: str, home: Home, passwords: Mapping[str, str]) -> dict[str, str]:
    own = {
        "search": {"fingerprint-key": secret(home, "fingerprints")},
        "exports": {"sealing-key": secret(home, "sealing"), "manifests.json": manifest_key(home).read_text("utf-8")},
        "notify": {"sealing-key": secret(home, "sealing-notify")},
    }
    common = {
        "postgres": _dsn(service, passwords),
        "idempotency-secret": secret(home, f"idempotency-{service}"),
        "token.json": key_file(home, service).read_text("utf-8"),
    }
    return common | own.get(service, {})


def _passwords(home: Home) -> dict[str, str]:
    path = home.keys / "passwords.json"
    had: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    wanted = {role: had.get(role) or secrets.token_hex(16) for role in (SUPERUSER, *ROLES)}
    if wanted != had:
        write_private(path, json.dumps(wanted))
    return wanted


def _dsn(role: str, passwords: Mapping[str, str], database: str = DATABASE) -> str:
    return f"postgresql://{role}:{passwords[role]}@{_SERVER}/{database}"


def _secret(name: str, data: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "stringData": dict(data)}
