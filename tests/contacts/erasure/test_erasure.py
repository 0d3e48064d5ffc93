"""Erasing a contact, against the real PostgreSQL: nothing of it is in any row afterwards, and whoever writes meets a new one."""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import Response

from common import idempotency
from common.auth import Caller
from common.clock import to_wire
from common.envelope import Message, MessageTooLarge
from common.errors import Gone, NotFound, StaleVersion, Unavailable, Unprocessable
from common.eventstore import ConcurrentChange
from common.health import Health
from common.ids import new_id
from common.relay import Relay
from common.topics import CONTACTS, ERASURES, VISITS
from contacts import store
from contacts.channel.handlers import NewLimit
from contacts.erasure.erasure import IMPORTS, READERS, Erased, Erasure, receipt
from contacts.erasure.handlers import Erasures
from contacts.managed_users.limit import Users
from tests.contacts.conftest import NOW, World
from tests.support.traces import rows_that_hold

SECRETS = ("지울이름", "gone@example.com", "gone-member", "지울주소", "보라색")


class Peers:
    """Readers that answer what they were told to."""

    def __init__(self, done: frozenset[str] = frozenset(), away: frozenset[str] = frozenset()) -> None:
        self.done, self.away = done, away

    async def hold_nothing(self, reader: str, channel: str, ended: tuple[Erased, ...]) -> bool:
        if reader in self.away:
            raise Unavailable("away")
        return reader in self.done


def erasures(world: World, peers: Peers | None = None) -> Erasures:
    return Erasures(world.database, peers or Peers(), world.files, world.clock, new_id)


async def a_person(world: World) -> tuple[UUID, UUID]:
    """A member with a lead that merged into it, visits and fields; both ids."""
    lead = (await world.contacts.create_lead(world.caller(), {"name": "지울이름", "email": "gone@example.com"})).contact
    await visit(world, contactId=str(lead.id))
    member = await world.put("gone-member", city="지울주소", profile={"favourite": "보라색"})
    await world.put("gone-member", leadId=str(lead.id))
    await visit(world, memberId="gone-member")
    return member.id, lead.id


async def visit(world: World, **whose: str) -> int:
    row = {"id": str(new_id()), "at": to_wire(NOW), "url": "https://shop.example/gone-member", "properties": {"색": "보라색"}}
    return (await world.visits.record(world.caller(), [row | whose])).accepted


@pytest.fixture
async def person(world: World) -> tuple[UUID, UUID]:
    return await a_person(world)


async def test_nothing_of_an_erased_contact_is_in_any_row_of_any_table(world: World, person: tuple[UUID, UUID]) -> None:
    other = await world.put("stays", name="남는이름")
    before = await rows_that_hold(world.database, SECRETS)
    assert {"contact", "event", "visit", "outbox"} <= before.keys()
    await erasures(world).erase(world.caller(), person[0], None)
    assert await rows_that_hold(world.database, SECRETS) == {}
    assert (await world.queries.contact(world.channel, other.id)).name == "남는이름"


@pytest.mark.parametrize("which", [0, 1])
async def test_either_id_erases_both_and_both_are_gone_for_good(world: World, person: tuple[UUID, UUID], which: int) -> None:
    await erasures(world).erase(world.caller(), person[which], None)
    for contact_id in person:
        with pytest.raises(Gone) as gone:
            await world.queries.contact(world.channel, contact_id)
        assert gone.value.code == "erased"
        with pytest.raises(Gone):
            await erasures(world).erase(world.caller(), contact_id, None)
        with pytest.raises(Gone):
            await world.contacts.change(world.caller(), contact_id, {"city": "서울"}, None)
        assert await visit(world, contactId=str(contact_id)) == 0
    with pytest.raises(NotFound):
        await world.queries.member(world.channel, "gone-member")
    assert await world.queries.survivors(world.channel, person) == {}


