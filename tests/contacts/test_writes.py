"""Writes against the real PostgreSQL: rows judged each for itself, versions without a gap, nothing lost between two writers."""

import asyncio
from typing import Any

import pytest

from common.clock import to_wire
from common.errors import NotFound, StaleVersion, Unprocessable
from common.events.contacts import ContactCreated
from common.ids import new_id
from contacts.contact import created
from contacts.rows import RowResult
from tests.contacts.conftest import NOW, World
from tests.contacts.held import held

EVENTS = "select count(*) from event"
OUTBOX = "select count(*) from outbox where topic = $1"


async def keys(world: World) -> list[tuple[str, str]]:
    return [(d.key, d.type) for d in await world.field_queries.fields(world.channel) if d.key.startswith("profile.")]


async def batch(world: World, *rows: object) -> list[RowResult]:
    results, _ = await world.contacts.batch(world.caller(), rows)
    return results


def seen(results: list[RowResult]) -> list[str]:
    return [r.problem.code if r.problem else "made" if r.created else "changed" if r.changed else "same" for r in results]


async def test_an_upsert_is_of_the_member_that_the_address_names(world: World) -> None:
    await world.put("u1", memberId="u1", name="a")
    for other in ("u2", None, 1):
        with pytest.raises(Unprocessable) as refusal:
            await world.put("u1", memberId=other, name="b")
        assert (refusal.value.code, refusal.value.pointer) == ("otherMember", "/memberId")
    assert (await world.queries.member(world.channel, "u1")).name == "a"


async def test_an_upsert_makes_then_changes_then_changes_nothing(world: World) -> None:
    made = await world.put("u1", name="홍길동", profile={"grade": "VIP"})
    assert (made.version, made.member_id, made.profile) == (1, "u1", {"grade": "VIP"})
    changed = await world.put("u1", name="홍길순")
    assert (changed.id, changed.version, changed.profile) == (made.id, 2, {"grade": "VIP"})
    assert await world.put("u1", name="홍길순", profile={"grade": "VIP"}) == changed
    assert await world.queries.member(world.channel, "u1") == changed
    assert await world.count(EVENTS) == 2
    assert await world.count(OUTBOX, "contacts.v1") == 2


async def test_a_member_who_comes_to_be_while_a_batch_makes_it_is_changed_by_it(world: World) -> None:
    await world.put("u0", name="a")
    other = created(new_id(), "u2", ContactCreated(), NOW)
    insert = "insert into contact (channel, id, member_id, version, doc, changed_by) values ('{}', '{}', 'u2', 1, '{}', 'lee')"
    async with held(world, insert.format(world.channel, other.id, other.encode().decode())) as lock:
        rows = [{"memberId": f"u{n}", "name": f"n{n}"} for n in range(4)]
        writing = asyncio.create_task(batch(world, *rows))
        await lock.behind(writing)
    results = await writing
    assert seen(results) == ["changed", "made", "changed", "made"]
    contacts = [await world.queries.member(world.channel, f"u{n}") for n in range(4)]
    assert [(c.name, c.version) for c in contacts] == [("n0", 2), ("n1", 1), ("n2", 2), ("n3", 1)]
    assert contacts == [result.contact for result in results]
    assert contacts[2].id == other.id
    assert await world.count(EVENTS) == 5
    assert await world.count("select count(*) from contact where (version, changed_by) <> ((doc ->> 'version')::int, 'kim')") == 0


async def test_who_is_refused_leaves_no_row_beside_those_who_are_made(world: World) -> None:
    rows = [{"memberId": "u1", "name": "a"}, {"memberId": "u\u200b2", "name": "b"}, {"memberId": "u3", "profile": {"bad key": 1}}]
    assert seen(await batch(world, *rows)) == ["made", "invisibleCharacter", "invalidKey"]
    assert await world.count("select count(*) from contact") == 1


