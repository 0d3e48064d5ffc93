"""The one table of all processes: their names, their ports, and the order in which they stop."""

from dataclasses import dataclass
from enum import IntEnum


class Tier(IntEnum):
    """Started from the lowest to the highest, stopped from the highest to the lowest."""

    SERVERS = 1
    LOOPS = 2
    APIS = 3
    GATEWAY = 4
    WATCHDOG = 5


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the stack. `offset` is added to the stack's first port; OpenSearch's port and the watchdog have none."""

    name: str
    tier: Tier
    offset: int | None = None
    service: str | None = None
    role: str | None = None


def _service(service: str, role: str, offset: int) -> Process:
    return Process(f"{service}-{role}", Tier.APIS if role == "api" else Tier.LOOPS, offset, service, role)


GATEWAY = Process("gateway", Tier.GATEWAY, 0)
POSTGRES = Process("postgres", Tier.SERVERS, 1)
KAFKA = Process("kafka", Tier.SERVERS, 2)
OPENSEARCH = Process("opensearch", Tier.SERVERS)
WATCHDOG = Process("watchdog", Tier.WATCHDOG)

KAFKA_CONTROLLER_OFFSET = 3
GATEWAY_HEALTH_OFFSET = 4

SERVERS = (POSTGRES, KAFKA, OPENSEARCH)
SERVICE_PROCESSES = (
    _service("contacts", "api", 10),
    _service("contacts", "relay", 11),
    _service("contacts", "worker", 12),
    _service("search", "api", 20),
    _service("search", "consumer", 21),
    _service("segments", "api", 30),
    _service("segments", "consumer", 31),
    _service("segments", "worker", 32),
    _service("segments", "relay", 33),
    _service("exports", "api", 40),
    _service("exports", "worker", 41),
    _service("exports", "relay", 42),
    _service("exports", "consumer", 43),
    _service("notify", "api", 50),
    _service("notify", "consumer", 51),
    _service("notify", "worker", 52),
)
PROCESSES = (*SERVERS, *SERVICE_PROCESSES, GATEWAY, WATCHDOG)
BY_NAME = {process.name: process for process in PROCESSES}