async def test_who_comes_back_under_the_member_id_is_a_new_contact(world: World, person: tuple[UUID, UUID]) -> None:
    await erasures(world).erase(world.caller(), person[0], None)
    new = await world.put("gone-member", name="새사람")
    assert new.id not in person
    assert (new.version, new.name, new.city, new.sessions_count) == (1, "새사람", None, 0)
    with pytest.raises(Unprocessable) as refused:
        await world.put("gone-member", leadId=str(person[1]))
    assert (refused.value.code, refused.value.pointer) == ("erased", "/leadId")


async def test_a_tombstone_with_the_next_version_ends_each_stream(world: World, person: tuple[UUID, UUID]) -> None:
    versions = {c: (await world.count("select version from contact where id = $1", c)) for c in person}
    gone = await erasures(world).erase(world.caller(), person[0], None)
    async with world.database.connection() as connection:
        waiting = await connection.fetch("select topic, key, value, headers from outbox order by id")
        events = await connection.fetch("select stream, version, type from event where stream = any($1) order by version", person)
    tombstones = {r["key"]: r["headers"]["ce_version"] for r in waiting if r["topic"] == CONTACTS and r["value"] is None}
    assert tombstones == {f"{world.channel}/{c}": str(versions[c] + 1) for c in person}
    assert not [r for r in waiting if r["topic"] in (CONTACTS, VISITS) and r["value"] is not None]
    assert [r["topic"] for r in waiting if r["topic"] == ERASURES] == [ERASURES]
    for contact_id in person:
        kinds = [e["type"] for e in events if e["stream"] == contact_id]
        assert set(kinds[:-1]) == {"contact.redacted"}
        assert (kinds[-1], len(kinds)) == ("contact.erased", versions[contact_id] + 1)
    assert {(e.id, e.version) for e in gone.position.entries} <= {(str(c), versions[c] + 1) for c in person}


async def test_an_answer_kept_for_its_repetition_goes_as_well(world: World) -> None:
    memory = idempotency.Idempotency(world.database, b"s" * 32, world.clock)
    async with memory.attempt(world.caller(), "POST", "/v1/contacts", "key") as attempt:
        await attempt.begin(b"body")
        made = (await world.contacts.create_lead(world.caller(), {"name": "지울이름"})).contact
        attempt.concerns(made.id)
        await attempt.keep(Response(b'{"name": "x"}', 201))
    await erasures(world).erase(world.caller(), made.id, None)
    async with memory.attempt(world.caller(), "POST", "/v1/contacts", "key") as attempt:
        with pytest.raises(Gone):
            await attempt.begin(b"body")


async def test_a_stale_erasure_and_another_channels_are_refused_and_nothing_is_gone(
    world: World, person: tuple[UUID, UUID]
) -> None:
    with pytest.raises(StaleVersion):
        await erasures(world).erase(world.caller(), person[0], 1)
    await world.channels.ensure("elsewhere")
    with pytest.raises(NotFound):
        await erasures(world).erase(Caller("kim", "elsewhere", frozenset({"*"})), person[0], None)
    with pytest.raises(NotFound):
        await erasures(world).erase(world.caller(), new_id(), None)
    assert (await world.queries.contact(world.channel, person[1])).name == "지울이름"


async def test_an_erasure_makes_room_for_one_who_is_hidden(world: World) -> None:
    await world.channels.change(world.caller(), {}, limit=NewLimit(1))
    shown, hidden = await world.put("a"), await world.put("b")
    await erasures(world).erase(world.caller(), shown.id, None)
    users = (await world.channel_queries.channel(world.channel))[1]
    assert (users, users.room) == (Users(1, 1, 1, 100), 1)
    await erasures(world).erase(world.caller(), hidden.id, None)
    assert (await world.channel_queries.channel(world.channel))[1] == Users(1, 0, 0, 0)


