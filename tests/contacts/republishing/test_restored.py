"""After a restore: versions are above all that were given before, the erased stay erased, and whom it took away are told gone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from common.envelope import Delivered, Message
from common.epoch import VERSIONS, is_first, lifted
from common.ids import new_id
from common.kafka import Places
from common.postgres import Tx
from contacts.epochs import store as epochs
from contacts.erasure.handlers import Erasures
from contacts.republishing.restored import Restored, Told
from tests.contacts.conftest import NOW, World
from tests.contacts.republishing.test_republish import Nobody, erasures, relaying, republisher


@given(version=st.integers(0, VERSIONS - 1), epochs=st.lists(st.integers(0, 5), min_size=1))
def test_a_lifted_version_is_above_all_of_the_epochs_before_and_keeps_its_count(version: int, epochs: list[int]) -> None:
    for epoch in sorted(epochs):
        before, version = version, lifted(version, epoch)
        assert version >= before
        assert version >= epoch * VERSIONS
        assert version % VERSIONS == before % VERSIONS
        assert lifted(version, epoch) == version
    assert is_first(lifted(1, 3))
    assert not is_first(lifted(2, 3))


class Log:
    """A topic with these messages."""

    def __init__(self, records: list[Delivered]) -> None:
        self.records = records

    async def ends(self) -> Places:
        return {("t", 0): len(self.records)}

    async def poll(self, *, most: int = 2000, wait_ms: int = 200) -> list[Delivered]:
        taken, self.records = self.records[:most], self.records[most:]
        return taken

    async def behind(self, ends: Places) -> int:
        return len(self.records)


def restored(world: World, sent: list[Message]) -> Restored:
    @asynccontextmanager
    async def topic(name: str) -> AsyncIterator[Log]:
        yield Log([Delivered(m.topic, 0, n, m.key, m.value, m.headers) for n, m in enumerate(sent) if m.topic == name])

    def erases(receipt: UUID | None) -> Erasures:
        return Erasures(world.database, Nobody(), world.files, world.clock, new_id if receipt is None else [receipt].pop)

    return Restored(world.database, world.clock, topic, erases)


async def begin(world: World) -> None:
    async with world.database.transaction() as tx:
        await epochs.begin(tx, NOW)


async def test_what_was_there_is_newer_from_the_new_epoch_on_and_what_comes_counts_from_one(world: World) -> None:
    was = await world.put("u1", name="a", profile={"grade": "VIP"})
    changed = await world.put("u1", name="b")
    await begin(world)
    seen = await world.queries.member(world.channel, "u1")
    assert (was.version, changed.version, seen.version) == (1, 2, VERSIONS + 2)
    again = await world.put("u1", name="c")
    assert again.version == VERSIONS + 3
    assert await world.queries.member(world.channel, "u1") == again
    new = await world.put("u2", name="d")
    assert (new.version, (await world.queries.member(world.channel, "u2")).version) == (1, 1)
    history = await world.queries.history(world.channel, was.id, 10, None)
    assert [item["version"] for item in history.items] == [VERSIONS + 3, 2, 1]
    await begin(world)
    assert {m: (await world.queries.member(world.channel, m)).version for m in ("u1", "u2")} == {
        "u1": 2 * VERSIONS + 3, "u2": 2 * VERSIONS + 1,
    }  # fmt: skip


async def test_fields_and_settings_are_newer_too_and_those_that_are_made_anew(world: World) -> None:
    await world.put("u1", profile={"grade": "VIP"})
    await begin(world)
    async with relaying(world) as kafka:
        await world.put("u1", profile={"grade": "A", "size": 1})
        await world.channels.ensure("other")
        await world.channels.change(world.caller(), {"country": "JP"})
        await world.fields.change(world.caller(), "profile.grade", {"visible": False})
        await world.fields.change(world.caller(), "name", {"visible": False})
    told = {m.key: int(m.headers["ce_version"]) for m in kafka.sent if m.topic == "fields.v1"}
    assert told == {
        "shop/@channel": VERSIONS + 2, "shop/profile.grade": VERSIONS + 2, "shop/profile.size": VERSIONS + 1,
        "other/@channel": VERSIONS + 1, "shop/name": VERSIONS + 1,
    }  # fmt: skip


async def test_a_restore_is_told_to_all_who_saw_more(world: World) -> None:
    """The database is put back to where `kept` alone was there, at its first version; `erased` was erased after that."""
    kept = await world.put("kept", name="a")
    erased = await world.put("erased", name="b")

    async def forget(tx: Tx) -> None:
        await tx.execute("delete from contact where member_id = 'lost'")
        await tx.execute("update contact set version = 1, doc = $1 where id = $2", kept.encode(), kept.id)
        await tx.execute("delete from event where stream = $1 and version > 1", kept.id)

    async with relaying(world) as kafka:
        lost = await world.put("lost", name="c")
        for n in range(5):
            await world.put("kept", name=f"lost {n}")
    async with world.database.transaction() as tx:
        await forget(tx)
    receipt = new_id()
    gone = erasures_as_told(world, receipt, erased.id)
    async with relaying(world) as after:
        assert await restored(world, [*kafka.sent, gone]).run() == Told(epoch=1, erased=1, strays=1)
        assert await restored(world, [*kafka.sent, gone]).run() == Told(epoch=2, erased=0, strays=1)
        await republisher(world).everyone()
    newest = {m.key.partition("/")[2]: m for m in after.sent if m.topic == "contacts.v1"}
    before = {m.key.partition("/")[2]: int(m.headers["ce_version"]) for m in kafka.sent if m.topic == "contacts.v1"}
    assert {key: m.value is None for key, m in newest.items()} == {str(kept.id): False, str(lost.id): True, str(erased.id): True}
    assert all(int(m.headers["ce_version"]) > before[key] for key, m in newest.items())
    told = await erasures(world).receipt(world.caller(), receipt)
    assert told["contactId"] == str(erased.id)


def erasures_as_told(world: World, receipt: UUID, contact_id: UUID) -> Message:
    """The message of an erasure that the database has forgotten."""
    from common.envelope import message
    from common.events.contacts import ContactErased, ErasureMessage

    told = ContactErased(receipt_id=receipt, contact_ids=[contact_id])
    return message(
        "erasures.v1", channel=world.channel, subject=str(receipt), source="contacts", type=told.type, id=receipt, version=1,
        at=NOW, value=ErasureMessage(event=told).encode(), trace={},
    )  # fmt: skip
