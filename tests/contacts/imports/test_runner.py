"""Imports on the real PostgreSQL: chunk by chunk, killed at every point, the same contacts and the same report, nothing twice."""

import asyncio
import contextlib
import os
import threading
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from common.clock import to_wire
from common.errors import Problem
from common.health import Health
from common.ids import new_id
from contacts.handlers import Contacts
from contacts.imports.files import IMPORT_FILES_KEPT
from contacts.imports.order import KIND, lead_id
from contacts.imports.runner import Imports as Runner
from contacts.jobs.job import KEPT, Job, Status
from contacts.jobs.worker import Worker
from contacts.keeper import UPLOADING
from tests.contacts.conftest import NOW, World
from tests.contacts.imports.importing import FORM, HEADINGS, ROWS, Importing, a_channel, form, id_at, pieces, table, told
from tests.support import tables
from tests.support.api import eventually
from tests.support.traces import rows_that_hold

CAME_OF_IT = [
    (2, "made", None), (3, "refused", "unreadablePhone"), (4, "made", None), (6, "changed", None), (7, "changed", None),
    (8, "refused", "wrongType"), (9, "unchanged", None), (10, "refused", "invalidMemberId"), (11, "made", None),
    (12, "unchanged", None),
]  # fmt: skip
PIECES = 1 + 4 + 1
"""What an import of these rows by threes is: reading, four chunks, and the end."""


async def test_rows_about_large_contacts_are_written_a_few_at_a_time(world: World) -> None:
    for n in range(11):
        await world.put(f"u{n}", profile={"memo": "가" * 7_000})
    await world.written()
    shop = Importing(world, world.channel)
    contacts = Contacts(world.database, world.clock, new_id, most_bytes=60_000)
    shop.runner = Runner(world.database, contacts, world.fields, world.files, chunk=9)
    rows = [[f"u{n}", f"이름 {n}", "12" if n % 4 == 3 else "", "many" if n == 5 else "1"] for n in range(11)]
    import_id = await shop.send(table(*rows))
    for number in (1, 2, 4):
        await shop.killed_at(number, within=True)
    await shop.work()
    report = [(number, status) for number, status, _ in told(await shop.report(import_id))]
    assert report == [(n + 2, "refused" if n % 4 == 3 or n == 5 else "changed") for n in range(11)]
    assert (await shop.job(import_id)).counts == {"changed": 8, "refused": 3}
    written = [size for size in await world.written() if size > 10_000]
    assert (len(written), max(written) < 60_000 + 30_000) == (4, True)
    assert [c.version for c in await shop.contacts()] == [1 if n % 4 == 3 or n == 5 else 2 for n in range(11)]


async def values(importing: Importing) -> list[tuple[Any, ...]]:
    """What there is of everybody, apart from ids and times."""
    return sorted((c.member_id, c.name, c.city, c.mobile_number, c.profile, c.version) for c in await importing.contacts())


async def check(importing: Importing, import_id: UUID) -> None:
    """Everything is as if nobody had been killed, and the report says so."""
    job = await importing.job(import_id)
    assert (job.status, job.total) == (Status.DONE, 10)
    assert job.counts == {"made": 3, "changed": 2, "unchanged": 2, "refused": 3}
    report = await importing.report(import_id)
    assert told(report) == CAME_OF_IT
    assert await values(importing) == [
        ("here", "있던 사람", "Seoul", None, {}, 2),
        ("m1", "하나 다시", None, "+821011111111", {"point": 1}, 2),
        ("m3", "셋", None, "+821033333333", {"point": 3}, 1),
        ("m9", "아홉", None, None, {"point": 9}, 1),
    ]
    by_id = {c.id: c.member_id for c in await importing.contacts()}
    assert [r["contactId"] and by_id[UUID(r["contactId"])] for r in report] == [
        "m1", None, "m3", "here", "m1", None, "here", None, "m9", "m9",
    ]  # fmt: skip
    written = "select count(*) from event where channel = $1 and cause = $2"
    assert await importing.world.count(written, importing.caller.channel, f"import:{import_id}") == 5
    assert await importing.world.files.there() == set()


