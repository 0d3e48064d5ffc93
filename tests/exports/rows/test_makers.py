"""Rows are the same whoever makes them, come in their order, and a process of rows never outlives its use."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import orjson
import psutil
import pytest

from exports.rows.decoding import Field, NoContact
from exports.rows.makers import MakerEnded, MakerFailed, Makers, makers
from exports.rows.making import Made, Plan
from exports.rows.wire import Order

PLAN = Plan([Field("id", "String"), Field("profile.x", "String")], "Asia/Seoul", "ko")
ROWS = 50


def order(block: int, text: str = "값") -> Order:
    first = block * ROWS
    lines = [orjson.dumps({"id": str(UUID(int=first + n)), "profile": {"x": f"{text} {n}"}}) for n in range(ROWS)]
    return Order(first + 2, b"\n".join(lines), ROWS)


def made(by: Makers, blocks: int) -> list[Made]:
    found: list[Made] = []
    for block in range(blocks):
        by.order(order(block, "긴" * 40_000 if block == 7 else "값"))
        found += by.ready()
    return [*found, *by.rest()]


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "exports.rows" in " ".join(each.cmdline())]


@pytest.mark.parametrize("processes", [1, 2])
def test_processes_make_what_is_made_here(processes: int) -> None:
    here, beside = makers(PLAN, 0), makers(PLAN, processes)
    assert len(children()) == processes
    try:
        assert made(beside, 20) == made(here, 20)
    finally:
        beside.close()
    assert children() == []


def test_no_more_is_under_way_than_a_few_blocks() -> None:
    """Whoever gives orders takes what was made: memory does not grow with the rows."""
    by = makers(PLAN, 2)
    try:
        under_way = 0
        for block in range(30):
            by.order(order(block))
            under_way += 1 - len(list(by.ready()))
            assert under_way < 4
    finally:
        by.close()


def test_a_killed_process_ends_the_work_with_its_reason() -> None:
    by = makers(PLAN, 2)
    try:
        for child in children():
            child.send_signal(signal.SIGKILL)
        with pytest.raises(MakerEnded, match="was ended by SIGKILL"):
            made(by, 20)
    finally:
        by.close()
    assert children() == []


@pytest.mark.parametrize("processes", [0, 1])
def test_a_line_that_is_no_contact_is_told(processes: int) -> None:
    by = makers(PLAN, processes)
    try:
        with pytest.raises(NoContact):
            by.order(Order(2, b"{", 1))
            list(by.rest())
    finally:
        by.close()


def test_an_error_of_the_program_is_told_without_any_value() -> None:
    by = makers(Plan([Field("x", "Date")], "Asia/Seoul", "ko"), 1)
    try:
        by.order(Order(2, orjson.dumps({"id": str(UUID(int=1)), "x": "secret word"}), 1))
        with pytest.raises(MakerFailed, match=r"ValueError in .*decoding\.py") as told:
            list(by.rest())
    finally:
        by.close()
    assert "secret" not in str(told.value)


def test_a_process_of_rows_ends_with_whoever_started_it() -> None:
    program = "import sys; from exports.rows.makers import *; from exports.rows.making import *; " \
        "by = makers(Plan([], 'UTC', 'ko'), 2); print('\\n', flush=True); sys.stdin.read()"  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        beside = psutil.Process(parent.pid).children()
        assert len(beside) == 2
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert psutil.wait_procs(beside, timeout=20)[1] == []


def test_a_process_of_rows_is_told_nothing_of_the_environment() -> None:
    assert "PYTEST_CURRENT_TEST" in os.environ
    by = makers(PLAN, 1)
    try:
        [child] = children()
        told = Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0")
        assert {each.partition(b"=")[0] for each in told} <= {b"", b"PATH", b"LANG", b"LC_ALL", b"LC_CTYPE", b"TZ", b"TZDIR"}
    finally:
        by.close()
