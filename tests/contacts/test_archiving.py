"""Archived fields: not collected, not shown, not told of, and back with the values they had, for every reader."""

import asyncio
from typing import Any

import orjson
import pytest

from common.clock import FixedClock
from common.errors import NotFound, Unprocessable
from common.events.contacts import ContactMessage, FieldDefinition
from common.health import Health
from contacts import archiving
from contacts.fields.handlers import KIND
from contacts.jobs.worker import Worker
from tests.contacts.conftest import NOW, World
from tests.contacts.imports.importing import Importing

GRADE = "profile.grade"


async def turn(world: World, archived: bool, key: str = GRADE) -> FieldDefinition:
    return (await world.fields.archive(world.caller("lee"), key, archived))[0]


async def work(world: World) -> None:
    worker = Worker("w", world.database, {KIND: archiving.Telling()}, FixedClock(NOW), Health({}))
    while await worker.work_once(asyncio.Event()):
        pass


async def told(world: World) -> dict[str, ContactMessage]:
    """The newest message of each contact, as a reader of a compacted topic has it."""
    async with world.database.connection() as connection:
        rows = await connection.fetch("select key, value from outbox where topic = 'contacts.v1' order by id")
    return {r["key"].partition("/")[2]: ContactMessage.model_validate_json(r["value"]) for r in rows}


async def field(world: World, key: str = GRADE) -> FieldDefinition:
    return next(d for d in await world.field_queries.fields(world.channel) if d.key == key)


async def test_an_archived_value_is_gone_from_reads_at_once_and_back_at_once(world: World) -> None:
    made = await world.put("u1", profile={"grade": "VIP", "n": 1})
    assert (await turn(world, True)).archived
    read = await world.queries.member(world.channel, "u1")
    assert (read.profile, read.version) == ({"n": 1}, 1)
    assert (await world.queries.contact_at(world.channel, made.id, NOW)).profile == {"n": 1}
    (birth,) = (await world.queries.history(world.channel, made.id, 10, None)).items
    assert [c["key"] for c in birth["changes"]] == ["profile.n"]
    assert (await world.put("u1", profile={"n": 2})).profile == {"n": 2}
    assert not (await turn(world, False)).archived
    assert (await world.queries.member(world.channel, "u1")).profile == {"grade": "VIP", "n": 2}


async def test_values_that_arrive_meanwhile_are_dropped_and_counted_whatever_their_type(world: World) -> None:
    made = await world.put("u1", profile={"grade": "VIP"})
    await turn(world, True)
    assert await world.put("u1", profile={"grade": "gold"}) == made.model_copy(update={"profile": {}})
    await world.put("u2", profile={"grade": 5}, profileOnce={"grade": "silver"})
    await world.put("u3", profile={"grade": None})
    await world.contacts.create_lead(world.caller(), {"profile": {"grade": "lead"}})
    await world.contacts.batch(
        world.caller(),
        [{"memberId": "u4", "profile": {"grade": "x"}}, {"memberId": "u5", "email": "none", "profile": {"grade": "x"}}],
    )
    assert (await field(world)).refused_while_archived == 5
    restored = await turn(world, False)
    assert restored.refused_while_archived == 5
    assert (await world.queries.member(world.channel, "u1")).profile == {"grade": "VIP"}
    assert (await world.queries.member(world.channel, "u2")).profile == {}
    assert (await turn(world, True)).refused_while_archived == 0


async def test_an_import_drops_and_counts_them_too(world: World) -> None:
    await world.put("u1", profile={"point": 1, "n": 1})
    importing = Importing(world, world.channel)
    import_id = await importing.send(b"memberId,profile.point,profile.n\nu1,5,2\nu2,many,3\nu3,,4\n")
    await turn(world, True, "profile.point")
    await importing.work()
    assert [row["status"] for row in await importing.report(import_id)] == ["changed", "made", "made"]
    assert (await field(world, "profile.point")).refused_while_archived == 2
    await turn(world, False, "profile.point")
    assert [(await world.queries.member(world.channel, m)).profile for m in ("u1", "u2", "u3")] == [
        {"point": 1, "n": 2}, {"n": 3}, {"n": 4},
    ]  # fmt: skip


async def test_a_value_that_can_never_change_is_still_closed_after_a_restore(world: World) -> None:
    await world.put("u1", profile={"firstReferrer": "https://first.example"})
    await turn(world, True, "profile.firstReferrer")
    await world.put("u1", profile={"firstReferrer": "https://second.example"})
    await turn(world, False, "profile.firstReferrer")
    after = await world.put("u1", profileOnce={"firstReferrer": "https://third.example"})
    assert after.profile == {"firstReferrer": "https://first.example"}


