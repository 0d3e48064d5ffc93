"""The newest state of everyone told again: nobody left out, in order beside those who write, on from where it was broken off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from uuid import UUID

import orjson
import pytest

from common.envelope import Message
from common.errors import NotFound
from common.health import Health
from common.ids import new_id
from common.relay import Relay
from contacts.erasure.handlers import Erasures
from contacts.republishing.handlers import OneAtATime, Republisher
from tests.common.relay.conftest import WAITING, Kafka
from tests.contacts.conftest import World
from tests.support.api import eventually


class Nobody:
    """No reader holds anything."""

    async def hold_nothing(self, reader: str, channel: str, ended: object) -> bool:
        return True


def erasures(world: World) -> Erasures:
    return Erasures(world.database, Nobody(), world.files, world.clock, new_id)


@asynccontextmanager
async def relaying(world: World) -> AsyncIterator[Kafka]:
    """What the relay sends, all of it at the end."""
    kafka, stop = Kafka(), asyncio.Event()
    running = asyncio.create_task(Relay(world.database, kafka, Health({})).run(stop))
    try:
        yield kafka
        await eventually(lambda: world.count(WAITING), lambda waiting: waiting == 0)
    finally:
        stop.set()
        await running


def republisher(world: World, *, rate: float = 1e6, chunk: int = 3) -> Republisher:
    return Republisher(world.database, world.clock, rate=rate, chunk=chunk)


def last(told: list[Message], topic: str) -> dict[str, Message]:
    return {m.key: m for m in told if m.topic == topic}


async def people(world: World, count: int) -> list[UUID]:
    return [(await world.put(f"u{n}", name=f"n{n}", profile={"grade": f"g{n}"})).id for n in range(count)]


async def test_everyone_is_told_at_the_version_they_have_and_so_are_fields_and_settings(world: World) -> None:
    ids = await people(world, 10)
    lead = (await world.contacts.create_lead(world.caller(), {"name": "lead"})).contact
    await world.contacts.upsert(world.caller(), "u1", {"leadId": str(lead.id)}, None)
    await erasures(world).erase(world.caller(), ids[2], None)
    async with relaying(world) as kafka:
        await eventually(lambda: world.count(WAITING), lambda waiting: waiting == 0)
        before = list(kafka.sent)
        assert await republisher(world).everyone() == len(ids) + 1
    again = kafka.sent[len(before) :]
    for topic in ("contacts.v1", "fields.v1"):
        was, now = last(before, topic), last(again, topic)
        assert now.keys() == was.keys()
        for key, message in now.items():
            assert message.headers["ce_version"] == was[key].headers["ce_version"]
            assert message.headers["ce_time"] == was[key].headers["ce_time"] or topic == "fields.v1"
            told, earlier = (orjson.loads(m.value or b"{}") for m in (message, was[key]))
            assert {**told, "event": None} == {**earlier, "event": None}
    assert sum(m.value is None for m in again) == 1


async def test_beside_those_who_write_each_contact_keeps_the_order_of_its_versions(world: World) -> None:
    await people(world, 12)
    async with relaying(world) as kafka:
        telling = asyncio.create_task(republisher(world, rate=60).everyone())
        while not telling.done():
            for n in range(12):
                await world.put(f"u{n}", name=f"again {len(kafka.sent)}")
        assert await telling == 12
    versions: dict[str, list[int]] = {}
    for message in kafka.sent:
        if message.topic == "contacts.v1":
            versions.setdefault(message.key, []).append(int(message.headers["ce_version"]))
    assert len(versions) == 12
    for each in versions.values():
        assert all(before <= after for before, after in pairwise(each))
        assert len(each) == len(set(each)) + 1, "told again once"


async def test_broken_off_it_goes_on_where_it_was_and_only_one_does_it(world: World) -> None:
    await people(world, 9)
    async with relaying(world) as kafka:
        slow = asyncio.create_task(republisher(world, rate=5).everyone())
        await eventually(lambda: world.count("select coalesce(sum(told), 0) from republishing"), lambda told: told == 3)
        with pytest.raises(OneAtATime):
            await republisher(world).everyone()
        slow.cancel()
        await asyncio.wait([slow])
        assert await eventually(lambda: republisher(world).everyone(), bool) == 9
        told = [m.key for m in kafka.sent if m.headers["ce_type"] == "contact.told_again"]
        assert await world.count("select count(*) from republishing") == 0
    told = [m.key for m in kafka.sent if m.headers["ce_type"] == "contact.told_again"]
    assert (len(told), len(set(told))) == (9, 9)


async def test_a_channel_or_a_contact_alone(world: World) -> None:
    [one, *_] = await people(world, 3)
    await world.channels.ensure("other")
    async with relaying(world) as kafka:
        assert await republisher(world).everyone("other") == 0
        assert await republisher(world).everyone(world.channel) == 3
        await republisher(world).contact(one)
        with pytest.raises(NotFound):
            await republisher(world).contact(new_id())
        with pytest.raises(NotFound):
            await republisher(world).everyone("nowhere")
    told = [m.key for m in kafka.sent if m.headers["ce_type"] == "contact.told_again"]
    assert len(told) == 4
    assert told[-1] == f"{world.channel}/{one}"
