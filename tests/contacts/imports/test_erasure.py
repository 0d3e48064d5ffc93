"""Erasing while files are on their way in: no later row makes the member anew, and a receipt waits for the files."""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import Any
from uuid import UUID

from common.auth import Caller
from common.ids import new_id
from common.position import Position
from contacts.erasure.erasure import Erased
from contacts.erasure.handlers import Erasures
from contacts.handlers import Contacts
from contacts.imports.runner import Imports as Runner
from contacts.rows import RowResult
from tests.contacts.conftest import World
from tests.contacts.imports.importing import Importing, id_at, told
from tests.support import tables
from tests.support.traces import rows_that_hold


def members(*member_ids: str) -> bytes:
    """A table of members with a name each."""
    return tables.text([["회원번호", "이름"], *([m, f"이름 {m}"] for m in member_ids)])


class Readers:
    """Readers that hold nothing."""

    async def hold_nothing(self, reader: str, channel: str, ended: tuple[Erased, ...]) -> bool:
        return True


def erasures(world: World) -> Erasures:
    return Erasures(world.database, Readers(), world.files, world.clock, new_id)


async def standing(importing: Importing, receipt_id: UUID) -> Mapping[str, str]:
    receipt: Any = await erasures(importing.world).receipt(importing.caller, receipt_id)
    return {store["store"]: store["status"] for store in receipt["stores"]}


async def test_whoever_is_erased_while_an_import_is_at_work_is_not_made_anew_by_it(shop: Importing) -> None:
    world = shop.world
    gone = await world.put("gone", name="이름 gone")
    import_id = await shop.send(members("m0", "m1", "m2", "m3", "gone", "m1"))
    assert await shop.killed_at(2)
    receipt_id = (await erasures(world).erase(shop.caller, gone.id, None)).receipt_id
    assert (await standing(shop, receipt_id))["imports"] == "pending"
    await shop.work()
    assert (await standing(shop, receipt_id))["imports"] == "done"
    assert told(await shop.report(import_id))[-2:] == [(6, "refused", "erased"), (7, "unchanged", None)]
    assert await rows_that_hold(world.database, ["gone"]) == {}
    await shop.clear_up()
    assert await world.count("select count(*) from import_erased") == 0


async def test_an_erased_contact_is_no_longer_named_in_the_reports(shop: Importing) -> None:
    import_id = await shop.send(members("m1", "m2", "m1"))
    await shop.work()
    erased = next(c for c in await shop.contacts() if c.member_id == "m1")
    await erasures(shop.world).erase(shop.caller, erased.id, None)
    report = await shop.report(import_id)
    assert [(r["status"], r["contactId"] is None) for r in report] == [("made", True), ("made", False), ("unchanged", True)]


async def test_another_channels_file_does_not_hold_up_a_receipt(world: World, shop: Importing) -> None:
    await world.channels.ensure("elsewhere")
    await Importing(world, "elsewhere").send(members("m1"))
    contact = await world.put("gone")
    receipt_id = (await erasures(world).erase(shop.caller, contact.id, None)).receipt_id
    assert (await standing(shop, receipt_id))["imports"] == "done"
    world.files.upload(id_at(world.clock.now())).write_bytes(b"nobody knows whose")
    assert (await standing(shop, receipt_id))["imports"] == "pending"


class Interrupted(Contacts):
    """Contacts of which somebody erases one just before the first chunk is written, while its transaction is open."""

    def __init__(self, world: World, contact_id: UUID) -> None:
        super().__init__(world.database, world.clock, new_id)
        self.world, self.contact_id, self.times = world, contact_id, 0

    async def upsert_many(
        self, caller: Caller, rows: Sequence[tuple[int, str, object]], cause: str
    ) -> tuple[list[RowResult], Position]:
        self.times += 1
        if self.times == 1:
            erasing = erasures(self.world).erase(caller, self.contact_id, None)
            await asyncio.create_task(erasing, context=Context())
        return await super().upsert_many(caller, rows, cause)


async def test_whoever_is_erased_in_the_middle_of_a_chunk_is_not_made_anew_by_it(shop: Importing) -> None:
    gone = await shop.world.put("gone", name="이름 gone")
    import_id = await shop.send(members("m1", "gone"))
    contacts = Interrupted(shop.world, gone.id)
    shop.runner = Runner(shop.world.database, contacts, shop.world.fields, shop.world.files)
    await shop.work()
    assert contacts.times == 2
    assert told(await shop.report(import_id)) == [(2, "made", None), (3, "refused", "erased")]
    assert await rows_that_hold(shop.world.database, ["gone"]) == {}
