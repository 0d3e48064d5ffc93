"""What the commands say to whoever mistypes them: a sentence and exit status 2, no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["command", "foo"], "search, segments"),
        (["command"], "Name a service"),
        (
            ["token", "--channel", "demo", "--sub", "kim", "--permissions", "contacts.read,contact.read"],
            "contact.read. There are",
        ),
    ],
)
def test_a_mistyped_command_is_answered_by_a_sentence(tmp_path: Path, words: list[str], told: str) -> None:
    command = [sys.executable, "-m", "localstack", "--home", str(tmp_path), *words]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr
