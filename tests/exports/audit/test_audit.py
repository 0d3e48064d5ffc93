"""The audit log on the real PostgreSQL: lines that stand on one another, found by who, what, which and when."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.auth import Caller
from common.clock import to_wire
from common.errors import Unprocessable
from common.ids import new_id
from common.postgres import Database
from exports.audit import store
from exports.audit.entry import FIRST, Action, Entry
from exports.audit.queries import AuditLog
from exports.audit.store import Wanted
from localstack.stack import Stack
from tests.support.postgres import fresh_database

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
EYE = Caller("eye", "c", frozenset({"audit.read"}))
PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


def first_broken(items: list[dict[str, Any]]) -> str | None:
    """What the documented check says."""
    names: dict[str, Any] = {}
    block = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    exec(block[1], names)  # the page's own words are what is tested
    found: str | None = names["first_broken"](items)
    return found


@pytest.fixture
async def database(servers: Stack) -> AsyncIterator[Database]:
    async with fresh_database(servers.postgres_dsn(None), ["common", "exports"]) as made:
        yield made


def entry(n: int, action: Action = Action.READ, by: str = "kim", target: UUID | None = None, **more: Any) -> Entry:
    about = None if target is None else str(target)
    return Entry(new_id(), AT + timedelta(minutes=n), by, action, about, "refused", **more)


async def add(database: Database, *entries: Entry, channel: str = "c") -> None:
    for each in entries:
        async with database.transaction() as tx:
            await store.add(tx, channel, each)


async def read(database: Database, wanted: Wanted = Wanted(), limit: int = 100) -> list[dict[str, Any]]:  # noqa: B008
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await AuditLog(database).entries(EYE, wanted, limit, cursor)
        assert len(page.items) <= limit
        items, cursor = items + page.items, page.next
        if cursor is None:
            return items


NASTY = 'a "reason"\n\ttab \\ / \u007f \u2028 홍길동 😀 </script>'


async def test_each_line_stands_on_the_one_before_also_when_many_are_written_at_once(database: Database) -> None:
    lines = [entry(n, detail=f"{n} {NASTY}", address="127.0.0.1") for n in range(20)]
    await asyncio.gather(*(add(database, line) for line in lines))
    await add(database, *lines[:1], channel="other")
    items = await read(database, limit=3)
    assert {item["id"] for item in items} == {str(line.id) for line in lines}
    assert first_broken(items) is None
    assert items[-1]["hash"] != items[0]["hash"]


@pytest.mark.parametrize(
    "tampering",
    [
        "update audit set detail = 'another' where id = $1",
        "update audit set by = 'lee' where id = $1",
        "update audit set at = at + interval '1 millisecond' where id = $1",
        "update audit set target = null where id = $1",
        "delete from audit where id = $1",
    ],
)
async def test_a_line_that_was_changed_or_taken_out_breaks_the_chain(database: Database, tampering: str) -> None:
    lines = [entry(n, target=uuid4(), detail="why") for n in range(5)]
    await add(database, *lines)
    assert first_broken(await read(database)) is None
    async with database.transaction() as tx:
        await tx.execute(tampering, lines[2].id)
    broken = 3 if tampering.startswith("delete") else 2
    assert first_broken(await read(database)) == str(lines[broken].id)


def _part(name: str, n: int) -> str:
    return (files("exports") / "migrations" / name).read_text("utf-8").split("-- migrate:down")[n]


async def test_lines_from_before_get_their_hashes_by_the_migration(database: Database) -> None:
    up, down = _part("0005_audit_chain.sql", 0), _part("0005_audit_chain.sql", 1)
    columns = "(channel, id, at, by, action, target, outcome, address, detail)"
    insert = f"insert into audit {columns} values ($1, $2, $3, 'kim', 'export.asked', $4, 'done', $5, $6)"
    ids = sorted(new_id() for _ in range(6))
    async with database.transaction() as tx:
        await tx.execute(_part("0006_audit_only_added.sql", 1))
        await tx.execute(down)
        for n, id_ in enumerate(ids):
            row = (None, "::1", NASTY) if n % 2 else (str(id_), None, None)
            await tx.execute(insert, "cd"[n % 2], id_, AT + timedelta(microseconds=1_234_567 * n), *row)
        await tx.execute(up)
        await tx.execute(_part("0006_audit_only_added.sql", 0))
    await add(database, entry(9))
    items = await read(database)
    assert [item["id"] for item in items[1:]] == [str(id_) for id_ in reversed(ids[::2])]
    assert first_broken(items) is None
    other = await AuditLog(database).entries(Caller("eye", "d", frozenset()), Wanted(), 100, None)
    assert (len(other.items), first_broken(other.items)) == (3, None)


async def test_every_filter_filters_and_all_hold(database: Database) -> None:
    one, two = uuid4(), uuid4()
    lines = [
        entry(0, Action.ASKED, "kim", one), entry(1, Action.READY, "bot", one), entry(2, Action.DOWNLOADED, "kim", one),
        entry(3, Action.ASKED, "lee", two), entry(4, Action.DOWNLOADED, "lee", one), entry(5, Action.AUDIT_READ, "lee"),
    ]  # fmt: skip
    await add(database, *lines)

    async def got(**wanted: Any) -> list[int]:
        ids = [str(line.id) for line in lines]
        return [ids.index(item["id"]) for item in reversed(await read(database, Wanted(**wanted), limit=1))]

    assert await got() == [0, 1, 2, 3, 4, 5]
    assert await got(action=Action.ASKED) == [0, 3]
    assert await got(by="lee") == [3, 4, 5]
    assert await got(target=str(one)) == [0, 1, 2, 4]
    assert await got(begin=AT + timedelta(minutes=2)) == [2, 3, 4, 5]
    assert await got(end=AT + timedelta(minutes=2)) == [0, 1]
    assert await got(begin=AT + timedelta(minutes=1), end=AT + timedelta(minutes=4), by="kim", target=str(one)) == [2]
    assert await got(by="nobody") == []
    with pytest.raises(Unprocessable):
        await got(begin=AT, end=AT - timedelta(milliseconds=1))
    with pytest.raises(Unprocessable):
        await AuditLog(database).entries(EYE, Wanted(), 100, str(lines[0].id))


async def test_the_log_as_a_file_has_every_line_that_fits_and_no_formula(database: Database) -> None:
    many = """
    insert into audit (channel, number, id, at, by, action, outcome, detail, hash)
    select 'c', n, gen_random_uuid(), $1, case when n % 2 = 0 then '=lee' else 'kim' end, 'export.read', 'refused', '=' || n, 'x'
    from generate_series(1, 2404) n
    """
    async with database.transaction() as tx:
        await tx.execute(many, AT)
    whole = b"".join([piece async for piece in AuditLog(database).report(EYE, Wanted(by="=lee"))]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(whole)))
    assert [row["detail"] for row in rows] == [f"'={n}" for n in range(2404, 0, -2)]
    assert (rows[0]["by"], rows[0]["address"], rows[0]["hash"]) == ("'=lee", "", "x")
    assert [row["id"] for row in rows[:100]] == [
        i["id"] for i in (await AuditLog(database).entries(EYE, Wanted(by="=lee"), 100, None)).items
    ]
    with pytest.raises(Unprocessable):
        AuditLog(database).report(EYE, Wanted(begin=AT, end=AT - timedelta(days=1)))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(TEXT, TEXT | st.none(), TEXT | st.none(), TEXT)
def test_the_hash_is_what_the_page_says(by: str, target: str | None, detail: str | None, before: str) -> None:
    line = Entry(uuid4(), AT, by, Action.ASKED, target, "done", None, detail)
    item = {
        "id": str(line.id), "at": to_wire(AT), "by": by, "action": "export.asked", "target": target, "outcome": "done",
        "address": None, "detail": detail,
    }  # fmt: skip
    assert first_broken([{**item, "hash": line.hash(FIRST)}]) is None
    assert line.hash(before) != line.hash(f"{before}x")
