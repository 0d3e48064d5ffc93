"""A real S3 of a test's own, `rclone serve s3` over a folder: it can be killed and started again."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from common.files.bucket import Bucket

BUCKET = "files"
KEY_ID, SECRET = "a-key-of-tests", "a-secret-of-tests"


class S3Server:
    """Serves the buckets that are folders in `folder`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._options = options
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / BUCKET).mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Answers from now on."""
        program = Path(sys.executable).parent / "rclone"
        address, keys = f"127.0.0.1:{self.port}", f"{KEY_ID},{SECRET}"
        command = [str(program), "serve", "s3", "--addr", address, "--auth-key", keys, *self._options, str(self.folder)]
        environment = {"PATH": os.environ["PATH"], "RCLONE_CONFIG": os.devnull, "HOME": str(self.folder)}
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/", timeout=1)
                return
            except httpx.TransportError:
                assert self._process.poll() is None, "rclone has ended"
                assert time.monotonic() < deadline, "rclone does not answer"

    def kill(self) -> None:
        """Gone in the middle of whatever it does."""
        assert self._process is not None, "it was started"
        self._process.kill()
        self._process.wait()

    def bucket(self, port: int | None = None, **more: object) -> Bucket:
        """The bucket, reached by the server's own port or by another that leads to it."""
        return replace(bucket_at(port or self.port), **more)  # type: ignore[arg-type]


def bucket_at(port: int) -> Bucket:
    """The bucket of a server at this port."""
    return Bucket(
        BUCKET, endpoint=f"http://127.0.0.1:{port}", region="us-east-1", access_key_id=KEY_ID, secret_access_key=SECRET,
        path_style=True,
    )  # fmt: skip


@contextmanager
def served(folder: Path, *options: str) -> Iterator[S3Server]:
    """One that is up, and gone at the end."""
    server = S3Server(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
