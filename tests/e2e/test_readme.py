"""The README's tour is run as it stands, by a shell, against the running system."""

import os
import re
import subprocess
from pathlib import Path

from localstack.demo import decrypt
from localstack.home import checkout
from localstack.stack import Stack

README = (checkout() / "README.md").read_text("utf-8")
TOUR, MORE = re.findall(r"^```sh\n(.*?)^```$", README, re.M | re.S)
"""The tour, and what can be done after it."""
OF_THE_STACK = re.compile(r"^make .*$", re.M)


def test_the_tour_leads_from_a_contact_to_an_encrypted_file(stack: Stack, tmp_path: Path) -> None:
    # Files of the tour are written here; `make` and the sample data are those of the checkout.
    for name in ("Makefile", ".venv", ".tools", "uv.lock", "pyproject.toml", "libs", "services", "deploy", "tests"):
        if (checkout() / name).exists():
            (tmp_path / name).symlink_to(checkout() / name)
    script = tmp_path / "tour.sh"
    # What is done to the whole system has tests of its own.
    script.write_text(TOUR + OF_THE_STACK.sub("", MORE), "utf-8")
    environment = os.environ | {"DANGOL_HOME": str(stack.home.root)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert '"total":1' in done.stdout
    assert '"change":"entered"' in done.stdout
    assert "notice-bot" in done.stdout
    assert "bytes, unchanged." in done.stdout
    rows = decrypt((tmp_path / "customers.xlsx").read_bytes(), "tour-2026")
    assert len(rows) == 2
    assert "hong" in rows[1]
