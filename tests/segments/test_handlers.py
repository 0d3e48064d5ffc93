"""A manager's commands on the real PostgreSQL: what each does to the segment, to those that stand on it, and to its history."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from common.auth import Caller
from common.errors import NotFound
from common.filters import FilterRefused
from common.ids import new_id
from common.topics import CONTACTS, FIELDS
from segments import store
from segments.consumer import Judge
from segments.handlers import MOST_SEGMENTS, SegmentInUse, TooManySegments
from segments.offsets import Fenced
from segments.rebuild import rebuild
from tests.segments.support import MINUTE, NOON, named, seen_within
from tests.segments.world import CHANNEL, KIM, World


@pytest.fixture
async def peopled(world: World) -> World:
    await world.judge.positions([(CONTACTS, 0), (FIELDS, 0)])
    await world.tell(*(world.contact(uuid4(), 1, NOON - 9, name=name, seen=NOON - 9) for name in ("Kim", "Kim", "Lee")))
    return world


def of(segment: UUID, operator: str = "in") -> dict[str, Any]:
    return {"key": "segment", "operator": operator, "values": [str(segment)]}


async def test_a_new_segment_is_built_and_tells_its_definition_and_members(peopled: World) -> None:
    segment = await peopled.make(named("Kim"), "Kims", built=False)
    assert (await peopled.shown(segment)).status == "building"
    await peopled.build()
    shown = await peopled.shown(segment)
    assert (shown.name, shown.filter, shown.status, shown.count, shown.definition_version) == ("Kims", named("Kim"), "live", 2, 1)
    defined, *entered = await peopled.sent()
    assert (defined["type"], defined["segmentId"], defined["name"], defined["filter"]) == (
        "segment.defined", str(segment), "Kims", named("Kim"),
    )  # fmt: skip
    assert [(e["type"], e["cause"], e["position"]) for e in entered] == [
        ("segment.entered", "definition", 1), ("segment.entered", "definition", 2),
    ]  # fmt: skip


async def test_another_name_builds_nothing(peopled: World) -> None:
    segment = await peopled.make(named("Kim"))
    await peopled.commands.change(KIM, segment, "others", named("Kim"))
    shown = await peopled.shown(segment)
    assert (shown.name, shown.status, shown.definition_version) == ("others", "live", 1)


async def test_a_change_that_changes_nothing_tells_nothing(peopled: World) -> None:
    segment = await peopled.make(named("Kim"), "Kims")
    before = await peopled.sent()
    await peopled.commands.change(KIM, segment, "Kims", named("Kim"))
    await peopled.commands.change(KIM, segment, None)
    assert await peopled.sent() == before


async def test_another_filter_tells_the_difference_at_its_instant(peopled: World) -> None:
    segment = await peopled.make(named("Kim"))
    peopled.now = NOON + MINUTE
    await peopled.commands.change(KIM, segment, None, named("Lee"))
    await peopled.build()
    shown = await peopled.shown(segment)
    assert (shown.count, shown.definition_version) == (1, 2)
    assert sorted((await peopled.told(segment))[2:]) == [
        ("entered", "definition", NOON + MINUTE), *[("left", "definition", NOON + MINUTE)] * 2,
    ]  # fmt: skip
    await peopled.check(segment)


async def test_those_that_stand_on_a_changed_segment_follow_it(peopled: World) -> None:
    segment = await peopled.make(named("Kim"))
    without = await peopled.make({"not": of(segment)})
    over_it = await peopled.make(of(without))
    assert len(await peopled.members(over_it)) == 1
    await peopled.commands.change(KIM, segment, None, named("Lee"))
    assert {(await peopled.shown(s)).status for s in (segment, without, over_it)} == {"building"}
    await peopled.build()
    assert len(await peopled.members(without)) == len(await peopled.members(over_it)) == 2
    assert (await peopled.shown(over_it)).definition_version == 1


async def test_a_circle_is_refused_and_nothing_is_written(peopled: World) -> None:
    segment = await peopled.make(named("Kim"))
    over_it = await peopled.make(of(segment))
    with pytest.raises(FilterRefused) as refusal:
        await peopled.commands.change(KIM, segment, "circle", {"or": [named("Lee"), of(over_it)]})
    assert (refusal.value.code, refusal.value.pointer) == ("segmentCircle", "/filter/or/1/values/0")
    shown = await peopled.shown(segment)
    assert (shown.name, shown.filter, shown.status) == ("s", named("Kim"), "live")


async def test_a_filter_that_would_break_those_that_stand_on_the_segment_is_refused(peopled: World) -> None:
    segment = await peopled.make(named("Kim"))
    over_it = await peopled.make({"or": [of(segment), {"or": [named("Lee")] * 400}] + [of(segment)] * 4})
    with pytest.raises(FilterRefused) as refusal:
        await peopled.commands.change(KIM, segment, None, {"or": [named("Kim")] * 400})
    assert (refusal.value.code, refusal.value.extra) == ("breaksSegment", {"breaks": str(over_it)})
    assert (await peopled.shown(segment)).filter == named("Kim")


async def test_a_broken_segment_is_mended_by_another_filter_and_so_are_those_that_stand_on_it(peopled: World) -> None:
    await peopled.tell(peopled.field("grade", "String", 1))
    segment = await peopled.make({"key": "profile.grade", "operator": "exists"})
    over_it = await peopled.make({"not": of(segment)})
    await peopled.tell(peopled.field("grade", "String", 2, archived=True))
    await peopled.commands.change(KIM, segment, "renamed")
    assert (await peopled.shown(segment)).status == "broken"
    await peopled.commands.change(KIM, segment, None, named("Kim"))
    await peopled.build()
    assert [(await peopled.shown(s)).status for s in (segment, over_it)] == ["live", "live"]
    assert (len(await peopled.members(segment)), len(await peopled.members(over_it))) == (2, 1)


async def test_a_segment_in_use_stays_also_when_its_user_is_broken(peopled: World) -> None:
    await peopled.tell(peopled.field("grade", "String", 1))
    segment = await peopled.make(named("Kim"))
    user = await peopled.make({"and": [of(segment), {"key": "profile.grade", "operator": "exists"}]})
    for archived in (False, True):
        await peopled.tell(peopled.field("grade", "String", 2 + archived, archived=archived))
        with pytest.raises(SegmentInUse) as refusal:
            await peopled.commands.delete(KIM, segment)
        assert refusal.value.extra == {"usedBy": {"segments": [{"id": str(user), "name": "s"}]}}
    await peopled.commands.delete(KIM, user)
    await peopled.commands.delete(KIM, segment)


async def test_a_deleted_segment_leaves_nothing_behind_and_says_so(peopled: World) -> None:
    segment = await peopled.make(named("Kim"))
    await peopled.commands.delete(KIM, segment)
    assert (await peopled.sent())[-1] == {"type": "segment.deleted", "segmentId": str(segment)}
    # Its members and its log go piece by piece, and nobody sees them meanwhile.
    kim = (await peopled.value("select array_agg(contact_id) from membership"))[0]
    assert await peopled.queries.memberships(CHANNEL, await peopled.queries.contact(CHANNEL, kim), None, 10, peopled.now) == []
    async with peopled.database.transaction() as tx:
        await store.members_from_log(tx, CHANNEL)  # as a rebuild does, that comes in between
    while await peopled.timer().purge():
        pass
    for table in (
        "segment", "membership", "change", "tally", "definition", "cut_short", "named_in", "log_floor", "deleted",
    ):  # fmt: skip
        assert await peopled.value(f"select count(*) from {table}") == 0
    with pytest.raises(NotFound):
        await peopled.commands.delete(KIM, segment)
    await peopled.tell(peopled.contact(uuid4(), 1, NOON, name="Kim"))


async def test_another_channels_segment_is_as_good_as_none(peopled: World) -> None:
    segment = await peopled.make(named("Kim"))
    stranger = Caller("lee", "other", frozenset({"*"}))
    for command in (peopled.commands.change(stranger, segment, "mine"), peopled.commands.delete(stranger, segment)):
        with pytest.raises(NotFound):
            await command
    with pytest.raises(FilterRefused) as refusal:
        await peopled.commands.make(stranger, "s", of(segment))
    assert refusal.value.code == "unknownSegment"


async def test_a_channel_may_have_so_many_segments(peopled: World) -> None:
    async with peopled.database.connection() as connection:
        await connection.execute(
            "insert into segment select $1, gen_random_uuid(), 's', $2, 1, 'live', null, 1, 0, null, now(), 'kim', 1"
            " from generate_series(1, $3::int)",
            CHANNEL, named("Kim"), MOST_SEGMENTS,
        )  # fmt: skip
    with pytest.raises(TooManySegments):
        await peopled.make(named("Kim"))


async def test_a_rebuild_judges_everyone_again_and_tells_only_what_was_wrong(peopled: World) -> None:
    segment, windowed = await peopled.make(named("Kim")), await peopled.make(seen_within(10))
    before = {s: await peopled.changes(s) for s in (segment, windowed)}
    members = await peopled.members(segment)
    assert await rebuild(peopled.database, peopled.clock) == 2
    await peopled.build()
    assert {s: await peopled.changes(s) for s in (segment, windowed)} == before

    lost = min(members)
    async with peopled.database.connection() as connection:
        await connection.execute("delete from membership where contact_id = $1 and segment_id = $2", lost, segment)
        await connection.execute("update tally set members = 7")
    await rebuild(peopled.database, peopled.clock)
    await peopled.build()
    assert {s: await peopled.changes(s) for s in (segment, windowed)} == before
    assert await peopled.members(segment) == members
    await peopled.check(segment)


async def test_a_rebuild_has_everything_read_again_by_a_reader_that_is_started_anew(peopled: World) -> None:
    segment = await peopled.make(named("Kim"))
    await peopled.judge.look()
    await rebuild(peopled.database, peopled.clock)
    with pytest.raises(Fenced):
        await peopled.judge.look()
    following = Judge(peopled.database, peopled.clock, new_id)
    assert set((await following.positions([(CONTACTS, 0), (FIELDS, 0)])).values()) == {0}
    await following.look()
    await peopled.build()
    await peopled.check(segment)
