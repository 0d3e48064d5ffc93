"""The stack that a test run has for itself: a home and ports of its own, or one that a developer keeps running."""

import fcntl
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from localstack.errors import StackError
from localstack.home import checkout
from localstack.ports import PORTS_PER_STACK, is_free
from localstack.processes import PROCESSES
from localstack.stack import Stack
from localstack.toolchain import find_java, missing_servers

REUSE = "DANGOL_TEST_HOME"
KIND = "DANGOL_TEST_STACK"
"""`local`, as it is without it: servers from packages. `docker`: from images (`tests.support.containers`)."""
ALLOWED = "127.0.0.1/32"
"""Where a stack of the tests may send notices besides public addresses: the stand-ins listen there."""
_RUNS = checkout() / ".dangol-test"
PORT_BASES = range(21000, 32000, PORTS_PER_STACK)


class NoStack(Exception):
    """The servers can't be had; the text says what to install or run."""


@contextmanager
def stack_of_this_run() -> Iterator[Stack]:
    """A stack, not yet started, that is stopped at the end; or the running one that DANGOL_TEST_HOME names. Raises NoStack."""
    named = os.environ.get(REUSE)
    if named:
        stack = Stack(Path(named).expanduser())
        if stack.pid("postgres") is None:
            raise NoStack(f"{REUSE} names {named}, where no stack runs. Start it with `make up DANGOL_HOME={named}`.")
        yield stack
        return
    kind = _kind()
    _sweep()
    os.environ["NOTIFY_ALLOW"] = ALLOWED
    stack = kind(_RUNS / f"run-{os.getpid()}", free_port_base())
    try:
        yield stack
    finally:
        stack.down()
        # Logs are kept until the next run; data is of no use to anybody.
        shutil.rmtree(stack.home.data, ignore_errors=True)


def free_port_base() -> int:
    """The first of a hundred free ports, by chance: two runs seldom meet, workers of one run never. Raises NoStack."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = PORT_BASES[worker :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    for base in random.sample(own, len(own)):
        if all(is_free(base + p.offset) for p in PROCESSES if p.offset is not None):
            return base
    raise NoStack("The tests need 100 free ports in a row from 21000 to 32000 and found none. Stop what listens there.")


def _kind() -> type[Stack]:
    """What stands behind a stack of the tests, once it can be had. Raises NoStack."""
    match os.environ.get(KIND) or "local":
        case "local":
            _require_tools()
            return Stack
        case "docker":
            from tests.support import containers

            try:
                containers.sweep()
            except StackError as error:
                raise NoStack(str(error)) from error
            return containers.ContainedStack
        case other:
            raise NoStack(f"{KIND} is `local` or `docker`, not `{other}`.")


def _require_tools() -> None:
    try:
        find_java()
    except StackError as error:
        raise NoStack(str(error)) from error
    missing = missing_servers()
    if missing:
        raise NoStack(f"The files of {' and '.join(missing)} are not here yet. Run `make test`, or `make setup` once.")


def _sweep() -> None:
    """Stop and remove what earlier runs left, those killed before their end too."""
    _RUNS.mkdir(exist_ok=True)
    # Two runs at once are fine: each has its own home, named after its process, and they sweep one after the other.
    with (_RUNS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for home in _RUNS.glob("run-*"):
            if not psutil.pid_exists(int(home.name.removeprefix("run-"))):
                Stack(home).down()
                shutil.rmtree(home)
