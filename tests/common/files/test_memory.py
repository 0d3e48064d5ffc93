"""A file of any size takes the same memory on its way to a bucket, and from there to whoever asks for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localstack.home import checkout
from tests.support.rclone import served

_MIB = 1 << 20


@pytest.mark.parametrize("size", [48 * _MIB, pytest.param(1024 * _MIB, marks=pytest.mark.deep)])
def test_memory_stays_as_it_is_however_large_a_file(tmp_path: Path, size: int) -> None:
    block, large = os.urandom(_MIB), tmp_path / "large"
    with large.open("wb") as file:
        for _ in range(size // _MIB):
            file.write(block)
    with served(tmp_path / "s3") as server:
        command = [sys.executable, "-m", "tests.common.files.carrying", str(server.port), str(large)]
        done = subprocess.run(command, cwd=checkout(), capture_output=True, text=True, check=True)
    before, there, back = map(int, done.stdout.split())
    assert (there - before, back - before) < (40 * 1024, 44 * 1024), done.stdout