@pytest.mark.parametrize("within", [False, True], ids=["before it", "before its commit"])
async def test_killed_at_any_piece_an_import_ends_with_the_same_contacts_and_report(world: World, within: bool) -> None:
    for number in range(PIECES):
        importing = await a_channel(world, f"shop-{number}")
        import_id = await importing.send(table())
        assert await importing.killed_at(number, within=within)
        await importing.work()
        await check(importing, import_id)
    importing = await a_channel(world, "shop-whole")
    import_id = await importing.send(table())
    assert not await importing.killed_at(PIECES)
    await check(importing, import_id)


async def test_killed_at_every_piece_in_turn_it_still_ends_the_same(world: World) -> None:
    importing = await a_channel(world, "shop-all")
    import_id = await importing.send(table())
    while await importing.killed_at(0, within=True) and await importing.killed_at(1):
        pass
    await importing.work()
    await check(importing, import_id)


async def test_leads_are_made_once_each_with_ids_in_the_order_of_the_rows(shop: Importing) -> None:
    rows = [[f"손님{n}", f"{n}@example.com"] for n in range(8)] + [["", "no address"], ["나쁜 주소", "@"]]
    import_id = await shop.send(table(*rows, headings=["이름", "이메일"]), kind="leads")
    for number in range(4):
        assert await shop.killed_at(number % 2, within=True)
    await shop.work()
    job = await shop.job(import_id)
    assert (job.status, job.counts) == (Status.DONE, {"made": 8, "refused": 2})
    people = await shop.contacts()
    assert [(c.name, c.version, c.member) for c in people] == [(f"손님{n}", 1, False) for n in range(8)]
    assert [c.id for c in people] == [lead_id(job, n) for n in range(2, 10)]
    assert [r["problem"] and (r["problem"]["code"], r["problem"]["column"]) for r in await shop.report(import_id)][8:] == [
        ("invalidEmail", "이메일"), ("invalidEmail", "이메일"),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [
    tables.text([HEADINGS, *ROWS], "cp949"), tables.text([HEADINGS, *ROWS], "utf-16 little-endian", "\t"),
    tables.workbook([HEADINGS, *ROWS]),
], ids=["cp949", "utf-16", "xlsx"])  # fmt: skip
async def test_whatever_the_format_the_same_comes_of_it(world: World, content: bytes) -> None:
    importing = await a_channel(world, "formats")
    import_id = await importing.send(content)
    await importing.work()
    await check(importing, import_id)


async def test_a_locked_workbook_is_imported_with_its_password(world: World) -> None:
    importing = await a_channel(world, "locked")
    import_id = await importing.send(tables.locked(tables.workbook([HEADINGS, *ROWS]), "비밀번호 1!"), password="비밀번호 1!")
    assert not world.files.upload(import_id).exists()
    await importing.work()
    await check(importing, import_id)
    assert await rows_that_hold(world.database, ["비밀번호 1!"]) == {}


async def test_an_import_is_cancelled_where_it_is_and_what_it_wrote_stays(shop: Importing) -> None:
    import_id = await shop.send(table())
    assert await shop.killed_at(2)
    cancelled = await shop.commands.cancel(shop.caller, import_id)
    assert (cancelled["status"], cancelled["done"], cancelled["total"]) == ("cancelled", 3, 10)
    await shop.work()
    assert (await shop.shown(import_id))["done"] == 3
    await shop.clear_up()
    assert await shop.world.files.there() == set()
    assert [c.member_id for c in await shop.contacts()] == ["m1", "m3"]


