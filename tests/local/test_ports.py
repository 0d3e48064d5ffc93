"""Which ports a stack should have: none that the machine may give to an outgoing connection at any moment."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from localstack.home import DEFAULT_PORT_BASE, checkout
from localstack.ports import PORTS_PER_STACK, USUAL_OUTGOING, outgoing_ports, warning
from localstack.stack import Stack
from tests.support.stack import PORT_BASES

ALL = range(1024, 65536)


@pytest.mark.parametrize(
    ("base", "outgoing", "advice"),
    [
        (DEFAULT_PORT_BASE, USUAL_OUTGOING, None),
        (32668, USUAL_OUTGOING, None),
        (61000, USUAL_OUTGOING, None),
        (32669, USUAL_OUTGOING, "`DANGOL_PORT_BASE=18080`"),
        (34000, USUAL_OUTGOING, "`DANGOL_PORT_BASE=18080`"),
        (60999, USUAL_OUTGOING, "`DANGOL_PORT_BASE=18080`"),
        (18080, range(10000, 61000), "`DANGOL_PORT_BASE=9900`"),
        (8080, range(1024, 61000), "`DANGOL_PORT_BASE=61000`"),
        (8080, ALL, "net.ipv4.ip_local_port_range"),
    ],
)
def test_ports_of_outgoing_connections_are_warned_of_with_what_to_choose(base: int, outgoing: range, advice: str | None) -> None:
    told = warning(base, outgoing)
    assert (told is None) == (advice is None)
    assert advice is None or (told is not None and advice in told and str(base) in told)


def test_the_ports_of_test_runs_and_of_continuous_integration_are_others() -> None:
    found = re.search(r"\$\(\((\d+) \+ RANDOM % (\d+) \* (\d+)\)\)", (checkout() / ".ci" / "run").read_text("utf-8"))
    assert found is not None
    first, count, step = map(int, found.groups())
    for base in (*PORT_BASES, *range(first, first + count * step, step)):
        assert base + PORTS_PER_STACK <= USUAL_OUTGOING.start


def test_a_start_on_such_ports_says_so(servers: Stack, tmp_path: Path) -> None:
    assert servers.facts.port_base not in outgoing_ports()
    with socket.create_server(("127.0.0.1", 0)) as held:  # the kernel chooses one of those; it stands for PostgreSQL's
        base = held.getsockname()[1] - 1
        command = [sys.executable, "-m", "localstack", "--home", str(tmp_path), "servers-up"]
        environment = os.environ | {"DANGOL_PORT_BASE": str(base)}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert f"Ports from {base} on lie within" in answer.stderr
    assert "which postgres needs, is held by" in answer.stderr
