"""Archived fields: not collected, not shown, not told of, and back with the values they had, for every reader."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from msgspec import structs

from common.errors import NotFound, Unprocessable
from common.events.contacts import ContactMessage, FieldDefinition
from common.health import Health
from common.position import Applied, Position
from contacts import archiving
from contacts.fields.handlers import KIND
from contacts.jobs.worker import Worker
from tests.contacts.conftest import NOW, World
from tests.contacts.held import held
from tests.contacts.imports.importing import Importing
from tests.contacts.mortal import killed_at, worked_off

GRADE = "profile.grade"


class Following:
    """Search and segments: they have seen everything, unless told otherwise."""

    def __init__(self, *, behind: bool = False) -> None:
        self.behind = behind
        self.asked: list[Position] = []

    async def have_seen(self, channel: str, position: Position) -> bool:
        assert channel == "shop"
        self.asked.append(position)
        return not self.behind


async def turn(world: World, archived: bool, key: str = GRADE) -> FieldDefinition:
    command = world.fields.archive if archived else world.fields.restore
    return (await command(world.caller("lee"), key))[0]


async def work(world: World, followers: Following | None = None) -> None:
    """Workers until nothing is left to do, or somebody is to be waited for."""
    worker = Worker("w", world.database, {KIND: archiving.Telling(followers or Following())}, world.clock, Health({}))
    while await worker.work_once(asyncio.Event()):
        pass


async def later(world: World, followers: Following) -> None:
    """The workers a while later."""
    world.clock.instant += timedelta(seconds=31)
    await work(world, followers)


async def log(world: World) -> list[tuple[str, str, Any]]:
    """What was told of holders and of the field, in order: who or `field`, the event, and the value or what the field says."""
    async with world.database.connection() as connection:
        rows = await connection.fetch("select topic, key, value from outbox order by id")
    found: list[tuple[str, str, Any]] = []
    for row in rows:
        told = orjson.loads(row["value"])
        if row["topic"] == "contacts.v1":
            found.append((row["key"].partition("/")[2], told["event"]["type"], told["contact"]["profile"].get("grade")))
        elif row["key"] == f"shop/{GRADE}":
            found.append(("field", told["event"]["type"], (told["field"]["archived"], told["field"]["restoring"])))
    return found


async def told(world: World) -> dict[str, ContactMessage]:
    """The newest message of each contact, as a reader of a compacted topic has it."""
    async with world.database.connection() as connection:
        rows = await connection.fetch("select key, value from outbox where topic = 'contacts.v1' order by id")
    return {r["key"].partition("/")[2]: ContactMessage.decode(r["value"]) for r in rows}


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
    assert (await turn(world, False)).restoring
    assert (await world.queries.member(world.channel, "u1")).profile == {"grade": "VIP", "n": 2}


async def test_values_that_arrive_meanwhile_are_dropped_and_counted_whatever_their_type(world: World) -> None:
    made = await world.put("u1", profile={"grade": "VIP"})
    await turn(world, True)
    assert await world.put("u1", profile={"grade": "gold"}) == structs.replace(made, profile={})
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
    await work(world)
    async with world.database.transaction() as tx:
        await tx.execute("delete from outbox")
    await world.put("u1", name="b", profile={"grade": "SECRET"}, leadId=str(lead.id))
    await work(world)
    async with world.database.connection() as connection:
        values = [r["value"] for r in await connection.fetch("select value from outbox where topic = 'contacts.v1'")]
    assert len(values) >= 2
    assert not any(b"SECRET" in value for value in values)
    await turn(world, False)
    assert (await world.queries.member(world.channel, "u1")).profile == {"grade": "SECRET"}


async def test_a_built_in_field_called_as_an_archived_one_is_told_of_all_the_same(world: World) -> None:
    made = await world.put("u1", name="a", profile={"name": "SECRET"})
    await turn(world, True, "profile.name")
    await work(world)
    await world.put("u1", name="b")
    message = (await told(world))[str(made.id)]
    assert message.event.members()["changes"] == [{"key": "name", "from": "a", "to": "b"}]
    change, _, birth = (await world.queries.history(world.channel, made.id, 3, None)).items
    assert [c["key"] for c in (*change["changes"], *birth["changes"])] == ["name", "name"]


async def test_a_field_turned_back_before_its_job_ran_is_told_of_as_it_is_now(world: World) -> None:
    made = await world.put("u1", profile={"grade": "VIP"})
    await turn(world, True)
    await turn(world, False)
    await work(world)
    message = (await told(world))[str(made.id)]
    assert (message.version, message.event.type, message.contact.profile) == (2, "contact.field_restored", {"grade": "VIP"})


async def test_large_holders_are_told_of_a_few_at_a_time(world: World) -> None:
    for n in range(11):
        await world.put(f"u{n}", profile={"grade": "VIP", "memo": "가" * 7_000})
    runner = archiving.Telling(Following(), most_bytes=60_000)
    for archived in (True, False):
        await turn(world, archived)
        await world.written()
        for pieces in (0, 2):
            await killed_at(world, KIND, runner, pieces, within=True)
        await worked_off(world, KIND, runner)
        written = [size for size in await world.written() if size > 10_000]  # the others tell of the field
        assert (len(written), max(written) < 60_000 + 30_000) == (4, True)
    assert not (await field(world)).archived
    assert {(await world.queries.member(world.channel, f"u{n}")).version for n in range(11)} == {3}


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
    await turn(world, False)
    await work(world)
    await turn(world, False)
    async with world.database.connection() as connection:
        rows = await connection.fetch(
            "select value from outbox where topic = 'fields.v1' and key = $1 order by id", f"shop/{GRADE}"
        )
    messages: list[dict[str, Any]] = [orjson.loads(r["value"]) for r in rows]
    assert [(m["version"], m["event"]["type"], m["field"]["archived"], m["field"]["restoring"]) for m in messages] == [
        (1, "field.defined", False, False), (2, "field.changed", True, False), (3, "field.changed", True, True),
        (4, "field.changed", False, False),
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


@pytest.mark.parametrize("archived", [True, False], ids=["archived", "restored"])
async def test_a_merge_on_its_way_while_a_field_is_turned_is_told_of_as_the_field_is_now(world: World, archived: bool) -> None:
    member = await world.put("u1", name="a")
    lead = (await world.contacts.create_lead(world.caller(), {"profile": {"grade": "VIP", "other": "x"}})).contact
    await turn(world, True, "profile.other")
    if not archived:
        await turn(world, True)
    await work(world)
    if archived:
        await turn(world, True)

    async def turned() -> None:
        if not archived:
            await turn(world, False)
        await work(world)

    # What the merge tells is settled, and it waits to count a value before it is committed.
    async with held(world, "lock table refused_value in share mode") as lock:
        merging = asyncio.create_task(world.put("u1", leadId=str(lead.id), profile={"other": "y"}))
        await lock.behind(merging)
        turning = asyncio.create_task(turned())
        await lock.behind(merging, turning)
    await asyncio.gather(merging, turning)
    assert (await field(world)).archived == archived
    assert (await told(world))[str(member.id)].contact.profile == ({} if archived else {"grade": "VIP"})


async def test_values_are_told_until_every_reader_knows_that_the_field_is_archived(world: World) -> None:
    made = str((await world.put("u1", profile={"grade": "VIP"})).id)
    await turn(world, True)
    await world.put("u1", name="a")
    followers = Following(behind=True)
    await work(world, followers)
    assert followers.asked == [Position((Applied("field", GRADE, 2),))]
    await world.put("u1", name="b")
    followers.behind = False
    await later(world, followers)
    await world.put("u1", name="c")
    assert (await log(world))[2:] == [
        ("field", "field.changed", (True, False)), (made, "contact.changed", "VIP"), (made, "contact.changed", "VIP"),
        (made, "contact.field_archived", None), (made, "contact.changed", None),
    ]  # fmt: skip


async def test_a_field_is_restored_once_every_reader_has_all_its_values(world: World) -> None:
    ids = sorted([(await world.put(f"u{n}", profile={"grade": "VIP"})).id for n in range(3)])
    await turn(world, True)
    await work(world)
    began = len(await log(world))
    restoring = await turn(world, False)
    assert (restoring.archived, restoring.restoring) == (True, True)
    followers = Following(behind=True)
    await work(world, followers)
    # What comes meanwhile is kept and told, and judged as any value is.
    new = await world.put("u9", profile={"grade": "new"})
    with pytest.raises(Unprocessable):
        await world.put("u9", profile={"grade": 5})
    assert new.profile == {"grade": "new"}
    assert (await field(world)).restoring
    for _ in range(30):  # a reader that is long in coming is no failure
        await later(world, followers)
    assert (await field(world)).archived
    assert {(e.id, e.version) for e in followers.asked[-1].entries} <= {(str(i), 3) for i in ids}
    assert followers.asked[-1].entries
    followers.behind = False
    await later(world, followers)
    back = await field(world)
    assert (back.archived, back.restoring, back.refused_while_archived) == (False, False, 0)
    assert (await log(world))[began:] == [
        ("field", "field.changed", (True, True)), *((str(i), "contact.field_restored", "VIP") for i in ids),
        (str(new.id), "contact.created", "new"), ("field", "field.changed", (False, False)),
    ]  # fmt: skip
    assert await world.count("select count(*) from job where status <> 'done'") == 0


@pytest.mark.parametrize("turns", ["AR", "ARA", "ARAR", "RARA"])
@pytest.mark.parametrize("pieces", [0, 1, 2, 3])
async def test_turned_to_and_fro_and_killed_between_the_last_word_holds(world: World, turns: str, pieces: int) -> None:
    """Each turn's worker dies before, or within, its piece of a number, or only the last is worked off at all."""
    await world.put("u0", profile={"grade": "VIP"})
    rows = [{"memberId": f"u{n}", "profile": {"grade": "VIP"}} for n in range(510)]
    await world.contacts.batch(world.caller(), rows)
    runner = archiving.Telling(Following())
    if turns[0] == "R":
        await turn(world, True)
        await worked_off(world, KIND, runner)
    for each in turns:
        await turn(world, each == "A")
        if pieces:
            await killed_at(world, KIND, runner, pieces - 1, within=each == "R")
    await worked_off(world, KIND, runner)
    last = turns[-1] == "A"
    definition = await field(world)
    assert (definition.archived, definition.restoring) == (last, False)
    messages = await told(world)
    assert all(message.contact.profile.get("grade") == (None if last else "VIP") for message in messages.values())
    assert messages
    # Whoever believed the messages in their order never met a field in use and a holder without its value.
    archived, without = False, set[str]()
    for who, _, said in await log(world):
        if who == "field":
            archived = said[0]
        else:
            without = without | {who} if said is None else without - {who}
        assert archived or not without
    assert await world.count("select count(*) from job where status <> 'done'") == 0


async def test_what_could_not_be_carried_out_can_be_asked_for_again(world: World) -> None:
    await world.put("u1", profile={"grade": "VIP"})
    for archived in (True, False):
        await turn(world, archived)
        async with world.database.transaction() as tx:
            await tx.execute(
                "update job set status = 'failed', state = state || '{\"status\": \"failed\"}' where status = 'waiting'"
            )
        await turn(world, archived)
        await work(world)
        definition = await field(world)
        assert (definition.archived, definition.restoring) == (archived, False)
    assert await world.count("select count(*) from job where status = 'failed'") == 2
