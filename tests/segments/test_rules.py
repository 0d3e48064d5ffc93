"""Rules that follow the channel step by step are those that are read from the beginning, and only what changed is compiled."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.filters import FieldDefinition, FieldType
from common.telemetry import REGISTRY
from common.topics import CONTACTS, FIELDS
from segments.definition import Channel, Segment, meaning
from segments.rules import Rules
from segments.ruling import NOTHING, Ruling, ruled
from tests.segments.support import NOON, doc, named, seen_within
from tests.segments.world import CHANNEL, KIM, World

VIP = {"key": "profile.grade", "operator": "eq", "values": ["VIP"]}


def within(*numbers: int) -> dict[str, Any]:
    return {"key": "segment", "operator": "in", "values": [str(UUID(int=n)) for n in numbers]}


FILTERS: list[Any] = [
    named("Kim"), seen_within(10), VIP, {"not": VIP}, {"and": [VIP, named("Lee")]}, within(1), {"not": within(2, 3)},
    {"or": [within(3), VIP]}, {"key": "lastSeenAt", "operator": "calendar", "values": ["today"]}, "nothing that can be read",
]  # fmt: skip
FIELDS_THERE: list[Mapping[str, FieldDefinition]] = [
    {}, {"grade": FieldDefinition(FieldType.STRING)}, {"grade": FieldDefinition(FieldType.STRING, archived=True)},
    {"grade": FieldDefinition(FieldType.STRING), "other": FieldDefinition(FieldType.NUMBER)},
]  # fmt: skip
PEOPLE = [doc("Kim", NOON), doc("Lee"), {**doc("Lee", NOON), "profile": {"grade": "VIP"}}, {}]


@st.composite
def channels(draw: st.DrawFn) -> list[Channel]:
    """A channel as it becomes, step by step; a filter that changes is another version."""
    found = [Channel()]
    for _ in range(draw(st.integers(1, 6))):
        before = found[-1]
        segments = dict(before.segments)
        for number in draw(st.sets(st.integers(1, 4), max_size=2)):
            name, was = UUID(int=number), segments.pop(UUID(int=number), None)
            if draw(st.booleans()) or was is None:
                version = draw(st.integers(1, 100)) if was is None else was.definition_version + 1
                status = draw(st.sampled_from(["building", "live", "broken"]))
                segments[name] = Segment(
                    name, "s", draw(st.sampled_from(FILTERS)), version, status, None, 1, draw(st.integers(0, 9))
                )
        fields, zone = draw(st.sampled_from(FIELDS_THERE)), draw(st.sampled_from(["Asia/Seoul", "Asia/Seoul", "UTC"]))
        found.append(Channel(before.revision + 1, "KR", zone, fields, segments))
    return found


def shown(ruling: Ruling) -> object:
    judged = {
        name: (rule.since, rule.build, rule.building, rule.judge and [rule.judge(person, NOON) for person in PEOPLE])
        for name, rule in ruling.rules.items()
    }
    flips = ruling.flips
    found = [(set(flips.changed(a, b, NOON)), set(flips.possible(a, NOON)), flips.due(a, NOON)) for a in PEOPLE for b in PEOPLE]
    return judged, found, set(ruling.building), list(ruling.by_since), flips.conditions


@settings(max_examples=200)
@given(channels())
def test_rules_that_follow_are_those_read_from_the_beginning(steps: list[Channel]) -> None:
    before, ruling = None, NOTHING
    for channel in steps:
        ruling = ruled(channel, {}, before, ruling)
        assert shown(ruling) == shown(ruled(channel, {}, None, NOTHING))
        assert dict(ruling.meaning.nodes) == dict(meaning(channel).nodes)
        before = channel


def test_only_what_changed_is_compiled() -> None:
    def segment(number: int, raw: object, version: int = 1, status: str = "live") -> Segment:
        return Segment(UUID(int=number), "s", raw, version, status, None, 1, 0)

    first = Channel(segments={s.id: s for s in (segment(1, named("Kim")), segment(2, within(1)), segment(3, VIP))})
    was = ruled(first, {}, None, NOTHING)
    then = first.with_segment(segment(4, named("Lee"))).with_segment(segment(1, named("Kim"), status="building"))
    now = ruled(then, {}, first, was)
    assert [now.rules[UUID(int=n)].judge is was.rules[UUID(int=n)].judge for n in (1, 2)] == [True, True]
    last = ruled(then.with_segment(segment(1, named("Choi"), 2)), {}, then, now)
    assert [last.rules[UUID(int=n)].judge is was.rules[UUID(int=n)].judge for n in (1, 2)] == [False, False]
    assert last.rules[UUID(int=4)].judge is now.rules[UUID(int=4)].judge


def test_what_is_defined_since_an_instant() -> None:
    channel = Channel(segments={UUID(int=n): Segment(UUID(int=n), "s", named("K"), 1, "live", None, 1, n) for n in (1, 2, 3)})
    ruling = ruled(channel, {}, None, NOTHING)
    assert [ruling.defined_since(at) for at in (0, 2, 4)] == [
        [UUID(int=1), UUID(int=2), UUID(int=3)],
        [UUID(int=2), UUID(int=3)],
        [],
    ]


async def test_whoever_judges_follows_every_command_and_every_build(world: World) -> None:
    await world.judge.positions([(CONTACTS, 0), (FIELDS, 0)])
    rules = Rules()

    async def follows() -> None:
        async with world.database.transaction() as tx:
            ours, afresh = await rules.of(tx, [CHANNEL]), await Rules().of(tx, [CHANNEL])
        assert shown(ours[CHANNEL]) == shown(afresh[CHANNEL])

    await follows()
    await world.tell(world.field("grade", "String", 1))
    first = await world.make(named("Kim"), built=False)
    await follows()
    await world.build()
    await follows()
    over_it = await world.make({"key": "segment", "operator": "in", "values": [str(first)]})
    third = await world.make(VIP)
    await follows()
    await world.commands.change(KIM, first, None, named("Lee"))
    await follows()
    await world.build()
    await world.tell(world.field("grade", "String", 2, archived=True))
    await follows()
    assert (await world.shown(third)).status == "broken"
    await world.tell(world.field("grade", "String", 3), world.settings(1, time_zone="UTC"))
    await follows()
    await world.commands.delete(KIM, over_it)
    await follows()
    await world.make(named("Choi"))
    await world.commands.delete(KIM, first)  # one gone and one come: as many as before
    await follows()


@pytest.mark.parametrize("most", [1])
async def test_a_channel_that_was_let_go_is_read_again(world: World, most: int) -> None:
    rules = Rules(most)
    await world.make(named("Kim"))
    async with world.database.transaction() as tx:
        before = (await rules.of(tx, [CHANNEL]))[CHANNEL]
        await rules.of(tx, ["other"])
        assert (await rules.of(tx, [CHANNEL]))[CHANNEL].rules.keys() == before.rules.keys()


async def test_two_who_ask_at_once_are_given_the_same_compiled_once(world: World) -> None:
    rules = Rules()
    for _ in range(3):  # read from the beginning, then twice after a change
        await world.make(named("Kim"))
        async with world.database.transaction() as one, world.database.transaction() as other:
            first, second = await asyncio.gather(rules.of(one, [CHANNEL]), rules.of(other, [CHANNEL]))
        assert first[CHANNEL] is second[CHANNEL]


async def test_how_much_is_held_is_told(world: World) -> None:
    await world.make({"and": [named("Kim"), seen_within(10)]})
    await world.make(named("Kim"))
    async with world.database.transaction() as tx:
        await Rules().of(tx, [CHANNEL, "other"])
    held = {what: REGISTRY.get_sample_value("dangol_segment_rules", {"what": what}) for what in ("segments", "conditions")}
    assert held == {"segments": 2, "conditions": 2}
    assert (REGISTRY.get_sample_value("dangol_segment_rules", {"what": "bytes of sets"}) or 0) > 0
