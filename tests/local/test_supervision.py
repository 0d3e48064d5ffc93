"""What dies comes back, what stops does so in order, and a dead supervisor's processes are ended: with small stand-ins."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from localstack.home import Home
from localstack.leftovers import alive, end_leftovers, own_pid
from localstack.processes import BY_NAME
from localstack.spec import Spec, write_spec
from localstack.supervision import Supervisor, read_pid

# On SIGTERM it writes its name, so that the order of a stop can be read.
STAND_IN = """
import pathlib, signal, sys, time
def stop(*_):
    with open(sys.argv[2], "a") as file: file.write(sys.argv[1] + chr(10))
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pathlib.Path(sys.argv[2] + "." + sys.argv[1]).touch()
while True: time.sleep(60)
"""
NAMES = ("kafka", "contacts-relay", "contacts-api", "gateway")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    home.make()
    for name in NAMES:
        write_spec(home, name, Spec([sys.executable, "-c", STAND_IN, name, str(tmp_path / "stopped")]))
    yield home
    Supervisor(home).shutdown()
    end_leftovers(home)


@pytest.fixture
def supervisor(home: Home) -> Supervisor:
    supervisor = Supervisor(home)
    supervisor.start()
    supervisor.start_processes([BY_NAME[name] for name in NAMES])
    eventually(lambda: all((home.root / f"stopped.{name}").exists() for name in NAMES))
    return supervisor


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"


def pids(home: Home) -> dict[str, int | None]:
    return {name: own_pid(home, BY_NAME[name]) for name in NAMES}


def is_back(home: Home, before: int) -> bool:
    return own_pid(home, BY_NAME["contacts-api"]) not in (None, before)


@pytest.mark.usefixtures("supervisor")
def test_what_is_killed_is_back_within_two_seconds_and_its_pid_file_follows(home: Home) -> None:
    for _ in range(3):
        before = own_pid(home, BY_NAME["contacts-api"])
        assert before is not None
        os.kill(before, signal.SIGKILL)
        eventually(partial(is_back, home, before), seconds=2)


def test_a_stop_goes_from_the_gateway_down_to_the_servers(home: Home, supervisor: Supervisor) -> None:
    running = pids(home)
    supervisor.shutdown()
    assert (home.root / "stopped").read_text().split() == ["gateway", "contacts-api", "contacts-relay", "kafka"]
    assert not any(alive(pid) for pid in running.values() if pid is not None)


def test_what_a_killed_supervisor_leaves_is_ended_in_the_same_order(home: Home, supervisor: Supervisor) -> None:
    own = read_pid(home.pid_file("supervisor"))
    assert own is not None
    os.kill(own, signal.SIGKILL)
    eventually(lambda: not alive(own))
    assert not supervisor.running()
    assert None not in pids(home).values()
    end_leftovers(home)
    assert (home.root / "stopped").read_text().split() == ["gateway", "contacts-api", "contacts-relay", "kafka"]
    assert set(pids(home).values()) == {None}


def test_a_stranger_who_got_the_same_pid_is_left_alone(home: Home) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        home.pid_file("kafka").write_text(str(stranger.pid))
        assert own_pid(home, BY_NAME["kafka"]) is None
        end_leftovers(home)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_home_with_a_long_name_works_too(tmp_path: Path) -> None:
    home = Home(tmp_path / ("n" * 120))
    home.make()
    supervisor = Supervisor(home)
    supervisor.start()
    assert supervisor.running()
    supervisor.shutdown()
    assert not supervisor.running()
