"""What a person is told when the machine lacks something."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from localstack.account import unprivileged
from localstack.errors import MissingTool, PortTaken
from localstack.home import checkout
from localstack.ports import require_free
from localstack.processes import GATEWAY
from localstack.toolchain import find_java


def local(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command with nothing on the path but what `environment` says."""
    command = [sys.executable, "-m", "localstack", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_missing_maven_is_named_with_the_line_that_installs_it(tmp_path: Path) -> None:
    answer = local("setup", PATH="/nonexistent", JAVA_HOME=str(find_java().parents[1]), DANGOL_CACHE=str(tmp_path))
    assert answer.returncode == 1
    assert "apt-get install maven" in answer.stderr
    assert "brew install maven" in answer.stderr


def test_a_java_that_is_too_old_is_not_taken(tmp_path: Path) -> None:
    for version in ("17.0.15", "21.0.2"):
        java = tmp_path / version / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.touch()
        (tmp_path / version / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    old, new = (tmp_path / version / "bin" / "java" for version in ("17.0.15", "21.0.2"))
    assert find_java([old, new]) == new
    with pytest.raises(MissingTool, match=r"Java 21 or later .*apt-get install.*brew install"):
        find_java([old])


def test_a_taken_port_is_named_with_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"Port {port}, which gateway needs, .*\(pid {os.getpid()}\).*DANGOL_PORT_BASE"):
            require_free(GATEWAY, port)


def test_before_the_first_start_it_says_so(tmp_path: Path) -> None:
    answer = local("--home", str(tmp_path / "none"), "env")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "make up" in answer.stderr


@pytest.mark.parametrize("base", ["80", "high", "70000"])
def test_a_port_base_that_cannot_be_is_refused(base: str, tmp_path: Path) -> None:
    answer = local("--home", str(tmp_path), "servers-up", DANGOL_PORT_BASE=base)
    assert answer.returncode == 1
    assert "1024 to 65000" in answer.stderr


def test_make_help_lists_every_target() -> None:
    makefile = (checkout() / "Makefile").read_text()
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY:")).split()[1:]
    told = subprocess.run(["make", "-s", "help"], cwd=checkout(), capture_output=True, text=True, check=True).stdout
    assert [target for target in phony if f"make {target} " not in told] == []


def test_postgres_reaches_a_checkout_that_only_its_owner_may_enter(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    inner = tmp_path / "closed" / "data"
    inner.mkdir()
    spec = unprivileged(["/bin/sh", "-c", 'ls "$0" && test -x "$0"', str(inner)], reaches=[inner])
    assert subprocess.run(spec.command, check=False).returncode == 0