async def test_a_refused_write_writes_nothing_and_defines_nothing(world: World) -> None:
    with pytest.raises(Unprocessable):
        await world.put("u1", profile={"new": 1}, email="no address")
    with pytest.raises(Unprocessable):
        await world.contacts.create_lead(world.caller(), {"profile": {"new": 1, "bad key": 1}})
    with pytest.raises(NotFound):
        await world.queries.member(world.channel, "u1")
    assert (await world.count(EVENTS), await world.count(OUTBOX, "contacts.v1"), await keys(world)) == (0, 0, [])


async def test_a_stale_change_is_refused_and_tells_the_version_and_who_changed_it(world: World) -> None:
    seen_by_kim = await world.put("u1", name="a")
    await world.put("u1", subject="lee", name="b")
    with pytest.raises(StaleVersion) as refusal:
        await world.contacts.change(world.caller("kim"), seen_by_kim.id, {"name": "c"}, seen_by_kim.version)
    assert refusal.value.extra == {"version": 2, "changedBy": "lee"}
    with pytest.raises(StaleVersion) as refusal:
        await world.contacts.upsert(world.caller("kim"), "u1", {"name": "c"}, 1)
    assert refusal.value.extra == {"version": 2, "changedBy": "lee"}
    assert (await world.queries.member(world.channel, "u1")).name == "b"
    with pytest.raises(StaleVersion):
        await world.contacts.upsert(world.caller("kim"), "nobody", {}, 1)
    with pytest.raises(NotFound):
        await world.queries.member(world.channel, "nobody")


async def test_what_can_never_be_written_is_refused_before_the_version_is_looked_at(world: World) -> None:
    made = await world.put("u1", tags=[f"t{n}" for n in range(20)])
    with pytest.raises(Unprocessable) as refusal:
        await world.contacts.upsert(world.caller(), "u1", {"addTags": ["one more"]}, 99)
    assert refusal.value.code == "tooManyTags"
    with pytest.raises(Unprocessable):
        await world.contacts.change(world.caller(), made.id, {"addTags": ["one more"]}, 99)
    lead = (await world.contacts.create_lead(world.caller(), {"name": "a"})).contact
    with pytest.raises(StaleVersion) as stale:
        await world.contacts.upsert(world.caller(), "u1", {"leadId": str(lead.id)}, 99)
    assert stale.value.version == 1
    assert (await world.queries.contact(world.channel, lead.id)).id == lead.id


async def test_another_channel_never_sees_a_contact_by_its_id(world: World) -> None:
    made = await world.put("u1", name="a")
    await world.channels.ensure("other")
    with pytest.raises(NotFound):
        await world.queries.contact("other", made.id)
    with pytest.raises(NotFound):
        await world.queries.member("other", "u1")
    assert await world.queries.survivors("other", [made.id]) == {}


async def test_each_row_of_a_batch_is_judged_for_itself_in_order(world: World) -> None:
    results = await batch(
        world,
        {"memberId": "u1", "name": "a"},
        {"memberId": "u 2"},
        {"memberId": "u3", "mobileNumber": "not one"},
        {"memberId": "u1", "name": "b"},
        {"memberId": "u1", "name": "b"},
        "no object",
        {"name": "nobody"},
        {"memberId": "u4", "profile": {"bad key": 1}},
        {"memberId": "u5", "profile": {"n": 1}},
        {"memberId": "u6", "profile": {"n": "text"}},
        {"memberId": "u7", "profile": {"n": 2}, "addTags": ["x"]},
    )
    assert seen(results) == [
        "made", "invalidMemberId", "unreadablePhone", "changed", "same", "invalid", "invalidMemberId", "invalidKey",
        "made", "wrongType", "made",
    ]  # fmt: skip
    pointers = {r.index: r.problem.pointer for r in results if r.problem}
    assert pointers[2] == "/contacts/2/mobileNumber"
    assert (pointers[5], pointers[6]) == ("/contacts/5", "/contacts/6/memberId")
    assert pointers[7] == "/contacts/7/profile/bad key"
    assert pointers[9] == "/contacts/9/profile/n"
    assert results[3].contact is not None
    assert (results[3].contact.name, results[3].contact.version) == ("b", 2)
    assert await keys(world) == [("profile.n", "Number")]


