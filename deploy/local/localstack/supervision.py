"""The supervisor of a stack: its configuration, its start and stop, and what it says of each process."""

import hashlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

from localstack.errors import StackError
from localstack.home import Home
from localstack.leftovers import alive, is_supervisor, terminate
from localstack.processes import POSTGRES, PROCESSES, Process, Tier

_STOP_SECONDS = 20
_SHUTDOWN_SECONDS = 90.0
# The kernel's limit for the path of a Unix socket is 104 bytes on macOS, 108 on Linux.
_LONGEST_SOCKET_PATH = 90

_HEADER = """\
[supervisord]
nodaemon=false
logfile={home}/logs/supervisor.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile={home}/pids/supervisor.pid
directory={home}
childlogdir={home}/logs
strip_ansi=false
minfds=4096
{user}
[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket}
"""

# `startsecs=0`: every death is followed by a start at once; the launcher counts them and backs off.
_PROGRAM = """
[program:{name}]
command={python} -m localstack --home "{home}" run {name}
autostart=false
autorestart=true
startsecs=0
startretries=1000000
stopsignal={signal}
stopwaitsecs={wait}
redirect_stderr=true
stdout_logfile={home}/logs/{name}.log
stdout_logfile_maxbytes=50MB
stdout_logfile_backups=2
"""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _Connection(self._path)


class Supervisor:
    """Starts and stops the processes of one home. Raises StackError where it does not answer in time."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._socket = _socket_path(home)
        self._pid_file = home.pid_file("supervisor")
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(str(self._socket)))
        self._rpc = proxy.supervisor

    def running(self) -> bool:
        """Whether it answers."""
        try:
            self._rpc.getState()
        except (OSError, http.client.HTTPException):
            return False
        return True

    def start(self) -> None:
        """Start it, without any process yet, unless it runs."""
        if self.running():
            return
        config = self._home.conf / "supervisor.conf"
        config.write_text(_config(self._home, self._socket), "utf-8")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-m", "localstack.supervise", "-c", str(config)]
        answer = subprocess.run(
            command,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if answer.returncode != 0:
            raise StackError(f"The supervisor could not start. It said:\n{answer.stderr.strip()}")
        deadline = time.monotonic() + 15
        while not self.running():
            if time.monotonic() > deadline:
                raise StackError(f"The supervisor does not answer; see {self._home.log_file('supervisor')}.")
            time.sleep(0.05)

    def start_processes(self, processes: Iterable[Process]) -> None:
        """Start those that do not run; does not wait until they are ready."""
        running = self.states()
        for process in processes:
            if running.get(process.name) not in ("RUNNING", "STARTING"):
                self._home.starts_file(process.name).unlink(missing_ok=True)
                self._rpc.startProcess(_name(process), False)

    def stop_process(self, process: Process) -> None:
        """Stop one and wait for its end."""
        if self.states().get(process.name) not in ("STOPPED", "EXITED", "FATAL", None):
            self._rpc.stopProcess(_name(process), True)

    def states(self) -> dict[str, str]:
        """By process: RUNNING, STOPPED, EXITED and so on; empty when the supervisor does not run."""
        try:
            answer = self._rpc.getAllProcessInfo()
        except (OSError, http.client.HTTPException):
            return {}
        return {str(row["name"]): str(row["statename"]) for row in cast(list[dict[str, object]], answer)}

    def shutdown(self) -> None:
        """Stop every process, tier by tier, and then itself."""
        pid = read_pid(self._pid_file)
        try:
            self._rpc.shutdown()
        except (OSError, http.client.HTTPException):
            return
        deadline = time.monotonic() + _SHUTDOWN_SECONDS
        while pid is not None and alive(pid):
            if time.monotonic() > deadline:
                if is_supervisor(pid, self._home):
                    terminate([pid], seconds=5)
                return
            time.sleep(0.05)


def read_pid(path: Path) -> int | None:
    """The pid that stands in a pid file; None when there is no such file."""
    try:
        return int(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):  # not there, or being written by a program that does not replace it in one step
        return None


def _name(process: Process) -> str:
    return f"{process.tier.name.lower()}:{process.name}"


def _socket_path(home: Home) -> Path:
    path = home.root / "supervisor.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"dangol-{os.geteuid()}-{digest}.sock"


def _config(home: Home, path: Path) -> str:
    # A percent sign would be read as the start of a variable.
    def safe(text: object) -> str:
        return str(text).replace("%", "%%")

    root = safe(home.root)
    parts = [_HEADER.format(home=root, socket=safe(path), user="user=root\n" if os.geteuid() == 0 else "")]
    parts += [_program(process, root, safe(sys.executable)) for process in PROCESSES]
    parts += [_group(tier, [p.name for p in PROCESSES if p.tier == tier]) for tier in Tier]
    return "".join(parts)


def _program(process: Process, root: str, python: str) -> str:
    # PostgreSQL waits for its clients on SIGTERM, and ends at once, with everything written, on SIGINT.
    signal = "INT" if process == POSTGRES else "TERM"
    return _PROGRAM.format(name=process.name, python=python, home=root, signal=signal, wait=_STOP_SECONDS)


def _group(tier: Tier, names: Sequence[str]) -> str:
    # Groups stop one after another, the highest priority first; the processes of one group stop together.
    return f"\n[group:{tier.name.lower()}]\nprograms={','.join(names)}\npriority={tier.value}\n"
