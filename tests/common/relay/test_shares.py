"""Relays share the work: each has its part of the shards within seconds, and each key keeps its order meanwhile."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from common.health import Health
from common.kafka import create_topics
from common.postgres import Database
from common.relay import Relay
from common.relay.shares import share
from common.topics import Topic
from localstack.stack import Stack
from tests.common.relay.conftest import WAITING, Kafka, number, put, told
from tests.support.api import eventually
from tests.support.postgres import fresh_schema
from tests.support.processes import another
from tests.support.topics import everything

HELD = """
select pid, count(*) as shards from pg_locks where locktype = 'advisory' and objsubid = 2 and mode = 'ExclusiveLock' and granted
    and classid = hashtext('outbox ' || current_schema())::oid group by pid
"""


async def held(database: Database) -> dict[int, int]:
    """How many shards each connection holds."""
    async with database.connection() as connection:
        return {row["pid"]: row["shards"] for row in await connection.fetch(HELD)}


async def shared(database: Database, *parts: int) -> dict[int, int]:
    """Returns when they are shared so."""
    return await eventually(lambda: held(database), lambda now: sorted(now.values()) == sorted(parts), 10)


@given(wanted=st.integers(0, 64), relays=st.integers(1, 70))
def test_shares_are_all_there_is_and_differ_by_one_at_the_most(wanted: int, relays: int) -> None:
    parts = [share(wanted, relays, place) for place in range(relays)]
    assert sum(parts) == wanted
    assert max(parts) - min(parts) <= 1


@asynccontextmanager
async def relaying(database: Database, kafka: Kafka) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(Relay(database, kafka, Health({})).run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def test_each_of_three_relays_has_its_part_and_every_key_its_order_while_they_come_and_go(database: Database) -> None:
    kafka, written, over = Kafka(), Counter[str](), asyncio.Event()

    async def write() -> None:
        while not over.is_set():
            keys = [str(n) for n in range(40)]
            written.update(keys)
            await put(database, *(told(key, written[key]) for key in keys))

    writing = asyncio.create_task(write())
    async with AsyncExitStack() as first:
        await first.enter_async_context(relaying(database, kafka))
        await shared(database, 16)
        async with relaying(database, kafka):
            await shared(database, 8, 8)
            async with relaying(database, kafka):
                await shared(database, 6, 5, 5)
            await shared(database, 8, 8)
            await first.aclose()
            await shared(database, 16)
            over.set()
            await writing
            await eventually(lambda: number(database, WAITING), lambda waiting: waiting == 0)
    assert {key: kafka.of(key) for key in written} == {key: list(range(1, last + 1)) for key, last in written.items()}


async def test_those_who_want_other_shards_take_nothing_of_a_share(database: Database) -> None:
    async with AsyncExitStack() as stack:
        for shards in (range(8), range(8, 16)):
            connection = await stack.enter_async_context(database.connection())
            await Relay(database, Kafka(), Health({}), shards=shards).claim(connection)
        assert sorted((await held(database)).values()) == [8, 8]


async def test_of_two_processes_each_has_half_and_where_one_is_killed_the_other_has_all(servers: Stack) -> None:
    topic, last = f"test.{uuid4().hex[:12]}", 0
    await create_topics(servers.kafka, [Topic(topic)])
    async with (
        fresh_schema(servers.postgres_dsn(None)) as dsn,
        Database.open(dsn) as database,
        another(servers, "contacts-relay", 0, {"CONTACTS_POSTGRES": dsn}),
    ):

        async def write_until(parts: list[int]) -> None:
            nonlocal last
            async with asyncio.timeout(10):
                while sorted((await held(database)).values()) != parts:
                    last += 1
                    await put(database, *(told(str(n), last, topic=topic) for n in range(40)))

        await write_until([16])
        async with another(servers, "contacts-relay", 1, {"CONTACTS_POSTGRES": dsn}):
            await write_until([8, 8])
            at_half = last
        await write_until([16])  # the second was killed
        await eventually(lambda: number(database, WAITING), lambda waiting: waiting == 0)
    found: dict[str, list[int]] = {}
    for record in await everything(servers.kafka, topic):
        found.setdefault(record.subject, []).append(record.version)
    assert len(found) == 40
    for versions in found.values():
        before_the_kill = versions[: versions.index(at_half) + 1]
        assert before_the_kill == list(range(1, at_half + 1)), "nothing is sent twice where shards are given back"
        newest = 0
        for version in versions:  # what a killed relay had not noted is sent again, and nothing is passed by
            assert version <= newest + 1
            newest = max(newest, version)
        assert newest == last
