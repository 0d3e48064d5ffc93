"""Segments over term sets: judged from digests, asked for once, kept for as long as a segment names them."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.filters import FilterRefused
from common.ids import new_id
from common.topics import CONTACTS
from segments.consumer import Judge
from segments.term_sets import store as term_set_store
from segments.term_sets.term_set import TermSet
from segments.term_sets.use import TermSetUse
from tests.segments.support import NOON
from tests.segments.world import CHANNEL, KIM, World


@pytest.fixture
async def reading(world: World) -> World:
    """A world whose consumer has its partition."""
    await world.judge.positions([(CONTACTS, 0)])
    return world


def among(*term_sets: UUID, key: str = "mobileNumber", operator: str = "in") -> dict[str, object]:
    return {"and": [{"key": key, "operator": operator, "termSet": str(term_set)} for term_set in term_sets]}


async def kept(world: World) -> set[str]:
    async with world.database.connection() as connection:
        return set(await term_set_store.keys(connection, CHANNEL))


@given(st.sets(st.text()), st.lists(st.text()))
def test_a_term_set_has_its_terms_and_no_others(terms: set[str], others: list[str]) -> None:
    made = TermSet.of(UUID(int=1), "name", [*terms, *terms])
    assert made.size == len(terms)
    assert all(term in made for term in terms)
    assert [text in made for text in others] == [text in terms for text in others]
    assert None not in made


async def test_whoever_has_one_of_the_terms_is_in(reading: World) -> None:
    world = reading
    phones = world.term_sets.make("mobileNumber", "+821012345678", "+821011112222")
    names = world.term_sets.make("name", "김하늘", "strasse")
    kim, lee, park = new_id(), new_id(), new_id()
    await world.tell(world.contact(kim, 1, NOON - 10, mobile_number="+821012345678", name="김하늘"))
    by_phone = await world.make(among(phones))
    by_name = await world.make(among(names, key="name"))
    others = await world.make(among(phones, operator="notIn"))
    await world.tell(
        world.contact(lee, 1, NOON + 1, mobile_number="+821011112222", name="STRASSE"),
        world.contact(park, 1, NOON + 1, mobile_number="+821099999999"),
        world.contact(kim, 2, NOON + 2, mobile_number="+821000000000", name="김하늘"),
    )
    assert await world.members(by_phone) == {lee}
    assert await world.members(by_name) == {kim, lee}
    assert await world.members(others) == {park, kim}
    for segment in (by_phone, by_name, others):
        await world.check(segment)


async def test_what_segments_name_is_kept_in_use_a_broken_ones_too(world: World) -> None:
    used: list[tuple[str, UUID]] = []

    async def use(channel: str, term_set: UUID) -> bool:
        used.append((channel, term_set))
        return True

    phones, names, _ = [world.term_sets.make(key, "a") for key in ("mobileNumber", "name", "name")]
    await world.make({"and": [among(phones), among(names, key="name")]})
    broken = await world.make(among(phones))
    async with world.database.connection() as connection:
        await connection.execute("update segment set status = 'broken' where id = $1", broken)
    await TermSetUse(world.database, use).use()
    assert used == [(CHANNEL, term_set) for term_set in sorted([phones, names])]


async def test_a_segment_that_names_another_is_judged_by_that_ones_terms(world: World) -> None:
    phones = world.term_sets.make("mobileNumber", "+821012345678")
    inner = await world.make(among(phones))
    outer = await world.make({"not": {"key": "segment", "operator": "in", "values": [str(inner)]}})
    kim, lee = new_id(), new_id()
    started = Judge(world.database, world.clock, new_id)
    await started.positions([(CONTACTS, 0)])
    phoned = world.contact(kim, 1, NOON + 1, mobile_number="+821012345678")
    await world.tell(phoned, world.contact(lee, 1, NOON + 1), judge=started)
    assert (await world.members(inner), await world.members(outer)) == ({kim}, {lee})


async def test_a_term_set_is_asked_for_once_and_dropped_with_the_last_segment_that_names_it(world: World) -> None:
    phones = world.term_sets.make("mobileNumber", "+821012345678")
    first, second = await world.make(among(phones)), await world.make(among(phones))
    assert world.term_sets.asked == [phones]
    await world.commands.delete(KIM, first)
    assert await kept(world) == {str(phones)}
    names = world.term_sets.make("name", "김하늘")
    await world.commands.change(KIM, second, None, among(names, key="name"))
    assert await kept(world) == {str(names)}
    await world.commands.delete(KIM, second)
    assert await kept(world) == set()


async def test_a_refused_segment_leaves_nothing(world: World) -> None:
    phones = world.term_sets.make("mobileNumber", "+821012345678")
    many = [world.term_sets.make("name", str(n)) for n in range(5)]
    refused = [
        (among(new_id()), "unknownTermSet", "/filter/and/0/termSet"),
        (among(phones, key="name"), "unknownTermSet", "/filter/and/0/termSet"),
        (among(phones, operator="contains"), "invalidFilter", "/filter/and/0/termSet"),
        (among(*many, key="name"), "tooManyTermSets", "/filter"),
    ]
    for raw, code, pointer in refused:
        with pytest.raises(FilterRefused) as refusal:
            await world.commands.make(KIM, "s", raw)
        assert (refusal.value.code, refusal.value.pointer) == (code, pointer)
    assert await kept(world) == set()


async def test_a_filter_with_too_many_term_sets_by_its_segments_is_refused(world: World) -> None:
    made = [world.term_sets.make("name", str(n)) for n in range(5)]
    inner = await world.make(among(*made[:3], key="name"))
    raw = {"and": [*among(*made[3:], key="name")["and"], {"key": "segment", "operator": "in", "values": [str(inner)]}]}  # type: ignore[misc]
    with pytest.raises(FilterRefused) as refusal:
        await world.commands.make(KIM, "s", raw)
    assert refusal.value.code == "tooManyTermSets"