async def test_a_key_that_only_refused_rows_name_is_not_defined_and_its_type_comes_from_the_first_good_row(world: World) -> None:
    await batch(
        world,
        {"memberId": "u1", "email": "none", "profile": {"n": "text"}},
        {"memberId": "u2", "profile": {"n": 5}},
        {"memberId": "u3", "email": "none", "profile": {"only": 1}},
    )
    assert await keys(world) == [("profile.n", "Number")]


async def test_a_row_that_is_refused_for_its_contacts_state_defines_nothing_and_the_rows_after_it_give_the_type(
    world: World,
) -> None:
    await world.put("full", tags=[f"t{n}" for n in range(20)])
    await world.put("large", profile={f"k{n}": "x" * 10_000 for n in range(26)})
    other = (await world.contacts.create_lead(world.caller(), {})).contact
    await world.put("owner", leadId=str(other.id))
    before = await keys(world)
    results = await batch(
        world,
        {"memberId": "full", "addTags": ["one more"], "profile": {"new": "text", "only": 1}},
        {"memberId": "large", "profile": {"new": "text", "k": "x" * 5_000}},
        {"memberId": "u1", "leadId": str(other.id), "profile": {"new": "text"}},
        {"memberId": "u1", "profile": {"new": 5}},
        {"memberId": "full", "profileOnce": {"new": 6, "once": True}},
    )
    assert seen(results) == ["tooManyTags", "tooLarge", "leadIsMember", "made", "changed"]
    assert [key for key in await keys(world) if key not in before] == [("profile.new", "Number"), ("profile.once", "Boolean")]
    # What is not defined may still be of any type, and its place among the fields is nobody's.
    await world.put("u2", profile={"only": "text"})
    fields = [d for d in await world.field_queries.fields(world.channel) if d.key.startswith("profile.")]
    assert [d.order for d in fields] == list(range(fields[0].order, fields[0].order + len(fields)))


async def test_a_row_of_an_import_that_is_refused_for_its_contacts_state_defines_nothing(world: World) -> None:
    await world.put("full", tags=[f"t{n}" for n in range(20)])
    results, _ = await world.contacts.upsert_many(
        world.caller(),
        [(1, "full", {"addTags": ["one more"], "profile": {"new": 1}}), (2, "u2", {"profile": {"n": 1}})],
        "import:1",
    )
    assert seen(results) == ["tooManyTags", "made"]
    leads, _ = await world.contacts.create_leads(
        world.caller(),
        [(1, new_id(), {"tags": ["a", 5], "profile": {"new": 1}}), (2, new_id(), {"profile": {"new": {}}}), (3, new_id(), {})],
        "import:2",
    )
    assert {r.index: r.problem.code if r.problem else "made" for r in leads} == {1: "wrongType", 2: "wrongType", 3: "made"}
    assert await keys(world) == [("profile.n", "Number")]


async def test_batches_that_define_fields_over_the_same_members_at_one_time_all_finish(world: World) -> None:
    rows: list[dict[str, Any]] = [{"memberId": f"u{n}", "profile": {f"k{n}": n}} for n in range(40)]
    async with asyncio.timeout(20):
        done = await asyncio.gather(*(batch(world, *order) for order in (rows, rows[::-1], rows[20:] + rows[:20])))
    assert sum(seen(each).count("made") for each in done) == 40
    assert len(await keys(world)) == 40
    orders = [d.order for d in await world.field_queries.fields(world.channel)]
    assert orders == list(range(len(orders)))