async def test_writers_at_the_same_moment_leave_nothing_behind(world: World) -> None:
    for _ in range(5):
        member, lead = await a_person(world)
        other = (await world.contacts.create_lead(world.caller(), {"name": "지울이름"})).contact
        work: list[Any] = [
            erasures(world).erase(world.caller(), lead, None),
            world.put("gone-member", tags=["a"]),
            world.put("gone-member", leadId=str(other.id)),
            visit(world, memberId="gone-member"),
            visit(world, contactId=str(member)),
            world.contacts.change(world.caller(), member, {"city": "서울"}, None),
        ]
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            assert not isinstance(outcome, Exception) or isinstance(outcome, NotFound | Gone), outcome
        assert await world.count("select count(*) from visit where contact_id = any($1)", [member, lead]) == 0
        for row in await _contacts(world):
            if row["erased_at"] is None:
                await erasures(world).erase(world.caller(), row["id"], None)
        assert await rows_that_hold(world.database, SECRETS) == {}


async def test_a_member_that_is_gone_between_two_looks_makes_the_command_begin_again(world: World) -> None:
    async with world.database.transaction() as tx:
        # As a row of that member does which another transaction has just taken the member id from.
        await tx.execute("create function nothing() returns trigger language plpgsql as 'begin return null; end'")
        await tx.execute("create trigger in_the_way before insert on contact for each row execute function nothing()")
        with pytest.raises(ConcurrentChange):
            await store.reserve_members(tx, world.channel, {"u1": new_id()})


async def _contacts(world: World) -> list[Any]:
    async with world.database.connection() as connection:
        return await connection.fetch("select id, erased_at from contact where merged_into is null")


class Away:
    """Kafka that takes nothing until it is back, or gives up; what tells anything of a contact it may find `too_large`."""

    def __init__(self, *, too_large: bool = False) -> None:
        self.asked, self.back = asyncio.Event(), asyncio.Event()
        self.gives_up = False
        self.too_large = too_large
        self.sent: list[Message] = []

    async def send(self, messages: Iterable[Message]) -> None:
        self.asked.set()
        await self.back.wait()
        if self.gives_up:
            raise ConnectionError
        given = list(messages)
        if self.too_large and any(m.topic in (CONTACTS, VISITS) and m.value is not None for m in given):
            raise MessageTooLarge
        self.sent += given


@pytest.mark.parametrize("gives_up", [False, True], ids=["Kafka takes what was under way", "Kafka does not"])
async def test_an_erasure_waits_for_no_relay_and_its_tombstones_come_last(
    world: World, person: tuple[UUID, UUID], gives_up: bool
) -> None:
    kafka = Away()
    relay = Relay(world.database, kafka, Health({}))
    async with world.database.connection() as connection:
        await relay.claim(connection)
        kafka.gives_up = gives_up
        sending = asyncio.create_task(relay.send_once(connection))
        await kafka.asked.wait()
        async with asyncio.timeout(5):
            await erasures(world).erase(world.caller(), person[0], None)
        kafka.back.set()
        with pytest.raises(ConnectionError) if gives_up else contextlib.nullcontext():
            await sending
        kafka.gives_up = False
        while await relay.send_once(connection):
            pass
        found = await connection.fetch("select id, version from contact where id = any($1)", list(person))
        versions = {row["id"]: row["version"] for row in found}
    for contact_id in person:
        told = [m for m in kafka.sent if m.topic == CONTACTS and m.key == f"{world.channel}/{contact_id}"]
        assert [m.value is None for m in told] == [*([False] * (len(told) - 1)), True]
        # What Kafka had not taken is taken back: nothing of the contact is sent after its erasure.
        assert [int(m.headers["ce_version"]) for m in told] == list(
            range(versions[contact_id] if gives_up else 1, versions[contact_id] + 1)
        )


