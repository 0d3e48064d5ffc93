"""`python -m exports audit verify`: the first broken line is named, and the missing last one."""

import argparse
import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.ids import new_id
from common.postgres import Database
from exports.audit import commands, store
from exports.audit.chain import CHANGED, MISSING, OTHER_KNOWN, OTHER_LAST, TOO_MANY, Broken, Chain, Head, Line
from exports.audit.entry import FIRST, Action, Entry
from localstack.stack import Stack
from tests.support.postgres import fresh_database, fresh_schema

AT = datetime(2026, 11, 30, 3, tzinfo=UTC)


def line_of(n: int, before: str, detail: str = "why") -> Line:
    entry = Entry(new_id(), AT, f"m{n}", Action.ASKED, None, "accepted", None, detail)
    return Line(n, entry, entry.hash(before))


def chain_of(length: int) -> list[Line]:
    made: list[Line] = []
    for n in range(1, length + 1):
        made.append(line_of(n, made[-1].hash if made else FIRST))
    return made


def checked(lines: Sequence[Line], head: Head | None, known: Head | None = None) -> Chain:
    chain = Chain(known)
    for line in lines:
        chain.add(line)
    chain.end(head)
    return chain


def head_of(lines: Sequence[Line]) -> Head | None:
    return Head(lines[-1].number, lines[-1].hash) if lines else None


@given(st.integers(0, 6))
def test_what_was_written_is_whole(length: int) -> None:
    lines = chain_of(length)
    assert checked(lines, head_of(lines)).broken is None
    for known in lines:
        assert checked(lines, head_of(lines), Head(known.number, known.hash)).broken is None


@given(st.integers(1, 6), st.data())
def test_the_first_broken_line_is_named(length: int, data: st.DataObject) -> None:
    lines, head = chain_of(length), head_of(chain_of(length))
    head = head_of(lines)
    n = data.draw(st.integers(0, length - 1))
    changed = [*lines[:n], replace(lines[n], entry=replace(lines[n].entry, detail="another")), *lines[n + 1 :]]
    assert checked(changed, head).broken == Broken(n + 1, lines[n].entry.id, CHANGED)
    assert checked([*lines[:n], *lines[n + 1 :]], head).broken == Broken(n + 1, None, MISSING)
    assert checked(lines[:n], head).broken == Broken(n + 1, None, MISSING)
    more = [*lines, line_of(length + 1, lines[-1].hash)]
    assert checked(more, head).broken == Broken(length + 1, None, TOO_MANY)
    assert checked(lines, None).broken == Broken(1, None, TOO_MANY)
    # All from there on written anew: the head tells, and where that was changed too, what somebody has noted.
    anew = list(lines[:n])
    for each in lines[n:]:
        anew.append(line_of(each.number, anew[-1].hash if anew else FIRST, "another"))
    assert checked(anew, head).broken == Broken(length, None, OTHER_LAST)
    assert checked(anew, head_of(anew)).broken is None
    known = Head(n + 1, lines[n].hash)
    assert checked(anew, head_of(anew), known).broken == Broken(n + 1, anew[n].entry.id, OTHER_KNOWN)
    assert checked(lines[:n], head_of(lines[:n]), known).broken == Broken(n + 1, None, MISSING)


@pytest.fixture
async def database(servers: Stack) -> AsyncIterator[Database]:
    async with fresh_database(servers.postgres_dsn(None), ["common", "exports"]) as made:
        for channel, length in (("c", 5), ("d", 1)):
            for n in range(length):
                async with made.transaction() as tx:
                    await store.add(tx, channel, Entry(new_id(), AT, f"m{n}", Action.READ, None, "refused", None, "홍길동\n"))
        yield made


async def verify(database: Database, *arguments: str) -> int:
    command: argparse.Namespace = commands.parse(["verify", *arguments])
    return await commands.run(command, database)


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("update audit set by = 'lee' where channel = 'c' and number = 3", f"c: broken at line 3 (<id>): {CHANGED}"),
        ("delete from audit where channel = 'c' and number = 1", f"c: broken at line 1: {MISSING}"),
        ("delete from audit where channel = 'c' and number > 4", f"c: broken at line 5: {MISSING}"),
        ("delete from audit where channel = 'c'", f"c: broken at line 1: {MISSING}"),
        ("delete from audit_head where channel = 'c'", f"c: broken at line 1: {TOO_MANY}"),
    ],
)
async def test_what_somebody_with_more_rights_did_is_told(
    database: Database, capsys: pytest.CaptureFixture[str], tampering: str, said: str
) -> None:
    assert await verify(database) == 0
    whole = capsys.readouterr().out.splitlines()
    assert [line.split(";")[0] for line in whole] == ["c: whole, 5 lines", "d: whole, 1 lines"]
    async with database.transaction() as tx:
        third = await tx.fetchval("select id from audit where channel = 'c' and number = 3")
        await tx.execute(tampering)
    assert await verify(database) == 1
    out, told = capsys.readouterr()
    assert out.splitlines() == [said.replace("<id>", str(third)), whole[1]]
    assert "may change the log" in told  # the tests' role owns the tables
    assert await verify(database, "--channel", "d") == 0
    assert capsys.readouterr().out.splitlines() == whole[1:]


async def test_a_log_whose_end_and_head_were_cut_is_told_by_what_was_known(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await verify(database, "--channel", "c") == 0
    known = capsys.readouterr().out.strip().rpartition(" ")[2]
    async with database.transaction() as tx:
        await tx.execute("delete from audit where channel = 'c' and number = 5")
        await tx.execute("update audit_head h set number = 4, hash = a.hash from audit a where a.channel = 'c' and a.number = 4 "
                         "and h.channel = 'c'")  # fmt: skip
    assert await verify(database, "--channel", "c") == 0
    assert await verify(database, "--channel", "c", "--known", known) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"c: broken at line 5: {MISSING}"


@pytest.mark.parametrize("arguments", [[], ["verify", "--known", "1:" + 64 * "a"], ["verify", "--channel", "c", "--known", "x"]])
def test_a_command_that_is_none_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        commands.parse(arguments)
    assert refused.value.code == 2


async def test_the_program_itself_ends_with_one_where_the_log_is_broken(servers: Stack) -> None:
    async with fresh_schema(servers.postgres_dsn(None), ["common", "exports"]) as dsn, Database.open(dsn) as database:
        environment = os.environ | servers.service_env("exports-api") | {"EXPORTS_POSTGRES": dsn}

        async with database.transaction() as tx:
            await store.add(tx, "c", Entry(new_id(), AT, "kim", Action.READ, None, "refused"))
            await tx.execute("update audit set by = 'lee'")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "exports", "audit", "verify", env=environment, stdout=PIPE, stderr=PIPE
        )
        out, _ = await process.communicate()
        assert (process.returncode, out.decode().startswith("c: broken at line 1 (")) == (1, True)