async def test_a_null_or_blank_value_for_a_key_nobody_knows_defines_nothing(world: World) -> None:
    made = await world.put("u1", profile={"a": None, "b": " ", "c": [], "d": 1})
    assert made.profile == {"d": 1}
    assert await keys(world) == [("profile.d", "Number")]


async def test_the_201st_field_is_refused_by_name_and_the_row_with_it(world: World) -> None:
    await world.put("u1", profile={f"k{n}": n for n in range(199)})
    results = await batch(
        world,
        {"memberId": "u2", "profile": {"last": 1, "more": 2}},
        {"memberId": "u3", "profile": {"last": 1}},
        {"memberId": "u4", "profile": {"more": 1}},
        {"memberId": "u5", "profile": {"last": 2}},
    )
    assert seen(results) == ["tooManyFields", "made", "tooManyFields", "made"]
    assert results[2].problem is not None
    assert "`profile.more`" in results[2].problem.detail
    assert results[2].problem.pointer == "/contacts/2/profile/more"
    assert len(await keys(world)) == 200


async def test_writers_at_one_time_give_every_version_once_and_lose_no_change(world: World) -> None:
    async def write(n: int) -> int:
        return (await world.put("u1", subject=f"m{n}", profile={f"k{n}": n}, addTags=[f"t{n}"])).version

    versions = await asyncio.gather(*(write(n) for n in range(12)))
    assert sorted(versions) == list(range(1, 13))
    after = await world.queries.member(world.channel, "u1")
    assert after.version == 12
    assert after.profile == {f"k{n}": n for n in range(12)}
    assert sorted(after.tags) == sorted(f"t{n}" for n in range(12))
    assert await world.count(EVENTS) == 12


async def test_batches_at_one_time_over_the_same_members_in_other_orders_all_finish(world: World) -> None:
    rows: list[dict[str, Any]] = [{"memberId": f"u{n}", "addTags": ["x"]} for n in range(40)]
    async with asyncio.timeout(20):
        done = await asyncio.gather(*(batch(world, *order) for order in (rows, rows[::-1], rows[20:] + rows[:20], rows[::2])))
    assert sum(seen(each).count("made") for each in done) == 40
    assert await world.count(EVENTS) == 40


async def test_of_writers_at_one_time_with_the_same_version_in_hand_one_wins(world: World) -> None:
    made = await world.put("u1", name="a")

    async def write(name: str) -> str:
        try:
            await world.contacts.change(world.caller(name), made.id, {"name": name}, 1)
        except StaleVersion as refusal:
            return str(refusal.extra["changedBy"])
        return "won"

    outcomes = await asyncio.gather(*(write(name) for name in ("lee", "park", "choi")))
    winner = str((await world.queries.contact(world.channel, made.id)).name)
    assert sorted(outcomes) == sorted(["won", winner, winner])


async def test_a_lead_is_made_with_a_new_id_every_time(world: World) -> None:
    one = await world.contacts.create_lead(world.caller(), {"name": "a"})
    other = await world.contacts.create_lead(world.caller(), {"name": "a"})
    assert one.created
    assert one.contact.id != other.contact.id
    assert (one.contact.member, one.contact.member_id) == (False, None)


async def test_an_unknown_contact_is_not_found_by_any_write(world: World) -> None:
    with pytest.raises(NotFound):
        await world.contacts.change(world.caller(), new_id(), {"name": "a"}, None)


async def test_the_message_of_a_change_holds_the_event_and_the_whole_contact(world: World) -> None:
    made = await world.put("u1", name="홍길동")
    async with world.database.connection() as connection:
        row = await connection.fetchrow("select key, headers, value from outbox where topic = 'contacts.v1'")
    assert row is not None
    assert row["key"] == f"{world.channel}/{made.id}"
    assert (row["headers"]["ce_type"], row["headers"]["ce_version"]) == ("contact.created", "1")
    assert row["headers"]["ce_time"] == to_wire(NOW)
    assert b'"version":1' in row["value"]
    assert "홍길동".encode() in row["value"]