@pytest.mark.parametrize("gives_up", [False, True], ids=["the row goes first", "row and tombstone go together"])
async def test_a_row_that_is_put_aside_while_its_contact_is_erased_goes_with_the_tombstone(
    world: World, person: tuple[UUID, UUID], gives_up: bool
) -> None:
    await world.put("stays", name="남는이름")
    kafka = Away(too_large=True)
    relay = Relay(world.database, kafka, Health({}))
    async with world.database.connection() as connection:
        await relay.claim(connection)
        kafka.gives_up = gives_up
        sending = asyncio.create_task(relay.send_once(connection))
        await kafka.asked.wait()
        async with asyncio.timeout(5):
            await erasures(world).erase(world.caller(), person[0], None)
        kafka.back.set()
        with contextlib.suppress(ConnectionError):
            await sending
        kafka.gives_up = False
        assert ("outbox_aside" in await rows_that_hold(world.database, SECRETS)) is not gives_up
        while await relay.send_once(connection):
            pass
    assert {m.key for m in kafka.sent if m.value is None} == {f"{world.channel}/{c}" for c in person}
    assert await rows_that_hold(world.database, SECRETS) == {}
    assert (await rows_that_hold(world.database, ["남는이름"])).keys() == {"contact", "event", "outbox_aside"}


async def test_a_visit_sent_again_after_its_erasure_is_a_duplicate_and_brings_nobody_back(world: World) -> None:
    def sent(id_: str, **whose: str) -> dict[str, str]:
        return {"id": id_, "at": to_wire(NOW), **whose}

    await world.visits.record(world.caller(), [sent("hong@example.com/1", memberId="gone-member")])
    gone = await world.queries.member(world.channel, "gone-member")
    await erasures(world).erase(world.caller(), gone.id, None)
    assert await rows_that_hold(world.database, ("hong@example.com", *SECRETS)) == {}
    again = await world.visits.record(
        world.caller(), [sent("hong@example.com/1", memberId=who) for who in ("gone-member", "other")]
    )
    assert (again.accepted, again.duplicates, again.rejected) == (0, 2, [])
    for nobody in ("gone-member", "other"):
        with pytest.raises(NotFound):
            await world.queries.member(world.channel, nobody)
    assert await world.count("select count(*) from visit") == 0
    new = await world.visits.record(world.caller(), [sent("hong@example.com/2", memberId="gone-member")])
    assert (new.accepted, (await world.queries.member(world.channel, "gone-member")).sessions_count) == (1, 1)


async def test_the_receipt_tells_each_store_and_the_last_moment(world: World, person: tuple[UUID, UUID]) -> None:
    peers = Peers(frozenset({"search"}), frozenset({"exports"}))
    gone = await erasures(world, peers).erase(world.caller(), person[0], None)
    told = await erasures(world, peers).receipt(world.caller(), gone.receipt_id)
    stores = {s["store"]: s for s in told["stores"]}  # type: ignore[attr-defined]
    assert {name: s["status"] for name, s in stores.items()} == {
        "contacts": "done", "imports": "done", "search": "done", "segments": "pending", "exports": "pending",
        "termSets": "pending", "contacts.v1": "pending", "visits.v1": "pending", "deadLetters": "pending",
    }  # fmt: skip
    assert (told["status"], told["contactId"]) == ("pending", str(person[0]))
    assert told["finalBy"] == max(s["finalBy"] for s in stores.values())
    with pytest.raises(NotFound):
        await erasures(world, peers).receipt(world.caller(), new_id())


def test_a_receipt_is_done_when_every_store_is() -> None:
    erasure = Erasure(UUID(int=1), UUID(int=2), (Erased(UUID(int=2), 3),), NOW, "kim")
    everybody: dict[str, bool] = dict.fromkeys([IMPORTS, *READERS], True)
    late = NOW + timedelta(days=40)
    assert receipt(erasure, everybody, NOW)["status"] == "pending"
    assert receipt(erasure, everybody, late)["status"] == "done"
    for holder in (IMPORTS, "search"):
        assert receipt(erasure, everybody | {holder: False}, late)["status"] == "pending"
