"""Requests of many rows about large contacts: no transaction holds them all, and what comes of them is the same."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from common.errors import Problem, Unavailable, Unprocessable
from common.events.contacts import Contact
from common.eventstore import ConcurrentChange
from common.ids import new_id
from common.position import Position
from contacts.handlers import Contacts
from contacts.parts import in_parts
from contacts.portion import MOST_BYTES, fitting
from contacts.visits.handlers import Visits
from tests.contacts.conftest import World

BOUND = 100_000
LARGE = {"memo": "가" * 7_000}
"""21 KB: four of them are below the bound."""
ONE = 60_000
"""More than the messages of any single row here have."""
KIB = 1024


@given(st.lists(st.integers(0, 50_000), min_size=1), st.integers(1, 200_000))
def test_of_rows_the_first_go_in_until_the_bound_is_reached(stored: list[int], most: int) -> None:
    fit = fitting(stored, most)
    assert 1 <= fit <= len(stored)
    assert fit == 1 or sum(stored[: fit - 1]) < most
    assert fit == len(stored) or sum(each + 2048 for each in stored[:fit]) >= most


def test_of_no_rows_none_goes_in() -> None:
    assert fitting([]) == 0


def contacts(world: World, bound: int = BOUND) -> Contacts:
    return Contacts(world.database, world.clock, new_id, most_bytes=bound)


def visits(world: World, bound: int = BOUND) -> Visits:
    return Visits(world.database, world.clock, new_id, most_bytes=bound)


def visit(number: int, member: str = "large", **more: object) -> dict[str, object]:
    return {"id": f"v{number}", "memberId": member, "at": f"2026-11-{1 + number % 20:02}T00:00:00Z", **more}


async def check_bounded(world: World, transactions: int) -> None:
    written = await world.written()
    assert len(written) >= transactions
    assert max(written) < BOUND + ONE
    assert all(size > BOUND / 2 for size in written[:-1]), "and none is smaller than it need be"


def comparable(contact: Contact) -> dict[str, Any]:
    return {name: value for name, value in asdict(contact).items() if name not in {"id", "member_id"}}


@pytest.mark.parametrize(("part", "problem"), [(1, ConcurrentChange), (2, Unavailable), (3, Unavailable)])
async def test_a_part_for_which_others_were_always_faster_is_a_conflict_only_where_nothing_is_written(
    world: World, part: int, problem: type[Problem]
) -> None:
    written: list[int] = []

    async def write(rows: Sequence[int]) -> tuple[int, int]:
        if len(written) + 1 == part:
            raise ConcurrentChange
        written.append(rows[0])
        return 2, 0

    with pytest.raises(problem) as refused:
        await in_parts(world.database, range(8), write, lambda row: (f"/{row}", row))
    assert len(written) == part - 1
    assert refused.value.extra == ({} if part == 1 else {"written": 2 * (part - 1)})


async def test_visits_of_a_large_contact_are_taken_in_by_several_transactions(world: World) -> None:
    for member in ("large", "alike"):
        await world.put(member, profile=LARGE)
    await world.written()
    rows = [visit(n, "nobody" if n % 7 == 3 else "large", **({"at": "soon"} if n == 20 else {})) for n in range(30)]
    rows += [visit(2), {"id": "x", "contactId": str(new_id())}]
    taken = await visits(world).record(world.caller(), rows)
    assert (taken.accepted, taken.duplicates, [n for n, _ in taken.rejected]) == (29, 1, [20, 31])
    await check_bounded(world, 5)
    alike = [row | {"id": f"a{row['id']}", "memberId": "alike"} for row in rows if row.get("memberId") == "large"]
    await visits(world, MOST_BYTES).record(world.caller(), alike)
    assert len(await world.written()) == 1
    one, other = [await world.queries.member(world.channel, member) for member in ("large", "alike")]
    assert comparable(one) == comparable(other)
    assert one.sessions_count == 18
    again = await visits(world).record(world.caller(), rows)
    assert (again.accepted, again.duplicates) == (0, 30)
    assert await world.written() == []
    newest = {(e.id, e.version) for e in taken.position.entries}
    assert (str(one.id), one.version) in newest
    assert newest <= {(e.id, e.version) for e in again.position.entries}


async def test_by_the_bound_that_holds_visits_of_the_largest_contact_are_cut(world: World) -> None:
    await world.put("large", profile={f"k{n}": "가" * 10_000 for n in range(8)})
    await world.written()
    taken = await world.visits.record(world.caller(), [visit(n) for n in range(150)])
    assert taken.accepted == 150
    written = await world.written()
    assert (len(written), max(written) < MOST_BYTES + 400 * KIB, sum(written) > 30 * KIB * KIB) == (2, True, True)


async def test_ordinary_contacts_are_one_transaction(world: World) -> None:
    await world.written()
    rows = [{"memberId": f"u{n}", "name": "홍길동", "profile": {"memo": "가" * 600}} for n in range(1000)]
    await world.contacts.batch(world.caller(), rows)
    assert len(await world.written()) == 1
    taken = await world.visits.record(world.caller(), [visit(n, f"u{n}") for n in range(1000)])
    assert taken.accepted == 1000
    assert len(await world.written()) == 1


ROWS: list[dict[str, Any]] = [
    *({"memberId": f"u{n % 4}", "profile": {"memo": f"{n}" + "나" * 7_000}} for n in range(12)),
    {"memberId": "u1", "email": "none"},
    {"memberId": "u9", "name": "a", "profile": {"fresh": 1}},
    {"memberId": " "},
    {"memberId": "u9", "profile": {"fresh": "text"}},
    *({"memberId": "grows", "profile": {f"k{n}": "다" * 2_000}} for n in range(12)),
]


async def results(world: World, rows: Sequence[object], bound: int) -> tuple[list[tuple[Any, ...]], Position]:
    found, where = await contacts(world, bound).batch(world.caller(), rows)
    told = [(r.index, r.problem and r.problem.code, r.created, r.changed, r.contact and r.contact.version) for r in found]
    return told, where


async def test_a_batch_in_parts_comes_to_what_it_comes_to_at_once(world: World) -> None:
    prefixed = [row | {"memberId": f"x{row['memberId']}"} if row["memberId"] != " " else row for row in ROWS]
    await world.written()
    at_once, _ = await results(world, prefixed, MOST_BYTES)
    assert len(await world.written()) == 1
    in_parts, where = await results(world, ROWS, BOUND)
    assert in_parts == at_once
    assert [index for index, *_ in in_parts] == list(range(len(ROWS)))
    await check_bounded(world, 5)
    for member in ("u0", "u1", "u9", "grows"):
        one, other = [await world.queries.member(world.channel, name) for name in (member, f"x{member}")]
        assert comparable(one) == comparable(other)
        assert one.version <= max(e.version for e in where.entries)
    repeated, _ = await results(world, ROWS[:4], BOUND)
    assert [row[2:4] for row in repeated] == [(False, True)] * 4  # other values came after them


async def test_leads_that_are_large_are_merged_by_several_transactions(world: World) -> None:
    leads = [(await world.contacts.create_lead(world.caller(), {"profile": LARGE})).contact.id for _ in range(12)]
    await world.written()
    rows = [{"memberId": f"u{n}", "leadId": str(lead)} for n, lead in enumerate(leads)]
    found, _ = await results(world, rows, BOUND)
    assert [row[1] for row in found] == [None] * 12
    await check_bounded(world, 3)
    assert [(await world.queries.member(world.channel, f"u{n}")).id for n in range(12)] == leads


class Broken(Exception):
    """Ends a request in its middle."""


async def test_what_was_broken_off_in_the_middle_is_repeated_and_nothing_is_lost_or_done_twice(world: World) -> None:
    await world.put("large", profile=LARGE)
    ids = iter([new_id() for _ in range(3)])

    def few() -> UUID:
        try:
            return next(ids)
        except StopIteration:
            raise Broken from None

    rows = [visit(n, f"m{n}" if n % 4 == 0 else "large") for n in range(24)]
    with pytest.raises(Broken):
        await Visits(world.database, world.clock, few, most_bytes=BOUND).record(world.caller(), rows)
    kept = await world.count("select count(*) from visit")
    assert 0 < kept < len(rows)
    taken = await visits(world).record(world.caller(), rows)
    assert (taken.accepted, taken.duplicates) == (len(rows) - kept, kept)
    assert (await world.queries.member(world.channel, "large")).version == 1 + 18
    assert await world.count("select count(*) from contact") == 1 + 6
    batch = [{"memberId": f"b{n}", "profile": LARGE} for n in range(12)]
    ids = iter([new_id() for _ in range(3)])
    with pytest.raises(Broken):
        await Contacts(world.database, world.clock, few, most_bytes=BOUND).batch(world.caller(), batch)
    await results(world, batch, BOUND)
    assert [(await world.queries.member(world.channel, f"b{n}")).version for n in range(12)] == [1] * 12


async def test_what_has_to_be_one_transaction_is_refused_beyond_the_bound_and_goes_in_parts(world: World) -> None:
    await world.put("large", profile=LARGE)
    rows = [visit(n) for n in range(12)]
    with pytest.raises(Unprocessable) as refusal:
        async with world.database.whole():
            await visits(world).record(world.caller(), rows)
    problem = refusal.value
    assert (problem.code, problem.pointer, problem.extra) == ("tooMuchAtOnce", "/visits/5", {"most": MOST_BYTES, "fit": 5})
    assert await world.count("select count(*) from visit") == 0
    for start in range(0, 12, 5):
        async with world.database.whole():
            await visits(world).record(world.caller(), rows[start : start + 5])
    assert (await world.queries.member(world.channel, "large")).version == 13
    with pytest.raises(Unprocessable) as refusal:
        async with world.database.whole():
            await contacts(world).batch(world.caller(), ROWS)
    assert refusal.value.pointer == f"/contacts/{(refusal.value.extra or {})['fit']}"
    assert await world.count("select count(*) from contact") == 1


async def test_a_state_that_was_written_before_its_bytes_were_counted_is_counted_when_it_is_asked_for(world: World) -> None:
    await world.put("large", profile=LARGE)
    async with world.database.transaction() as tx:
        await tx.execute("update contact set doc_bytes = null")
        await tx.execute("delete from outbox")
    await visits(world).record(world.caller(), [visit(n) for n in range(12)])
    await check_bounded(world, 3)
    assert await world.count("select doc_bytes from contact") > 21_000
