"""The projector: one write a contact, never an older state over a newer, the dead do not come back."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from common.envelope import Delivered, UnreadableMessage
from common.errors import Unavailable
from common.events.contacts import (
    CHANNEL_SUBJECT,
    Channel,
    ChannelChanged,
    ChannelMessage,
    ContactState,
    FieldDefined,
    FieldDefinition,
    FieldMessage,
)
from common.filters import FieldType
from common.postgres import Database
from common.topics import CONTACTS, FIELDS
from localstack.stack import Stack
from search.consumer import Projector
from search.document import document
from search.index import Index
from search.neighbours import Neighbours
from search.projection import Item, decode
from search.store import Store
from tests.search.support import Kept, contact, contact_id, delivered, projector_of, shown, state


@pytest.fixture
def channel() -> str:
    return f"told-{uuid4().hex[:12]}"


@pytest.fixture
def projector(database: Database, index: Index, neighbours: Neighbours, dead: Kept) -> Projector:
    return projector_of(database, index, neighbours, dead)


def erased(channel: str, called: object, version: int) -> Item:
    return decode(delivered(CONTACTS, channel, contact_id(channel, called), "contact.erased", version, None))


def defined(channel: str, key: str, kind: str, version: int = 1, **more: Any) -> Item:
    field = FieldDefinition.of({"key": key, "type": kind, **more})
    body = FieldMessage(event=FieldDefined(), field=field, version=version).encode()
    return decode(delivered(FIELDS, channel, key, "field.defined", version, body))


async def written(servers: Stack, alias: str) -> int:
    """How many writes the index has ever taken."""
    async with httpx.AsyncClient(base_url=servers.opensearch) as client:
        stats = (await client.get(f"/{alias}/_stats/indexing")).raise_for_status().json()
    count: int = stats["_all"]["primaries"]["indexing"]["index_total"]
    return count


async def test_of_many_states_in_a_batch_the_last_one_is_written_once(
    projector: Projector, index: Index, channel: str, servers: Stack, alias: str
) -> None:
    before = await written(servers, alias)
    batch = [state(channel, contact(channel, n, version=v, name=f"v{v}")) for v in (1, 2, 3) for n in range(20)]
    await projector.apply(batch)
    assert {each["name"] for each in (await shown(index, channel)).values()} == {"v3"}
    assert len(await shown(index, channel)) == 20
    assert await written(servers, alias) - before == 20


async def test_an_older_state_is_left_out_whether_it_comes_with_the_newer_one_or_after_it(
    projector: Projector, index: Index, channel: str
) -> None:
    new, old = (state(channel, contact(channel, "one", version=v, name=f"v{v}")) for v in (3, 2))
    await projector.apply([new, old])
    assert [each["name"] for each in (await shown(index, channel)).values()] == ["v3"]
    await projector.apply([old])
    await projector.apply([new, new])
    assert [each["name"] for each in (await shown(index, channel)).values()] == ["v3"]


async def test_the_erased_and_the_merged_are_gone_and_no_replay_brings_them_back(
    projector: Projector, index: Index, channel: str, servers: Stack, alias: str
) -> None:
    here = [state(channel, contact(channel, called, name="a secret")) for called in ("erased", "merged", "stays")]
    await projector.apply(here)
    merged = contact(channel, "merged", version=2, name="a secret", mergedInto=contact_id(channel, "stays"))
    await projector.apply([erased(channel, "erased", 2), state(channel, merged)])
    assert set(await shown(index, channel)) == {contact_id(channel, "stays")}
    await projector.apply(here)
    assert set(await shown(index, channel)) == {contact_id(channel, "stays")}
    async with httpx.AsyncClient(base_url=servers.opensearch) as client:
        for called in ("erased", "merged"):
            name = contact_id(channel, called)
            kept = (await client.get(f"/{alias}/_doc/{channel}%2F{name}")).json()
            told = {"source": {"erased": True}} if called == "erased" else {}
            assert kept["_source"] == {"channel": channel, "id": name, "version": 2, "deleted": True} | told
            assert kept["_version"] == 2


async def test_a_tombstone_that_comes_before_the_contact_keeps_it_out(projector: Projector, index: Index, channel: str) -> None:
    await projector.apply([erased(channel, "late", 5)])
    await projector.apply([state(channel, contact(channel, "late", version=4, name="late"))])
    assert await shown(index, channel) == {}


async def test_values_lie_in_the_slots_of_their_fields_and_an_archived_field_keeps_its_own(
    projector: Projector, index: Index, channel: str, database: Database
) -> None:
    await projector.apply([
        defined(channel, "profile.grade", "String"),
        defined(channel, "profile.size", "String"),
        defined(channel, "profile.count", "Number"),
        defined(channel, "profile.grade", "String", 2, archived=True),
        defined(channel, "profile.grade", "String", 1),
        state(channel, contact(channel, "one", profile={"grade": "VIP", "size": "L", "count": 7})),
    ])  # fmt: skip
    fields = await Store(database).fields(channel)
    assert {key: slot for key, (_, slot) in fields.slots.items()} == {"grade": 0, "size": 1, "count": 0}
    assert fields.context.fields["grade"].archived
    query = {"bool": {"filter": [{"term": {"channel": channel}}, {"term": {"string.1.term": "l"}}, {"term": {"number.0": 7}}]}}
    await index.refresh()
    assert await index.count(query) == 1


async def test_the_channels_country_and_zone_are_those_last_told(projector: Projector, channel: str, database: Database) -> None:
    def told(country: str, zone: str, version: int) -> Item:
        body = ChannelMessage(event=ChannelChanged(), channel=Channel(country=country, time_zone=zone), version=version).encode()
        return decode(delivered(FIELDS, channel, CHANNEL_SUBJECT, "channel.changed", version, body))

    store = Store(database)
    assert (await store.fields(channel)).context.country == "KR"
    await projector.apply([told("JP", "Asia/Tokyo", 2), told("US", "America/New_York", 1)])
    context = (await store.fields(channel)).context
    assert (context.country, context.zone) == ("JP", "Asia/Tokyo")


async def test_a_contact_whose_field_nobody_can_tell_yet_waits(
    database: Database, index: Index, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    projector = projector_of(database, index, neighbours, dead)
    early = state(channel, contact(channel, "early", profile={"grade": "VIP"}))
    with pytest.raises(Unavailable):
        await projector.apply([early])
    await projector.apply([defined(channel, "profile.grade", "String"), early])
    assert len(await shown(index, channel)) == 1
    assert dead.letters == []


@pytest.mark.parametrize(
    ("topic", "key", "headers", "value"),
    [
        (CONTACTS, "no-slash", {"ce_version": "1", "ce_type": "contact.changed"}, None),
        (CONTACTS, "channel/", {"ce_version": "1", "ce_type": "contact.changed"}, None),
        (CONTACTS, "channel/id", {"ce_type": "contact.changed"}, None),
        (CONTACTS, "channel/id", {"ce_version": "one", "ce_type": "contact.changed"}, None),
        (CONTACTS, "channel/id", {"ce_version": "1", "ce_type": "contact.changed"}, b"{"),
        (CONTACTS, "channel/id", {"ce_version": "1", "ce_type": "contact.changed"}, b"{}"),
        (FIELDS, "channel/profile.x", {"ce_version": "1", "ce_type": "field.defined"}, None),
        (FIELDS, "channel/profile.x", {"ce_version": "1", "ce_type": "field.defined"}, b"[]"),
    ],
)
def test_what_cannot_be_read_is_told_apart(topic: str, key: str, headers: dict[str, str], value: bytes | None) -> None:
    with pytest.raises(UnreadableMessage):
        decode(Delivered(topic, 0, 0, key, value, headers))


@pytest.mark.parametrize("version", ["-1", "1_0", " 1", "1.0", "１", "9223372036854775808", "1" * 5000])
def test_a_version_that_no_store_holds_cannot_be_read(version: str) -> None:
    told = state("channel", contact("channel", "here")).origin
    with pytest.raises(UnreadableMessage, match="ce_version"):
        decode(replace(told, headers=told.headers | {"ce_version": version}))


@pytest.mark.parametrize(
    "members",
    [{"profile": {"amount": 10**30}}, {"profile": {"list": [[10**400]]}}, {"sessionsCount": 10**30}, {"version": 10**30}],
)
def test_a_number_that_cannot_be_written_again_cannot_be_read(members: dict[str, Any]) -> None:
    told = contact("channel", "here")
    value = json.dumps({"contact": told.members() | members, "version": 1}).encode()
    with pytest.raises(UnreadableMessage, match="too large"):
        decode(delivered(CONTACTS, "channel", str(told.id), "contact.changed", 1, value))


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth > 1 else []


@pytest.mark.parametrize("depth", [200, *range(248, 258), 900])
def test_what_can_be_read_can_be_written_however_deep_it_is(depth: int) -> None:
    told = contact("channel", "here")
    value = json.dumps({"contact": told.members() | {"profile": {"list": nested(depth)}}, "version": 1}).encode()
    record = delivered(CONTACTS, "channel", str(told.id), "contact.changed", 1, value)
    try:
        read = decode(record).told
    except UnreadableMessage:
        assert depth > 250
        return
    assert isinstance(read, ContactState)
    assert document("channel", read.contact, {"list": (FieldType.LIST, 0)})


def test_a_contact_under_the_key_of_another_cannot_be_read() -> None:
    told = state("channel", contact("channel", "here")).origin
    with pytest.raises(UnreadableMessage, match="another contact"):
        decode(Delivered(told.topic, 0, 0, f"channel/{contact_id('channel', 'there')}", told.value, told.headers))
