"""Leads that turn out to be members, against the real PostgreSQL: both streams, visits and sessions in one transaction."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import eventstore
from common.clock import from_wire, to_wire
from common.errors import Conflict, NotFound, StaleVersion, Unprocessable
from common.events.contacts import Contact, ContactCreated, ContactEvent
from common.ids import new_id
from common.recorded import Recorded
from contacts.contact import created, evolve
from contacts.sessions import session
from contacts.sessions.session import Session
from tests.contacts.conftest import NOW, World


async def a_lead(world: World, **body: Any) -> Contact:
    return (await world.contacts.create_lead(world.caller(), body)).contact


async def visit(world: World, at: datetime, *, name: str = "visit", **whose: str) -> None:
    kind = ("", "web", "mobile")[at.minute % 3]
    device = {"device": {"kind": kind, "os": f"{at.minute}"}} if kind else {}
    await world.visits.record(world.caller(), [{"id": str(new_id()), "name": name, "at": to_wire(at), **whose, **device}])


async def folded(world: World, contact_id: UUID) -> Contact:
    """The contact that its events alone make."""
    async with world.database.connection() as connection:
        events = await eventstore.read(connection, world.channel, contact_id)
    state: Contact | None = None
    for row in events:
        event = msgspec.convert(row.data, ContactEvent)
        if state is None:
            assert isinstance(event, ContactCreated)
            member_id = await _member_id(world, contact_id) if _was_made_a_member(events) else None
            state = created(contact_id, member_id, event, row.at)
        else:
            state = evolve(state, event, row.at)
    assert state is not None
    assert [e.version for e in events] == list(range(1, state.version + 1))
    return state


def _was_made_a_member(events: Sequence[Recorded]) -> bool:
    return not any(e.type in {"contact.identified", "contact.absorbed"} for e in events)


async def _member_id(world: World, contact_id: UUID) -> str | None:
    async with world.database.connection() as connection:
        found: str | None = await connection.fetchval("select member_id from contact where id = $1", contact_id)
    return found


async def states(world: World) -> dict[UUID, Contact]:
    async with world.database.connection() as connection:
        rows = await connection.fetch("select id, doc, member_id, merged_into from contact where channel = $1", world.channel)
    found = {r["id"]: Contact.of(r["doc"]) for r in rows}
    assert all((r["member_id"], r["merged_into"]) == (c.member_id, c.merged_into) for r in rows for c in [found[r["id"]]])
    return found


async def recounted(world: World, contact_id: UUID, kind: str = "") -> list[Session]:
    """The sessions that the contact's visits alone make, all of them or those on one kind of device."""
    async with world.database.connection() as connection:
        rows = await connection.fetch(
            "select at from visit where contact_id = $1 and name = 'visit' and $2 in ('', body->'device'->>'kind')",
            contact_id,
            kind,
        )
    return session.unite([Session(r["at"], r["at"]) for r in rows], timedelta(minutes=30))


async def kept_sessions(world: World, contact_id: UUID, kind: str = "") -> list[Session]:
    async with world.database.connection() as connection:
        rows = await connection.fetch(
            "select started_at, ended_at from session where contact_id = $1 and kind = $2 order by started_at", contact_id, kind
        )
    return [Session(r["started_at"], r["ended_at"]) for r in rows]


async def check_consistent(world: World) -> None:
    """State is the fold of events, sessions are the recount of visits, for every contact of the channel."""
    for contact in (await states(world)).values():
        assert await folded(world, contact.id) == contact
        sessions = await recounted(world, contact.id)
        assert await kept_sessions(world, contact.id) == sessions
        assert contact.sessions_count == len(sessions)
        if sessions:
            assert (contact.first_seen_at, contact.last_seen_at) == (
                to_wire(sessions[0].started_at),
                to_wire(sessions[-1].ended_at),
            )
        for kind, facts in (("web", contact.web), ("mobile", contact.mobile)):
            sessions = await recounted(world, contact.id, kind)
            assert await kept_sessions(world, contact.id, kind) == sessions
            assert (facts.sessions_count if facts else 0) == len(sessions)
            if facts is not None and sessions:
                assert facts.last_seen_at == facts.seen_at == to_wire(sessions[-1].ended_at)
                assert facts.os == f"{from_wire(facts.seen_at).minute}"