async def test_a_worker_that_is_told_to_stop_lets_go_while_it_reads_and_another_goes_on(shop: Importing) -> None:
    world = shop.world
    content = table(["m1", "", "", ""])
    import_id = await shop.send(content)
    # The file goes on for as long as somebody reads it, so that how far that was can be told.
    upload, told, pieces_of_lines = world.files.upload(import_id), threading.Event(), 200
    upload.unlink()
    os.mkfifo(upload)

    def pour() -> int:
        poured = 0
        with upload.open("wb", buffering=0) as pipe, contextlib.suppress(BrokenPipeError):
            pipe.write(content)
            told.wait()
            for number in range(1, pieces_of_lines + 1):
                pipe.write(b",,,\r\n" * 10_000)
                poured = number
        return poured

    stop, worker = asyncio.Event(), Worker("one", world.database, {KIND: shop.runner}, world.clock, Health({}))
    pouring = asyncio.create_task(asyncio.to_thread(pour))
    working = asyncio.create_task(worker.work_once(stop))

    async def reading() -> bool:
        return world.files.unfinished_rows(import_id, 1).exists()

    try:
        await eventually(reading, bool)
        stop.set()
        await working
    finally:
        told.set()
    assert await pouring < pieces_of_lines / 10
    job = await shop.job(import_id)
    assert (job.status, job.cursor, job.attempts) == (Status.WAITING, None, 0)
    await eventually(reading, lambda there: not there)
    assert not world.files.rows(import_id).exists()
    upload.unlink()
    upload.write_bytes(content)
    await shop.work()
    assert (await shop.shown(import_id))["made"] == 1


async def test_a_file_that_turns_out_broken_further_down_fails_the_import_with_its_place(shop: Importing) -> None:
    import_id = await shop.send(table(*([["m1", "", "", ""]] * 30)) + b'"open\r\n')
    await shop.work()
    shown = await shop.shown(import_id)
    assert shown["status"] == "failed"
    assert shown["problem"].startswith("Row 32 has a quotation mark that is not closed")
    await shop.clear_up()
    assert await shop.world.files.there() == set()
    assert await shop.contacts() == []


async def test_an_upload_that_breaks_off_or_is_refused_leaves_no_file(shop: Importing) -> None:
    whole = form(table(), {})
    for body in (whole[:-40], form(b"", {}), form(table(), {"kind": "others"}), form(table(), {"mapping": "[]"})):
        with pytest.raises(Problem):
            async with shop.commands.received(FORM, pieces(body)) as upload:
                await shop.commands.start(shop.caller, upload)
        assert await shop.world.files.there() == set()


async def test_files_that_nobody_needs_go_and_others_stay(shop: Importing) -> None:
    world = shop.world
    stray, waiting = id_at(world.clock.now()), await shop.send(table())
    world.files.upload(stray).write_bytes(b"left by a process that was killed")
    await shop.clear_up()
    assert await world.files.there() == {stray, waiting}
    world.clock.instant += UPLOADING
    await shop.clear_up()
    assert await world.files.there() == {waiting}
    world.clock.instant += IMPORT_FILES_KEPT
    await shop.clear_up()
    assert await world.files.there() == set()
    await shop.work()
    assert (await shop.shown(waiting))["problem"] == "The file is not here any more. Send it again."


async def test_a_report_is_kept_for_thirty_days(shop: Importing) -> None:
    import_id = await shop.send(table())
    await shop.work()
    shop.world.clock.instant += KEPT - timedelta(hours=1)
    await shop.clear_up()
    assert len(await shop.report(import_id)) == 10
    shop.world.clock.instant += timedelta(hours=1, milliseconds=1)
    await shop.clear_up()
    for name in ("import_row", "job"):
        assert await shop.world.count(f"select count(*) from {name}") == 0


def test_a_leads_ids_are_in_the_order_of_the_rows_and_of_no_other_import() -> None:
    one, other = (Job(id=new_id(), channel="shop", kind=KIND, requested_by="kim", requested_at=to_wire(NOW)) for _ in range(2))
    ids = [lead_id(one, n) for n in (1, 2, 4095, 4096, 4097, 1_000_000)]
    assert all(a < b for a, b in pairwise(ids))
    assert {(i.version, i.variant) for i in ids} == {(7, "specified in RFC 4122")}
    assert lead_id(other, 1) != ids[0]
