"""Writes that would make too much of a contact, against the real PostgreSQL: each way in refuses them before anything is kept."""

from typing import Any

import pytest

from common.answers import contact_shown
from common.envelope import SAFE_BYTES
from common.errors import Unprocessable
from contacts.size import MOST_CONTACT, size
from tests.contacts.conftest import NOW, World

LARGEST = "select max(length(value)) from outbox"
KEPT = "select count(*) from outbox"
TEXT = "가" * 10_000
MANY = 8  # full texts that a contact holds; one more is too much


def texts(*numbers: int) -> dict[str, Any]:
    return {f"k{n}": TEXT for n in numbers}


async def refused(world: World, write: Any) -> str:
    """The refusal's pointer, once it is certain that nothing was written."""
    before = await world.count(KEPT)
    with pytest.raises(Unprocessable) as refusal:
        await write
    assert refusal.value.code == "tooLarge"
    assert await world.count(KEPT) == before
    return str(refusal.value.pointer)


async def test_a_contact_grows_to_the_limit_and_no_further_by_any_way_in(world: World) -> None:
    made = await world.put("u1", profile=texts(*range(MANY)))
    more: dict[str, Any] = {"profile": texts(MANY)}
    assert await refused(world, world.put("u1", **more)) == ""
    assert await refused(world, world.contacts.change(world.caller(), made.id, more, None)) == ""
    assert await refused(world, world.contacts.change(world.caller(), made.id, more, 99)) == ""
    assert await refused(world, world.put("u2", profile=texts(*range(MANY + 1)))) == ""
    assert await refused(world, world.contacts.create_lead(world.caller(), {"profile": texts(*range(MANY + 1))})) == ""
    assert f"profile.k{MANY}" not in [d.key for d in await world.field_queries.fields(world.channel)]
    kept = await world.queries.contact(world.channel, made.id)
    assert (kept.version, size(kept) <= MOST_CONTACT) == (1, True)
    changed = await world.put("u1", profile={**texts(MANY), "k0": None})
    assert (changed.version, len(changed.profile)) == (2, MANY)
    rewritten = await world.put("u1", profile={f"k{n}": "나" * 10_000 for n in range(1, MANY + 1)})
    assert rewritten.version == 3
    assert await world.count(LARGEST) < SAFE_BYTES


async def test_a_row_that_is_too_large_is_refused_and_the_others_go_on(world: World) -> None:
    rows = [
        {"memberId": "u1", "profile": texts(*range(MANY))},
        {"memberId": "u1", "profile": texts(MANY)},
        {"memberId": "u1", "name": "a"},
        {"memberId": "u2", "profile": texts(*range(100, 109))},
    ]
    results, _ = await world.contacts.batch(world.caller(), rows)
    told = [(r.problem.code, r.problem.pointer) if r.problem else r.contact and r.contact.version for r in results]
    assert told == [1, ("tooLarge", "/contacts/1"), 2, ("tooLarge", "/contacts/3")]
    assert await world.count("select count(*) from profile_field where key = 'profile.k100'") == 0


async def test_rows_of_a_file_that_are_too_large_are_refused_and_the_others_go_on(world: World) -> None:
    large, small = {"profile": texts(*range(MANY + 1))}, {"name": "a"}
    members, _ = await world.contacts.upsert_many(world.caller(), [(7, "u1", large), (8, "u2", small)], "import")
    assert [(r.index, r.problem and r.problem.code) for r in members] == [(7, "tooLarge"), (8, None)]
    ids = [(await world.contacts.create_lead(world.caller(), {})).contact.id for _ in range(2)]
    fresh = [(n, type(i)(int=i.int + 1), body) for n, (i, body) in enumerate(zip(ids, (large, small), strict=True), 7)]
    leads, _ = await world.contacts.create_leads(world.caller(), fresh, "import")
    assert sorted((r.index, r.problem and r.problem.code) for r in leads) == [(7, "tooLarge"), (8, None)]


async def test_a_lead_that_is_too_much_for_the_member_is_not_merged_until_there_is_room(world: World) -> None:
    await world.put("u1", profile=texts(0, 1, 2, 3, 4))
    lead = (await world.contacts.create_lead(world.caller(), {"profile": texts(5, 6, 7, 8)})).contact
    before = contact_shown(await world.queries.contact(world.channel, lead.id))
    assert await refused(world, world.put("u1", leadId=str(lead.id))) == "/leadId"
    rows = [{"memberId": "u1", "leadId": str(lead.id)}]
    results, _ = await world.contacts.batch(world.caller(), rows)
    assert [r.problem and (r.problem.code, r.problem.pointer) for r in results] == [("tooLarge", "/contacts/0/leadId")]
    assert contact_shown(await world.queries.contact(world.channel, lead.id)) == before
    await world.contacts.change(world.caller(), lead.id, {"profile": {"k8": None}}, None)
    merged = await world.put("u1", leadId=str(lead.id))
    assert sorted(merged.profile) == [f"k{n}" for n in range(8)]
    assert (await world.queries.contact(world.channel, lead.id)).id == merged.id
    assert await world.count(LARGEST) < SAFE_BYTES


async def test_a_visit_that_is_too_large_is_rejected_and_the_others_are_taken(world: World) -> None:
    large = {f"p{n}": TEXT for n in range(18)}
    taken = await world.visits.record(
        world.caller(),
        [
            {"id": "a", "memberId": "u1", "properties": large},
            {"id": "b", "memberId": "u2", "at": NOW.isoformat(), "properties": dict(list(large.items())[:17])},
        ],
    )
    assert (taken.accepted, [(n, problem.code) for n, problem in taken.rejected]) == (1, [(0, "tooLarge")])
    assert await world.count(LARGEST) < SAFE_BYTES