async def test_every_reader_is_told_of_the_holders_anew_and_of_nobody_else(world: World) -> None:
    holders = [await world.put(f"u{n}", profile={"grade": "VIP", "n": n}) for n in range(3)]
    other = await world.put("other", profile={"n": 9})
    await turn(world, True)
    await work(world)
    messages = await told(world)
    for holder in holders:
        message = messages[str(holder.id)]
        assert (message.version, message.contact.version, message.event.type) == (2, 2, "contact.field_archived")
        assert message.contact.profile == {"n": holder.profile["n"]}
    assert messages[str(other.id)].version == 1
    assert (await world.queries.history(world.channel, holders[0].id, 1, None)).items[0] | {"at": ""} == {
        "version": 2, "at": "", "by": "lee", "cause": "field_archived", "changes": [], "type": "contact.field_archived",
    }  # fmt: skip
    await turn(world, False)
    await work(world)
    messages = await told(world)
    for holder in holders:
        message = messages[str(holder.id)]
        assert (message.version, message.event.type, message.contact.profile) == (3, "contact.field_restored", holder.profile)
    assert await world.count("select count(*) from job where status <> 'done'") == 0


async def test_no_message_holds_an_archived_value_not_even_in_what_changed(world: World) -> None:
    lead = (await world.contacts.create_lead(world.caller(), {"profile": {"grade": "SECRET"}})).contact
    await world.put("u1", name="a")
    await turn(world, True)
    async with world.database.transaction() as tx:
        await tx.execute("delete from outbox")
    await world.put("u1", name="b", profile={"grade": "SECRET"}, leadId=str(lead.id))
    await work(world)
    async with world.database.connection() as connection:
        values = [r["value"] for r in await connection.fetch("select value from outbox where topic = 'contacts.v1'")]
    assert len(values) >= 3
    assert not any(b"SECRET" in value for value in values)
    await turn(world, False)
    assert (await world.queries.member(world.channel, "u1")).profile == {"grade": "SECRET"}


async def test_a_built_in_field_called_as_an_archived_one_is_told_of_all_the_same(world: World) -> None:
    made = await world.put("u1", name="a", profile={"name": "SECRET"})
    await turn(world, True, "profile.name")
    await world.put("u1", name="b")
    message = (await told(world))[str(made.id)]
    assert message.event.members()["changes"] == [{"key": "name", "from": "a", "to": "b"}]
    change, birth = (await world.queries.history(world.channel, made.id, 2, None)).items
    assert [c["key"] for c in (*change["changes"], *birth["changes"])] == ["name", "name"]


async def test_a_field_turned_back_before_its_job_ran_is_told_of_as_it_is_now(world: World) -> None:
    made = await world.put("u1", profile={"grade": "VIP"})
    await turn(world, True)
    await turn(world, False)
    await work(world)
    message = (await told(world))[str(made.id)]
    assert (message.version, message.event.type, message.contact.profile) == (2, "contact.field_restored", {"grade": "VIP"})


async def test_more_holders_than_one_piece_are_told_of_once_each(world: World) -> None:
    rows = [{"memberId": f"u{n}", "profile": {"grade": "VIP"}} for n in range(1000)]
    await world.contacts.batch(world.caller(), rows)
    await turn(world, True)
    await work(world)
    await work(world)
    assert await world.count("select count(*) from event where type = 'contact.field_archived'") == 1000
    assert await world.count("select count(*) from contact where version = 2") == 1000


async def test_archiving_again_changes_nothing_and_every_change_is_on_fields_v1(world: World) -> None:
    await world.put("u1", profile={"grade": "VIP"})
    await turn(world, True)
    await turn(world, True)
    await turn(world, False)
    async with world.database.connection() as connection:
        rows = await connection.fetch(
            "select value from outbox where topic = 'fields.v1' and key = $1 order by id", f"shop/{GRADE}"
        )
    messages: list[dict[str, Any]] = [orjson.loads(r["value"]) for r in rows]
    assert [(m["version"], m["event"]["type"], m["field"]["archived"]) for m in messages] == [
        (1, "field.defined", False), (2, "field.changed", True), (3, "field.changed", False),
    ]  # fmt: skip
    assert await world.count("select count(*) from job") == 2


async def test_built_in_fields_cannot_be_archived_and_unknown_ones_are_not_found(world: World) -> None:
    with pytest.raises(Unprocessable):
        await turn(world, True, "name")
    with pytest.raises(NotFound):
        await turn(world, True, "profile.nothing")


async def test_archived_fields_count_among_the_two_hundred(world: World) -> None:
    await world.put("u1", profile={f"k{n}": n for n in range(200)})
    await turn(world, True, "profile.k1")
    with pytest.raises(Unprocessable) as refusal:
        await world.put("u1", profile={"more": 1})
    assert refusal.value.code == "tooManyFields"


async def test_writers_and_an_archiving_at_one_time_leave_no_reader_with_a_value(world: World) -> None:
    made = [await world.put(f"u{n}", profile={"grade": "VIP"}) for n in range(6)]

    async def write(n: int) -> None:
        for turn_ in range(5):
            await world.put(f"u{n % 6}", name=f"{n} {turn_}", profile={"grade": f"{n} {turn_}"})

    await asyncio.gather(*(write(n) for n in range(6)), turn(world, True))
    await work(world)
    messages = await told(world)
    assert all("grade" not in messages[str(contact.id)].contact.profile for contact in made)
    assert all(message.version == message.contact.version for message in messages.values())
