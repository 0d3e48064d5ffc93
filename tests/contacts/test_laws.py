"""Laws of contacts against the real PostgreSQL: the state is the fold of its events, and visits end the same in any order."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import eventstore
from common.clock import to_wire
from common.errors import Unprocessable
from common.events.contacts import Contact, ContactCreated, ContactEvent
from common.ids import new_id
from common.recorded import Recorded
from contacts.contact import created, evolve
from tests.contacts.conftest import NOW, World

AGAINST_THE_DATABASE = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

texts = st.one_of(st.none(), st.text("가나ab /", max_size=4))
bodies = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "city": texts,
        "mobileNumber": st.sampled_from([None, "01012345678", "+82 10-1111-2222", "nonsense"]),
        "tags": st.lists(st.sampled_from("abc"), max_size=3),
        "addTags": st.lists(st.sampled_from("abcd"), max_size=2),
        "removeTags": st.lists(st.sampled_from("abcd"), max_size=2),
        "unsubscribeEmail": st.sampled_from([True, False, None]),
        "blocked": st.booleans(),
        "profile": st.dictionaries(
            st.sampled_from(["s", "n", "firstReferrer"]), st.one_of(st.none(), st.text("xy", max_size=2), st.integers(-2, 2))
        ),
        "profileOnce": st.dictionaries(st.sampled_from(["s", "o"]), st.one_of(st.none(), st.text("xy", max_size=2))),
    },
)
minutes = st.integers(-200, 5)
commands = st.one_of(
    st.tuples(st.just("upsert"), bodies),
    st.tuples(st.just("change"), bodies),
    st.tuples(st.just("visit"), minutes),
    st.tuples(st.just("wait"), st.integers(1, 90)),
)


def folded(events: Sequence[Recorded], member_id: str | None) -> Contact:
    """The contact that the events alone make."""
    first = msgspec.convert(events[0].data, ContactEvent)
    assert isinstance(first, ContactCreated)
    state = created(events[0].stream, member_id, first, events[0].at)
    for event in events[1:]:
        state = evolve(state, msgspec.convert(event.data, ContactEvent), event.at)
    return state


async def recorded(world: World, contact_id: UUID) -> list[Recorded]:
    async with world.database.connection() as connection:
        return await eventstore.read(connection, world.channel, contact_id)


async def obey(world: World, member_id: str, sequence: Sequence[tuple[str, Any]], name: str = "") -> None:
    """Do one thing after the other; a command that is refused changes nothing. `name` makes the ids of visits differ."""
    caller = world.caller()
    for n, (what, given_) in enumerate(sequence):
        try:
            match what:
                case "upsert":
                    await world.contacts.upsert(caller, member_id, given_, None)
                case "change":
                    found = await world.queries.member(world.channel, member_id)
                    await world.contacts.change(caller, found.id, given_, None)
                case "visit":
                    at = to_wire(world.clock.now() + timedelta(minutes=given_))
                    await world.visits.record(caller, [{"id": f"{member_id}-{name}-{n}", "memberId": member_id, "at": at}])
                case _:
                    world.clock.instant += timedelta(minutes=given_)
        except Unprocessable:
            continue


@AGAINST_THE_DATABASE
@given(sequence=st.lists(commands, max_size=12))
async def test_the_state_is_the_fold_of_its_events_for_any_sequence_of_commands(
    world: World, sequence: list[tuple[str, Any]]
) -> None:
    member_id = str(new_id())
    await world.contacts.upsert(world.caller(), member_id, {}, None)
    await obey(world, member_id, sequence)
    state = await world.queries.member(world.channel, member_id)
    events = await recorded(world, state.id)
    assert [e.version for e in events] == list(range(1, state.version + 1))
    assert all(later.at >= earlier.at for earlier, later in pairwise(events))
    assert folded(events, member_id) == state


@AGAINST_THE_DATABASE
@given(
    visits=st.lists(st.integers(-600, 5), min_size=1, max_size=12, unique=True),
    arrival=st.data(),
)
async def test_visits_end_the_same_for_every_order_division_and_doubling(
    world: World, visits: list[int], arrival: st.DataObject
) -> None:
    member_id = str(new_id())
    rows = [
        {
            "id": f"{member_id}{m}",
            "memberId": member_id,
            "at": to_wire(world.clock.now() + timedelta(minutes=m)),
            "device": {"kind": ("web", "mobile")[m % 2]},
        }
        for m in visits
    ]
    order = arrival.draw(st.permutations([*rows, *arrival.draw(st.lists(st.sampled_from(rows), max_size=4))]))
    cuts = sorted(arrival.draw(st.lists(st.integers(0, len(order)), max_size=3)))
    for begin, end in pairwise([0, *cuts, len(order)]):
        await world.visits.record(world.caller(), order[begin:end])
    found = await world.queries.member(world.channel, member_id)
    ordered = sorted(visits)
    assert found.first_seen_at == to_wire(world.clock.now() + timedelta(minutes=ordered[0]))
    assert found.last_seen_at == to_wire(world.clock.now() + timedelta(minutes=ordered[-1]))
    assert found.sessions_count == sessions(ordered)
    for facts, own in ((found.web, [m for m in ordered if m % 2 == 0]), (found.mobile, [m for m in ordered if m % 2])):
        assert (facts.sessions_count if facts else 0) == sessions(own)
        assert (facts and facts.last_seen_at) == (to_wire(world.clock.now() + timedelta(minutes=own[-1])) if own else None)


def sessions(minutes: list[int]) -> int:
    """How many sessions visits at these minutes make."""
    return bool(minutes) + sum(later - earlier > 30 for earlier, later in pairwise(minutes))


@settings(AGAINST_THE_DATABASE, max_examples=15)
@given(writers=st.integers(2, 10))
async def test_writers_at_one_time_give_versions_without_a_gap_and_none_is_lost(world: World, writers: int) -> None:
    member_id = str(new_id())

    async def write(n: int) -> int:
        if n % 3 == 2:
            await world.visits.record(world.caller(), [{"id": f"{member_id}{n}", "memberId": member_id, "at": to_wire(NOW)}])
            return 0
        return (await world.put(member_id, addTags=[str(n)])).version

    await asyncio.gather(*(write(n) for n in range(writers)))
    state = await world.queries.member(world.channel, member_id)
    events = await recorded(world, state.id)
    assert [e.version for e in events] == list(range(1, state.version + 1))
    assert folded(events, member_id) == state
    assert sorted(state.tags) == sorted(str(n) for n in range(writers) if n % 3 != 2)
    assert state.sessions_count == (1 if writers > 2 else 0)