async def test_a_lead_becomes_the_member_under_its_own_id(world: World) -> None:
    lead = await a_lead(world, name="홍길동")
    written = await world.contacts.upsert(world.caller(), "m", {"leadId": str(lead.id), "city": "서울"}, None)
    assert not written.created
    assert (written.contact.id, written.contact.member_id, written.contact.member) == (lead.id, "m", True)
    assert (written.contact.name, written.contact.city, written.contact.version) == ("홍길동", "서울", 3)
    assert await world.queries.member(world.channel, "m") == written.contact
    assert await world.put("m") == written.contact
    await check_consistent(world)


async def test_a_lead_merges_into_the_member_that_is_there(world: World) -> None:
    lead = await a_lead(world, name="길동", email="lead@example.com", tags=["b"])
    await visit(world, NOW - timedelta(minutes=50), contactId=str(lead.id))
    await visit(world, NOW - timedelta(days=3), contactId=str(lead.id))
    member = await world.put("m", name="홍길동", tags=["a"])
    await visit(world, NOW - timedelta(minutes=25), memberId="m")
    written = await world.contacts.upsert(world.caller(), "m", {"leadId": str(lead.id), "city": "서울"}, None)
    now = written.contact
    assert (now.id, now.name, now.email, now.tags, now.city) == (member.id, "홍길동", "lead@example.com", ["a", "b"], "서울")
    assert (now.sessions_count, now.first_seen_at) == (2, to_wire(NOW - timedelta(days=3)))
    assert {e.id for e in written.position.entries} <= {str(lead.id), str(member.id)}
    assert await world.queries.contact(world.channel, lead.id) == now
    assert len((await world.queries.visits(world.channel, member.id, 10, None)).items) == 3
    await check_consistent(world)


async def test_visits_of_the_merged_lead_are_the_members_and_say_so(world: World) -> None:
    lead = await a_lead(world)
    await visit(world, NOW, contactId=str(lead.id), name="purchase")
    member = await world.put("m")
    await world.contacts.upsert(world.caller(), "m", {"leadId": str(lead.id)}, None)
    await visit(world, NOW, contactId=str(lead.id))
    items = (await world.queries.visits(world.channel, member.id, 10, None)).items
    assert [(i["name"], i["contactId"]) for i in items] in (
        [("visit", str(member.id)), ("purchase", str(member.id))],
        [("purchase", str(member.id)), ("visit", str(member.id))],
    )
    await check_consistent(world)


async def test_the_same_lead_again_changes_nothing_more(world: World) -> None:
    lead = await a_lead(world, name="홍길동")
    await world.put("m")
    first = await world.contacts.upsert(world.caller(), "m", {"leadId": str(lead.id)}, None)
    again = await world.contacts.upsert(world.caller(), "m", {"leadId": str(lead.id)}, None)
    assert again.contact == first.contact
    became = await a_lead(world)
    one = await world.contacts.upsert(world.caller(), "n", {"leadId": str(became.id)}, None)
    assert (await world.contacts.upsert(world.caller(), "n", {"leadId": str(became.id)}, None)).contact == one.contact


