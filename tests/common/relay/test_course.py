"""Writers and relays in any course of events."""

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from asyncpg.transaction import Transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import outbox
from common.envelope import Message
from common.postgres import Connection, Database
from common.relay.trays import Trays
from tests.common.relay.conftest import (
    WAITING,
    Kafka,
    Sending,
    ids,
    sending,
    told,
)

KEYS, WRITERS, RELAYS = 6, 4, (range(16), range(8, 16))
ONE_OF = st.integers(0, KEYS - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, WRITERS - 1), st.lists(ONE_OF, min_size=1, max_size=5)),
        st.tuples(st.just("try and undo"), st.integers(0, WRITERS - 1), st.lists(ONE_OF, min_size=1, max_size=2)),
        st.tuples(st.sampled_from(["commit", "give up"]), st.integers(0, WRITERS - 1), st.just(())),
        st.tuples(st.sampled_from(["send", "send", "note", "kill", "turn"]), st.integers(0, len(RELAYS) - 1), st.just(())),
        st.tuples(st.just("erase"), ONE_OF, st.just(())),
    ),
    max_size=50,
)


@dataclass(slots=True)
class Writer:
    """A transaction under way: what it has written, of keys that nobody else writes until it ends."""

    connection: Connection
    transaction: Transaction
    wrote: list[Message] = field(default_factory=list[Message])

    def version(self, key: int) -> int | None:
        """The last it has written of the key."""
        return max((int(m.headers["ce_version"]) for m in self.wrote if m.key == f"c/{key}"), default=None)


class Course:
    """Writers and relays, a step at a time."""

    def __init__(self, database: Database, stack: AsyncExitStack) -> None:
        self.database, self.stack, self.kafka = database, stack, Kafka()
        self.writers: dict[int, Writer] = {}
        self.relays: dict[int, tuple[AsyncExitStack, Sending]] = {}
        self.versions = dict.fromkeys(range(KEYS), 0)
        self.committed: list[Message] = []
        self.turned = 0

    async def write(self, number: int, keys: Iterable[int], *, undone: bool = False) -> None:
        if number not in self.writers:
            connection = await self.stack.enter_async_context(self.database.connection())
            self.writers[number] = Writer(connection, connection.transaction())
            await self.writers[number].transaction.start()
        writer = self.writers[number]
        for key in keys:
            if any(w.version(key) for n, w in self.writers.items() if n != number):
                continue
            one = told(str(key), (writer.version(key) or self.versions[key]) + 1)
            inner = writer.connection.transaction()
            await inner.start()
            await outbox.put(writer.connection, [one])
            if undone:
                await inner.rollback()
            else:
                await inner.commit()
                writer.wrote.append(one)

    async def end(self, number: int, *, kept: bool) -> None:
        writer = self.writers.pop(number, None)
        if writer is not None and kept:
            await writer.transaction.commit()
            self.committed += writer.wrote
            self.versions |= {key: version for key in range(KEYS) if (version := writer.version(key))}
        elif writer is not None:
            await writer.transaction.rollback()

    async def relay(self, number: int) -> Sending:
        if number not in self.relays:
            stack = AsyncExitStack()
            self.relays[number] = (stack, await stack.enter_async_context(sending(self.database, self.kafka, RELAYS[number])))
        return self.relays[number][1]

    async def kill(self, number: int) -> None:
        if number in self.relays:
            await self.relays.pop(number)[0].aclose()

    async def turn(self, number: int) -> None:
        """Another tray is filled, whichever; and what can be emptied is."""
        relay = await self.relay(number)
        self.turned += 1
        await relay.connection.execute(f"select setval('outbox_tray', {self.turned % 3})")
        await Trays().tend(relay.connection)

    async def erase(self, key: int) -> None:
        """What is not sent is never sent; what is sent is nowhere in the outbox."""
        if any(writer.version(key) for writer in self.writers.values()):
            return
        last = told(str(key), self.versions[key] + 1, None)
        async with self.database.transaction() as tx:
            await outbox.take_back(tx, [last.key], ["t"])
            assert await tx.fetchval("select count(*) from outbox where key = $1", last.key) == 0
            await outbox.put(tx, [last])
        self.versions[key] += 1
        sent = ids(self.kafka.sent)
        self.committed = [m for m in self.committed if m.key != last.key or ids([m]) <= sent] + [last]

    async def step(self, what: str, number: int, keys: Iterable[int]) -> None:
        match what:
            case "write" | "try and undo":
                await self.write(number, keys, undone=what != "write")
            case "commit" | "give up":
                await self.end(number, kept=what == "commit")
            case "send":
                relay = await self.relay(number)
                await relay.relay.send_once(relay.connection)
            case "note":
                await (await self.relay(number)).note()
            case "kill":
                await self.kill(number)
            case "turn":
                await self.turn(number)
            case "erase":
                await self.erase(number)
            case _:
                raise AssertionError(what)

    async def close(self) -> None:
        """Everybody is done, and everything is sent."""
        for number in list(self.writers):
            await self.end(number, kept=True)
        for number in list(self.relays):
            await self.kill(number)
        async with sending(self.database, self.kafka) as last:
            await last.all()
            await last.note()
            assert await last.connection.fetchval(WAITING) == 0


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS)
async def test_whatever_the_order_all_that_was_committed_is_sent_in_order_and_nothing_else(
    database: Database, steps: list[tuple[str, int, Sequence[int]]]
) -> None:
    async with AsyncExitStack() as stack:
        course = Course(database, stack)
        for what, number_, keys in steps:
            await course.step(what, number_, keys)
        await course.close()
    assert ids(course.kafka.sent) == ids(course.committed)
    for key in range(KEYS):
        versions = course.kafka.of(str(key))
        assert list(dict.fromkeys(versions)) == sorted(set(versions))
        assert versions[-1:] == sorted(versions)[-1:]
