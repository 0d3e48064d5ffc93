"""Which port each process has, whether it is free, and who holds it when it is not."""

import asyncio
import random
import socket
from pathlib import Path

import psutil

from localstack.errors import PortTaken
from localstack.home import Facts
from localstack.processes import GATEWAY_HEALTH_OFFSET, KAFKA_CONTROLLER_OFFSET, OPENSEARCH, Process

HOST = "127.0.0.1"
# OpenSearch as packaged for tests listens nowhere else.
OPENSEARCH_PORTS = range(9201, 9300)
PORTS_PER_STACK = 100
PORT_BASES = range(1024, 65001)
USUAL_OUTGOING = range(32768, 61000)
"""What Linux takes for outgoing connections unless it is told otherwise."""

_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def port_of(process: Process, facts: Facts) -> int:
    """The port of a process that has one. Raises ValueError for one that has none."""
    if process == OPENSEARCH:
        return facts.opensearch_port
    if process.offset is None:
        raise ValueError(f"{process.name} has no port")
    return facts.port_base + process.offset


def ports_of(process: Process, facts: Facts) -> list[int]:
    """Every port that a process listens on."""
    if process.offset is None and process != OPENSEARCH:
        return []
    extra = {"kafka": [facts.port_base + KAFKA_CONTROLLER_OFFSET], "gateway": [facts.port_base + GATEWAY_HEALTH_OFFSET]}
    return [port_of(process, facts), *extra.get(process.name, [])]


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def outgoing_ports() -> range:
    """The ports that the kernel gives to outgoing connections, whenever it likes."""
    if not _OUTGOING.exists():  # no Linux
        return USUAL_OUTGOING
    first, last = map(int, _OUTGOING.read_text("ascii").split())
    return range(first, last + 1)


def warning(base: int, outgoing: range) -> str | None:
    """What speaks against a stack's ports from `base` on; None for nothing."""

    def free_of_them(first: int) -> bool:
        return first + PORTS_PER_STACK <= outgoing.start or outgoing.stop <= first

    if free_of_them(base):
        return None
    better = next(
        (n for n in (18080, outgoing.start - PORTS_PER_STACK, outgoing.stop) if n in PORT_BASES and free_of_them(n)), None
    )
    advice = f"`DANGOL_PORT_BASE={better}`" if better is not None else "a smaller net.ipv4.ip_local_port_range"
    return (
        f"Ports from {base} on lie within {outgoing.start}-{outgoing.stop - 1}, which this machine uses for outgoing "
        f"connections: any of them may be taken just when a process starts. Choose {advice}."
    )


async def listens(port: int) -> bool:
    """Whether a server accepts connections there: cheap to ask again and again, and quiet."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def free_opensearch_port() -> int:
    """A port that OpenSearch can have, by chance: two stacks that start together seldom meet. Raises PortTaken."""
    for port in random.sample(OPENSEARCH_PORTS, len(OPENSEARCH_PORTS)):
        if is_free(port):
            return port
    raise PortTaken("OpenSearch needs one free port within 9201-9299 and all are in use. Stop a program that holds one.")


def require_free(process: Process, port: int) -> None:
    """Raises PortTaken, naming who holds the port."""
    if is_free(port):
        return
    raise PortTaken(
        f"Port {port}, which {process.name} needs, is held by {_holder(port)}. Stop that program, or start this stack elsewhere: "
        "`make up DANGOL_PORT_BASE=18080`."
    )


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS tells this only to root
        return "another program"
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN and connection.pid:
            try:
                return f"`{psutil.Process(connection.pid).name()}` (pid {connection.pid})"
            except psutil.NoSuchProcess:
                break
    return "another program"
