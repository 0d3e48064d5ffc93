"""The gateway as a process of its own, and what stands in for the services behind it."""

import http.client
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from common.body import UNREAD
from localstack import gateway
from localstack.home import Facts, Home
from localstack.ports import port_of
from localstack.processes import GATEWAY


@dataclass(slots=True)
class StandIn:
    """A service that tells its name and the address it was asked for, or streams until its reader has gone."""

    name: str
    go_on: threading.Event = field(default_factory=threading.Event)
    reader_left: threading.Event = field(default_factory=threading.Event)


def handler(service: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if "stream" in self.path:
                self.stream()
                return
            body = f"{service.name} {self.path}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            """Refuses before it has read anything, lets what comes pass by, and ends the answer."""
            self.close_connection = True
            self.send_response(401)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.send_header(*(part.decode() for part in UNREAD))
            self.end_headers()
            self.wfile.write(b"2\r\nno\r\n")
            self.connection.settimeout(0.2)
            with suppress(TimeoutError):
                while self.connection.recv(65_536):
                    pass
            self.wfile.write(b"0\r\n\r\n")

        def stream(self) -> None:
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            service.go_on.wait(20)
            try:
                while True:
                    self.wfile.write(b"data: more\n\n")
                    time.sleep(0.01)
            except OSError:
                service.reader_left.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Nothing."""

    return Handler


@contextmanager
def serving(service: StandIn, port: int) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), handler(service))
    threading.Thread(target=server.serve_forever, args=(0.05,)).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Door:
    """A running gateway: its address, its services, and the file it writes its log to."""

    port: int
    services: dict[str, StandIn]
    log: Path

    def get(self, path: str) -> httpx.Response:
        """The path exactly as given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


@contextmanager
def caddy(home: Home, facts: Facts, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The gateway's process, once it takes connections, set as the local stack sets it and by `settings` besides."""
    spec, log, port = gateway.prepare(home, facts), home.log_file("gateway"), port_of(GATEWAY, facts)
    with log.open("w") as log_file:
        environment = os.environ | dict(spec.environment) | dict(settings)
        process = subprocess.Popen(spec.command, env=environment, stdout=log_file, stderr=log_file, cwd="/")
        try:
            deadline = time.monotonic() + 20
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
            yield process
        finally:
            process.terminate()
            process.wait(20)
