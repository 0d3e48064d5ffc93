"""Facts into memberships on the real PostgreSQL: offsets move with their effect, nothing is judged twice or by a stale rule."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from common.envelope import UnreadableMessage
from common.errors import Gone
from common.ids import new_id
from common.position import Applied, Position
from common.postgres import away_is_unavailable
from common.topics import CONTACTS, FIELDS
from segments.consumer import Judge
from segments.explaining.queries import ContactHidden, Explaining
from segments.offsets import Fenced
from tests.segments.support import MINUTE, NOON, named, seen_within
from tests.segments.world import CHANNEL, World

IS_KIM = named("Kim")
VIP = {"key": "profile.grade", "operator": "eq", "values": ["VIP"]}
NEXT_OFFSET = "select next_offset from consumer_offset where topic = $1 and partition = $2"


async def begin(world: World, *partitions: tuple[str, int]) -> None:
    await world.judge.positions([(CONTACTS, 0), (FIELDS, 0), *partitions])


@pytest.fixture
async def ready(world: World) -> World:
    await begin(world, (CONTACTS, 1))
    return world


async def test_offsets_move_with_their_effect(ready: World) -> None:
    segment = await ready.make(IS_KIM)
    await ready.tell(
        ready.contact(uuid4(), 1, NOON + 1, name="Kim"), ready.contact(uuid4(), 1, NOON + 1, name="Lee", partition=1)
    )
    assert await ready.value(NEXT_OFFSET, CONTACTS, 0) == await ready.value(NEXT_OFFSET, CONTACTS, 1) == 1
    assert (await ready.shown(segment)).count == 1
    assert await ready.judge.positions([(CONTACTS, 0), (CONTACTS, 1), (CONTACTS, 2)]) == {
        (CONTACTS, 0): 1, (CONTACTS, 1): 1, (CONTACTS, 2): 0,
    }  # fmt: skip


async def test_a_reader_that_was_overtaken_is_fenced_and_nothing_of_its_batch_is_kept(ready: World) -> None:
    segment = await ready.make(IS_KIM)
    other = Judge(ready.database, ready.clock, new_id)
    await other.positions([(CONTACTS, 0)])
    batch = [ready.contact(uuid4(), 1, NOON + 1, name="Kim"), ready.contact(uuid4(), 1, NOON + 1, name="Kim")]
    await ready.tell(batch[0])
    with pytest.raises(Fenced):
        await ready.tell(*batch, judge=other)
    assert await ready.value(NEXT_OFFSET, CONTACTS, 0) == 1
    assert len(await ready.changes(segment)) == 1
    await ready.check(segment)


async def test_a_batch_delivered_again_is_passed_over_by_this_reader_and_the_next(ready: World) -> None:
    segment = await ready.make(IS_KIM)
    batch = [ready.contact(uuid4(), 1, NOON + 1, name="Kim"), ready.contact(uuid4(), 1, NOON + 1, name="Kim")]
    await ready.tell(*batch)
    await ready.tell(*batch)
    following = Judge(ready.database, ready.clock, new_id)
    await following.positions([(CONTACTS, 0)])
    await ready.tell(*batch, judge=following)
    assert len(await ready.changes(segment)) == 2
    await ready.check(segment)


async def test_a_version_under_another_offset_is_judged_once(ready: World) -> None:
    segment = await ready.make(IS_KIM)
    one = uuid4()
    await ready.tell(ready.contact(one, 1, NOON + 1, name="Kim"))
    await ready.tell(ready.contact(one, 1, NOON + 1, name="Kim"), ready.contact(one, 2, NOON + 2, name="Lee"))
    await ready.tell(ready.contact(one, 1, NOON + 1, name="Kim"))
    assert await ready.told(segment) == [("entered", "event", NOON + 1), ("left", "event", NOON + 2)]


async def test_what_can_not_be_read_is_stepped_over(ready: World) -> None:
    record = ready.record(CONTACTS, "no-id", 1, NOON, None)
    with pytest.raises(UnreadableMessage):
        ready.judge.decode(record)
    await ready.judge.apply([])
    assert await ready.value(NEXT_OFFSET, CONTACTS, 0) == 1


@pytest.mark.parametrize("odd", [b'"\xff"', b"1e999", b'{"\xff":1}', b"[" * 1100 + b"]" * 1100])
async def test_what_no_reader_of_json_takes_is_not_kept_wherever_it_stands(ready: World, odd: bytes) -> None:
    record = ready.contact(uuid4(), 1, NOON)
    assert record.value is not None
    odd_one = replace(record, value=record.value.replace(b'"name":null', b'"name":null,"addedLater":' + odd))
    assert odd_one != record
    with pytest.raises(UnreadableMessage):
        ready.judge.decode(odd_one)


async def test_what_an_earlier_version_kept_otherwise_is_judged_by_what_it_stands_for(ready: World) -> None:
    old: dict[str, Any] = {"email": "kim@naver.com,", "member_id": "k-\u200b1", "tags": ["VIP  gold", "vip gold\u200b"]}
    wanted = (("email", "eq", "kim@naver.com"), ("memberId", "eq", "k-1"), ("tags", "isExactly", "VIP gold"))
    segments = [await ready.make({"key": key, "operator": how, "values": [value]}) for key, how, value in wanted]
    one = uuid4()
    await ready.tell(ready.contact(one, 1, NOON + 1, **old))
    assert [await ready.members(segment) for segment in segments] == [{one}] * 3


async def test_an_erased_contact_leaves_everywhere_and_its_data_with_it(ready: World) -> None:
    segment, other = await ready.make(IS_KIM), await ready.make({"and": []})
    one = uuid4()
    first = ready.contact(one, 1, NOON + 1, name="Kim")
    await ready.tell(first)
    await ready.tell(ready.erased(one, 2, NOON + 2))
    assert (await ready.told(segment))[1:] == (await ready.told(other))[1:] == [("left", "erasure", NOON + 2)]
    assert await ready.value("select doc is null and merged_into is null from contact where id = $1", one)
    with pytest.raises(Gone):
        await ready.queries.contact(CHANNEL, one)
    assert await ready.value("select count(*) from membership") == 0
    # An older version that comes after it brings nothing back.
    await ready.tell(ready.contact(one, 1, NOON + 1, name="Kim"))
    assert len(await ready.changes(segment)) == 2


async def test_a_hidden_contact_leaves_and_enters_again_when_it_is_shown(ready: World) -> None:
    segment = await ready.make(IS_KIM)
    one = uuid4()
    await ready.tell(ready.contact(one, 1, NOON + 1, name="Kim", hidden=True))
    assert await ready.told(segment) == []
    assert not (await ready.queries.standing(CHANNEL, segment, one, ready.now)).member
    hidden = await ready.queries.contact(CHANNEL, one)
    with pytest.raises(ContactHidden):
        await Explaining(ready.database, ready.term_sets, ready.past, ready.clock).explain(CHANNEL, segment, one, hidden, None)
    await ready.tell(ready.contact(one, 2, NOON + 2, name="Kim"))
    await ready.tell(ready.contact(one, 3, NOON + 3, name="Kim", hidden=True))
    await ready.tell(ready.contact(one, 4, NOON + 4, name="Kim"))
    assert [(change, at) for change, _, at in await ready.told(segment)] == [
        ("entered", NOON + 2), ("left", NOON + 3), ("entered", NOON + 4),
    ]  # fmt: skip
    await ready.check(segment)


async def test_a_merged_contact_leaves_and_its_id_leads_to_the_survivor(ready: World) -> None:
    segment = await ready.make(IS_KIM)
    lead, member = uuid4(), uuid4()
    await ready.tell(
        ready.contact(lead, 1, NOON + 1, name="Kim"),
        ready.contact(member, 1, NOON + 1, member=True, member_id="m"),
        ready.contact(lead, 2, NOON + 2, name="Kim", merged_into=member),
        ready.contact(member, 2, NOON + 2, name="Kim", member=True, member_id="m"),
    )
    assert await ready.members(segment) == {member}
    assert {(c.contact_id, c.change, c.cause, c.at) for c in (await ready.changes(segment))[1:]} == {
        (lead, "left", "event", NOON + 2), (member, "entered", "event", NOON + 2),
    }  # fmt: skip
    assert (await ready.queries.contact(CHANNEL, lead)).id == member
    await ready.check(segment)


async def test_archiving_a_field_breaks_and_freezes_and_restoring_it_builds_anew(ready: World) -> None:
    await ready.tell(ready.field("grade", "String", 1))
    stays, goes, comes = uuid4(), uuid4(), uuid4()
    await ready.tell(*(ready.contact(c, 1, NOON - 9, profile={"grade": "VIP"}) for c in (stays, goes)))
    await ready.tell(ready.contact(comes, 1, NOON - 9))
    segment = await ready.make(VIP)
    over_it = await ready.make({"key": "segment", "operator": "in", "values": [str(segment)]})
    assert await ready.members(segment) == await ready.members(over_it) == {stays, goes}

    ready.now = NOON + MINUTE
    await ready.tell(ready.field("grade", "String", 2, archived=True))
    broken = await ready.shown(segment)
    assert (broken.status, broken.count) == ("broken", 2)
    assert broken.problem is not None
    assert "archived" in broken.problem
    assert (await ready.shown(over_it)).status == "broken"
    await ready.tell(
        ready.contact(goes, 2, NOON + 2 * MINUTE, profile={"grade": "none"}),
        ready.contact(comes, 2, NOON + 2 * MINUTE, profile={"grade": "VIP"}),
    )
    await ready.build()
    assert await ready.members(segment) == {stays, goes}

    ready.now = NOON + 3 * MINUTE
    await ready.tell(ready.field("grade", "String", 3))
    assert (await ready.shown(segment)).status == "building"
    await ready.build()
    mended = await ready.shown(segment)
    assert (mended.status, mended.problem) == ("live", None)
    assert await ready.members(segment) == await ready.members(over_it) == {stays, comes}
    assert {(c.contact_id, c.change, c.cause, c.at) for c in (await ready.changes(segment))[2:]} == {
        (goes, "left", "definition", NOON + 3 * MINUTE), (comes, "entered", "definition", NOON + 3 * MINUTE),
    }  # fmt: skip
    await ready.check(segment)
    await ready.check(over_it)


async def test_an_erased_contact_leaves_a_broken_segment_too(ready: World) -> None:
    await ready.tell(ready.field("grade", "String", 1))
    one, other = uuid4(), uuid4()
    await ready.tell(*(ready.contact(c, 1, NOON - 9, profile={"grade": "VIP"}) for c in (one, other)))
    segment = await ready.make(VIP)
    await ready.tell(ready.field("grade", "String", 2, archived=True))
    await ready.tell(ready.erased(one, 2, NOON + 5))
    assert await ready.members(segment) == {other}
    assert (await ready.told(segment))[-1] == ("left", "erasure", NOON + 5)
    await ready.check(segment)


async def test_an_older_definition_of_a_field_changes_nothing(ready: World) -> None:
    await ready.tell(ready.field("grade", "String", 2))
    segment = await ready.make(VIP)
    await ready.tell(ready.field("grade", "String", 1, archived=True), ready.field("grade", "String", 2, archived=True))
    assert (await ready.shown(segment)).status == "live"


async def test_a_field_that_no_segment_uses_builds_nothing(ready: World) -> None:
    segment = await ready.make(IS_KIM)
    await ready.tell(ready.field("grade", "String", 1), ready.field("grade", "String", 2, archived=True))
    assert (await ready.shown(segment)).status == "live"


async def test_another_time_zone_builds_the_segments_anew_that_know_days(ready: World) -> None:
    today = await ready.make({"key": "lastSeenAt", "operator": "calendar", "values": ["today"]})
    seen = uuid4()
    await ready.tell(ready.contact(seen, 1, NOON + 1, seen=NOON + 1))
    assert await ready.members(today) == {seen}
    await ready.tell(ready.settings(1, time_zone="Pacific/Kiritimati"))
    assert (await ready.shown(today)).status == "building"
    await ready.build()
    assert await ready.told(today) == [("entered", "event", NOON + 1)]
    await ready.tick(NOON + 24 * 60 * MINUTE)
    # Midnight on Kiritimati, 14 hours ahead of UTC, is 10:00 in UTC.
    assert (await ready.told(today))[-1] == ("left", "clock", NOON + 22 * 60 * MINUTE)


async def test_a_segment_made_between_two_versions_sees_the_second_by_its_event(ready: World) -> None:
    one = uuid4()
    await ready.tell(ready.contact(one, 1, NOON - 5, name="Lee"))
    segment = await ready.make(IS_KIM, built=False)
    await ready.tell(ready.contact(one, 2, NOON + 5, name="Kim"))
    await ready.build()
    assert await ready.told(segment) == [("entered", "event", NOON + 5)]
    assert (await ready.shown(segment)).status == "live"


async def test_everything_in_one_batch_fields_first(ready: World) -> None:
    await ready.tell(ready.field("grade", "String", 1), ready.contact(uuid4(), 1, NOON - 5, profile={"grade": "VIP"}))
    segment = await ready.make(VIP)
    assert (await ready.shown(segment)).count == 1


async def test_a_position_is_applied_when_contacts_and_fields_are_there(ready: World) -> None:
    one = uuid4()
    wanted = Position((Applied("contact", str(one), 2), Applied("field", "profile.grade", 1), Applied("field", "@channel", 1)))
    assert not await ready.queries.has_applied(CHANNEL, wanted)
    await ready.tell(ready.contact(one, 2, NOON), ready.field("grade", "String", 1))
    assert not await ready.queries.has_applied(CHANNEL, wanted)
    await ready.tell(ready.settings(1))
    assert await ready.queries.has_applied(CHANNEL, wanted)
    assert not await ready.queries.has_applied("other", wanted)


async def test_a_value_that_does_not_fit_is_an_error_and_not_waited_out(ready: World) -> None:
    with pytest.raises(asyncpg.DataError), away_is_unavailable():
        await ready.value("select $1::int", 2**40)


async def test_the_window_of_a_version_that_comes_with_its_batch_ends_by_the_next(ready: World) -> None:
    segment = await ready.make(seen_within(10))
    one = uuid4()
    later = NOON + 30 * MINUTE
    await ready.tell(ready.contact(one, 1, NOON + 1, seen=NOON + 1), ready.contact(one, 2, later, seen=later))
    assert await ready.told(segment) == [
        ("entered", "event", NOON + 1), ("left", "clock", NOON + 1 + 10 * MINUTE), ("entered", "event", later),
    ]  # fmt: skip


@pytest.mark.parametrize("version", ["-1", "9223372036854775808"])
async def test_a_version_that_no_store_holds_is_stepped_over(ready: World, version: str) -> None:
    record = ready.contact(uuid4(), 1, NOON)
    assert record.value is not None
    head, _, tail = record.value.rpartition(b'"version":1')
    with pytest.raises(UnreadableMessage, match="version"):
        ready.judge.decode(replace(record, value=head + b'"version":' + version.encode() + tail))
    with pytest.raises(UnreadableMessage, match="ce_version"):
        ready.judge.decode(replace(record, value=None, headers=record.headers | {"ce_version": version}))
