"""The main job from end to end, as `make demo` does it, over a part of its customers: it checks every count that it prints."""

import csv
from pathlib import Path

import pytest

from localstack.demo import run
from localstack.home import checkout
from localstack.stack import Stack

CUSTOMERS = 600


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """The file's first customers."""
    with (checkout() / "tests" / "data" / "cdnow.csv").open(newline="") as whole:
        header, *rows = csv.reader(whole)
    kept = sorted({row[0] for row in rows})[:CUSTOMERS]
    file = tmp_path / "part.csv"
    with file.open("w", newline="") as target:
        csv.writer(target).writerows([header, *(row for row in rows if row[0] <= kept[-1])])
    return file


async def test_the_main_job_ends_with_the_counts_that_a_plain_count_gives(
    stack: Stack, part: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(stack.url, lambda channel: stack.token(channel=channel, sub="kim"), part)
    told = capsys.readouterr().out
    assert f"Loading {CUSTOMERS} customers" in told
    assert "exactly the segment's members" in told
