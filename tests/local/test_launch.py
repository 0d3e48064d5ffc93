"""The launcher: the process it becomes, its pid file, and when it holds back."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from localstack.home import Home
from localstack.launch import MOST_DEATHS_A_MINUTE, recent_starts
from localstack.spec import Spec, write_spec


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.make()
    return home


def launch(home: Home, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "localstack", "--home", str(home.root), "run", name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_the_pid_file_names_the_process_itself(home: Home) -> None:
    write_spec(home, "a", Spec([sys.executable, "-c", "import os; print(os.getpid())"], {"X": "1"}))
    process = launch(home, "a")
    told, _ = process.communicate(timeout=20)
    assert int(told) == process.pid == int(home.pid_file("a").read_text())


def test_a_process_gets_its_settings_and_writes_bytecode(home: Home) -> None:
    code = "import os; print(os.environ['CONTACTS_PORT'], 'PYTHONDONTWRITEBYTECODE' in os.environ)"
    write_spec(home, "a", Spec([sys.executable, "-c", code], {"CONTACTS_PORT": "18090"}))
    told, _ = launch(home, "a").communicate(timeout=20)
    assert told.split() == ["18090", "False"]


@pytest.mark.parametrize(
    ("past", "waits"),
    [
        ([], False),
        ([2.0 * n for n in range(1, MOST_DEATHS_A_MINUTE)], False),
        ([2.0 * n for n in range(1, MOST_DEATHS_A_MINUTE + 1)], True),
        ([61.0 + n for n in range(20)], False),
    ],
)
def test_it_holds_back_only_after_ten_deaths_within_a_minute(home: Home, past: list[float], waits: bool) -> None:
    now = time.time()
    home.starts_file("a").write_text(json.dumps(sorted(now - ago for ago in past)))
    write_spec(home, "a", Spec([sys.executable, "-c", "pass"]))
    process = launch(home, "a")
    deadline = time.monotonic() + 20
    while not (latest := [at for at in recent_starts(home.starts_file("a")) if at > now]) and time.monotonic() < deadline:
        pass
    process.terminate()
    process.communicate(timeout=20)
    assert (latest[0] > now + 10) == waits
