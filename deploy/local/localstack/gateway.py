"""The gateway: Caddy in front of the five services, by the same Caddyfile as elsewhere."""

import os
import sys
from pathlib import Path

from localstack.errors import StackError
from localstack.home import SERVICES, Facts, Home, checkout
from localstack.ports import HOST, port_of
from localstack.processes import BY_NAME, GATEWAY, GATEWAY_HEALTH_OFFSET
from localstack.spec import Spec

_SETTINGS = (
    "GATEWAY_SCHEME", "GATEWAY_CERTIFICATE", "GATEWAY_KEY", "GATEWAY_HSTS_SECONDS", "GATEWAY_TRUSTED_PROXIES", "GATEWAY_PATIENCE",
)  # fmt: skip
"""What whoever starts the stack may say (docs/gateway.md)."""


def prepare(home: Home, facts: Facts) -> Spec:
    """How to start it. Raises StackError where Caddy is not installed."""
    caddy = Path(sys.executable).parent / "caddy"
    if not caddy.is_file():
        raise StackError("Caddy is not installed beside this Python. Run `make setup`.")
    health = f"{HOST}:{facts.port_base + GATEWAY_HEALTH_OFFSET}"
    environment = {
        "GATEWAY_HOST": HOST,
        "GATEWAY_PORT": str(port_of(GATEWAY, facts)),
        "GATEWAY_HEALTH_PORT": str(facts.port_base + GATEWAY_HEALTH_OFFSET),
        "GATEWAY_DOCS": str(checkout() / "docs"),
        "XDG_DATA_HOME": str(home.data / "gateway"),
        "XDG_CONFIG_HOME": str(home.data / "gateway"),
    }
    environment |= {name: os.environ[name] for name in _SETTINGS if os.environ.get(name)}
    for service in SERVICES:
        environment[f"GATEWAY_{service.upper()}"] = f"{HOST}:{port_of(BY_NAME[f'{service}-api'], facts)}"
    command = [str(caddy), "run", "--config", str(checkout() / "deploy" / "Caddyfile"), "--adapter", "caddyfile"]
    return Spec(command, environment, health=health)