@pytest.mark.parametrize("there", [True, False])
async def test_a_lead_that_is_somebody_else_is_refused_and_nothing_is_written(world: World, there: bool) -> None:
    merged, became = await a_lead(world), await a_lead(world)
    await world.put("m")
    await world.contacts.upsert(world.caller(), "m", {"leadId": str(merged.id)}, None)
    await world.contacts.upsert(world.caller(), "n", {"leadId": str(became.id)}, None)
    if there:
        await world.put("other", name="그대로")
    before = await states(world)
    for lead, code in ((merged, "mergedElsewhere"), (became, "leadIsMember")):
        with pytest.raises(Conflict) as refused:
            await world.contacts.upsert(world.caller(), "other", {"leadId": str(lead.id), "name": "새"}, None)
        assert (refused.value.code, refused.value.pointer) == (code, "/leadId")
    with pytest.raises(Unprocessable) as unknown:
        await world.contacts.upsert(world.caller(), "other", {"leadId": str(new_id()), "name": "새"}, None)
    assert (unknown.value.code, unknown.value.pointer) == ("unknownLead", "/leadId")
    assert await states(world) == before


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    ("wrong", "code", "pointer"),
    [
        ({"profile": {"size": "large"}}, "wrongType", "/profile/size"),
        ({"profileOnce": {"1x": 1}}, "invalidKey", "/profileOnce/1x"),
        ({"email": "a..b@example.com"}, "invalidEmail", "/email"),
        ({"tags": [str(n) for n in range(20)], "addTags": ["x"]}, "tooManyTags", "/addTags"),
    ],
)
async def test_what_can_never_be_written_says_so_before_the_lead_that_is_somebody_else(
    world: World, wrong: dict[str, Any], code: str, pointer: str, there: bool
) -> None:
    lead = await a_lead(world)
    await world.put("m", leadId=str(lead.id), profile={"size": 1})
    if there:
        await world.put("other")
    before, body = await states(world), {"leadId": str(lead.id)}
    with pytest.raises(Unprocessable) as refused:
        await world.contacts.upsert(world.caller(), "other", body | wrong, None)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)
    rows = [{"memberId": "other", **body, **wrong}, {"memberId": "other", **body}]
    results, _ = await world.contacts.batch(world.caller(), rows)
    assert [(r.problem.code, r.problem.pointer) for r in results if r.problem is not None] == [
        (code, f"/contacts/0{pointer}"),
        ("leadIsMember", "/contacts/1/leadId"),
    ]
    assert await states(world) == before


async def test_a_write_that_is_refused_after_the_merge_takes_the_merge_back(world: World) -> None:
    lead = await a_lead(world, tags=[f"l{n}" for n in range(10)])
    await world.put("m", tags=[f"m{n}" for n in range(10)])
    before = await states(world)
    with pytest.raises(Unprocessable):
        await world.contacts.upsert(world.caller(), "m", {"leadId": str(lead.id), "addTags": ["one more"]}, None)
    with pytest.raises(StaleVersion):
        await world.contacts.upsert(world.caller(), "m", {"leadId": str(lead.id)}, 7)
    assert await states(world) == before
    await check_consistent(world)


async def test_a_batch_takes_leads_in_row_by_row(world: World) -> None:
    first, second = await a_lead(world, name="하나"), await a_lead(world, city="둘")
    rows = [
        {"memberId": "m", "leadId": str(first.id)},
        {"memberId": "m", "leadId": str(second.id), "email": "m@example.com"},
        {"memberId": "n", "leadId": str(first.id)},
        {"memberId": "o", "leadId": str(new_id())},
    ]
    results, _ = await world.contacts.batch(world.caller(), rows)
    assert [r.problem.code if r.problem else None for r in results] == [None, None, "leadIsMember", "unknownLead"]
    now = await world.queries.member(world.channel, "m")
    assert (now.id, now.name, now.city, now.email) == (first.id, "하나", "둘", "m@example.com")
    assert len(await states(world)) == 2
    with pytest.raises(NotFound):
        await world.queries.member(world.channel, "n")
    await check_consistent(world)


async def test_a_change_by_the_merged_id_is_the_survivors(world: World) -> None:
    lead = await a_lead(world)
    member = await world.put("m")
    await world.contacts.upsert(world.caller(), "m", {"leadId": str(lead.id)}, None)
    changed = await world.contacts.change(world.caller(), lead.id, {"city": "서울"}, None)
    assert (changed.contact.id, changed.contact.city) == (member.id, "서울")


async def test_ids_resolve_to_their_survivors(world: World) -> None:
    lead, other = await a_lead(world), await a_lead(world)
    member = await world.put("m")
    await world.contacts.upsert(world.caller(), "m", {"leadId": str(lead.id)}, None)
    found = await world.queries.survivors(world.channel, [lead.id, other.id, member.id, new_id()])
    assert {i: c.id for i, c in found.items()} == {lead.id: member.id, other.id: other.id, member.id: member.id}


@pytest.mark.parametrize("there", [True, False])
async def test_identifies_at_one_time_end_in_one_contact(world: World, there: bool) -> None:
    lead = await a_lead(world, name="홍길동")
    await visit(world, NOW, contactId=str(lead.id))
    if there:
        await world.put("m")
    bodies = [{"leadId": str(lead.id)}, {"leadId": str(lead.id)}, {"city": "서울"}, {"leadId": str(lead.id), "tags": ["a"]}]
    await asyncio.gather(*(world.contacts.upsert(world.caller(), "m", body, None) for body in bodies))
    there_now = [c for c in (await states(world)).values() if c.merged_into is None]
    assert [(c.member_id, c.name, c.city, c.tags, c.sessions_count) for c in there_now] == [("m", "홍길동", "서울", ["a"], 1)]
    await check_consistent(world)


async def test_one_lead_named_by_two_members_at_one_time_is_one_of_them(world: World) -> None:
    lead = await a_lead(world)
    outcomes = await asyncio.gather(
        *(world.contacts.upsert(world.caller(), m, {"leadId": str(lead.id)}, None) for m in ("m", "n")), return_exceptions=True
    )
    assert sorted(type(o).__name__ for o in outcomes) == ["Conflict", "Written"]
    assert [c.id for c in (await states(world)).values()] == [lead.id]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("lead"), st.integers(0, 2), st.sampled_from(["가", "나"])),
        st.tuples(st.just("identify"), st.integers(0, 2), st.sampled_from(["m", "n"])),
        st.tuples(st.just("visit"), st.integers(0, 2), st.integers(-120, 0)),
        st.tuples(st.just("member visit"), st.sampled_from(["m", "n"]), st.integers(-120, 0)),
        st.tuples(st.just("patch"), st.integers(0, 2), st.sampled_from(["서울", "부산"])),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(commands=steps, together=st.integers(1, 5))
async def test_whatever_is_done_at_once_and_in_whatever_order_all_ends_consistent(
    world: World, commands: list[tuple[str, Any, Any]], together: int
) -> None:
    run = str(new_id())
    leads = [await a_lead(world, tags=[str(n)]) for n in range(3)]

    async def do(what: str, who: Any, value: Any) -> None:
        match what:
            case "lead":
                await world.contacts.change(world.caller(), leads[who].id, {"name": value}, None)
            case "identify":
                await world.contacts.upsert(world.caller(), f"{value}{run}", {"leadId": str(leads[who].id)}, None)
            case "visit":
                await visit(world, NOW + timedelta(minutes=value), contactId=str(leads[who].id))
            case "member visit":
                await visit(world, NOW + timedelta(minutes=value), memberId=f"{who}{run}")
            case _:
                await world.contacts.change(world.caller(), leads[who].id, {"city": value}, None)

    for begin in range(0, len(commands), together):
        at_once = (do(*command) for command in commands[begin : begin + together])
        for outcome in await asyncio.gather(*at_once, return_exceptions=True):
            assert outcome is None or (isinstance(outcome, Conflict) and outcome.code in {"mergedElsewhere", "leadIsMember"})
    await check_consistent(world)


async def test_whom_a_merged_lead_stands_for_may_have_been_erased_between_two_reads(world: World) -> None:
    lead = (await world.contacts.create_lead(world.caller(), {"name": "a"})).contact
    member = await world.put("m", name="b")
    await world.put("m", leadId=str(lead.id))
    assert (await world.queries.survivors(world.channel, [lead.id]))[lead.id].id == member.id
    async with world.database.transaction() as tx:  # as a read finds it that had seen the lead before
        await tx.execute("delete from contact where channel = $1 and id = $2", world.channel, member.id)
    assert await world.queries.survivors(world.channel, [lead.id, member.id]) == {}
