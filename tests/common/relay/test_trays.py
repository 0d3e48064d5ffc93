"""Trays take turns and are emptied; and a look costs the same, however much was sent while somebody holds a snapshot."""

import asyncio

import pytest
from prometheus_client import Gauge
from structlog.testing import capture_logs

from common import outbox
from common.health import Health
from common.postgres import Database
from common.relay import Relay, trays
from common.relay.rows import BATCH
from common.relay.trays import Trays
from common.telemetry import OUTBOX_BYTES, OUTBOX_HELD
from tests.common.relay.conftest import (
    KEPT,
    WAITING,
    Kafka,
    Sending,
    a_dump,
    buffers,
    buffers_of_a_look,
    number,
    put,
    sending,
    told,
    turned,
)
from tests.support.api import eventually


async def test_a_tray_is_emptied_when_all_of_it_is_sent_and_noted_and_nobody_writes_into_it(database: Database) -> None:
    kafka, tending = Kafka(), Trays()
    async with sending(database, kafka) as relay, database.connection() as writer:
        await put(database, *(told(str(n), 1) for n in range(100)))
        transaction = writer.transaction()
        await transaction.start()
        await outbox.put(writer, [told("slow", 1)])
        await turned(relay)
        for step in (relay.all, relay.note, transaction.commit, relay.all):
            await tending.tend(relay.connection)
            assert await number(database, KEPT) >= 100
            await step()
        await tending.tend(relay.connection)
        assert await number(database, KEPT) == 101
        await relay.note()
        await tending.tend(relay.connection)
        assert await number(database, KEPT) == 0
    async with sending(database, kafka) as relay:
        await put(database, told("1", 2))
        await relay.all()
    assert len(kafka.sent) == 102


async def test_a_tray_whose_shards_are_another_s_waits_for_its_notes(database: Database) -> None:
    kafka, tending = Kafka(), Trays()
    async with sending(database, kafka, range(8)) as one, sending(database, kafka, range(8, 16)) as other:
        await put(database, *(told(str(n), 1) for n in range(100)))
        await turned(one)
        await one.all()
        await one.note()
        await other.all()
        await tending.tend(one.connection)
        assert await number(database, KEPT) == 100
        await other.note()
        await tending.tend(one.connection)
        assert await number(database, KEPT) == 0


async def test_while_a_dump_holds_the_trays_nobody_waits_and_after_it_they_are_emptied(database: Database) -> None:
    kafka, tending = Kafka(), Trays()
    async with sending(database, kafka) as relay:
        async with a_dump(database):
            for version in range(1, 7):
                await put(database, *(told(str(n), version) for n in range(100)))
                await relay.all()
                await relay.note()
                await turned(relay)
                async with asyncio.timeout(5):
                    await tending.tend(relay.connection)
            assert await number(database, KEPT) == 600
        await tending.tend(relay.connection)
        await turned(relay)
        await tending.tend(relay.connection)
        assert await number(database, KEPT) == 0
    async with sending(database, kafka) as relay:
        assert await relay.all() == []


def value(gauge: Gauge) -> float:
    [sample] = next(iter(gauge.collect())).samples
    return sample.value


async def told_of(relay: Sending, tending: Trays) -> list[str]:
    with capture_logs() as logs:
        await tending.tend(relay.connection)
    return [line["event"] for line in logs if line["log_level"] in ("warning", "info")]


async def test_who_keeps_the_disk_is_told_what_piles_up_and_who_holds_it_and_when_it_is_over(database: Database) -> None:
    tending = Trays(held_seconds=0)
    async with sending(database, Kafka()) as relay:
        async with a_dump(database) as pid:
            for version in range(1, 4):
                await put(database, *(told(str(n), version) for n in range(500)))
                await relay.all()
                await relay.note()
                await turned(relay)
            with capture_logs() as logs:
                await tending.tend(relay.connection)
            [warning] = [line for line in logs if line["log_level"] == "warning"]
            assert (warning["pid"], warning["holder"]) == (pid, "dangol")
            assert warning["bytes"] > 1500 * 500
            assert await told_of(relay, tending) == []  # once is enough for a while
            assert value(OUTBOX_HELD) > 0
            held = await relay.connection.fetchrow("select bytes, pid, seconds from outbox_held")
            assert held is not None
            assert (held["pid"], value(OUTBOX_BYTES)) == (pid, held["bytes"])
            assert 0 < held["seconds"] < 60
        assert await told_of(relay, tending) == ["what the outbox has sent is emptied again"]
        assert value(OUTBOX_HELD) == 0
        assert value(OUTBOX_BYTES) < warning["bytes"]


async def test_a_writer_that_holds_a_tray_for_a_moment_is_nothing_to_warn_of(database: Database) -> None:
    tending = Trays()
    async with sending(database, Kafka()) as relay, database.connection() as writer, writer.transaction():
        await outbox.put(writer, [told("x", 1)])
        await turned(relay)
        for _ in range(3):
            assert await told_of(relay, tending) == []


async def test_while_one_relay_empties_trays_another_leaves_them(database: Database) -> None:
    kafka = Kafka()
    async with sending(database, kafka) as relay, database.connection() as other:
        await put(database, told("x", 1))
        await relay.all()
        await relay.note()
        await turned(relay)
        async with other.transaction():
            assert await other.fetchval(trays._MINE)
            await Trays().tend(relay.connection)
            assert await number(database, KEPT) == 1
        await Trays().tend(relay.connection)
        assert await number(database, KEPT) == 0


async def test_a_tray_that_another_relay_has_emptied_is_held_by_nobody(database: Database) -> None:
    tending = Trays(held_seconds=0)
    async with sending(database, Kafka()) as relay:
        await put(database, told("x", 1))
        await relay.all()
        await relay.note()
        await turned(relay)
        async with a_dump(database):
            assert await told_of(relay, tending) != []
        await Trays().tend(relay.connection)
        assert await number(database, KEPT) == 0
        assert await told_of(relay, tending) == ["what the outbox has sent is emptied again"]
        assert value(OUTBOX_HELD) == 0


async def test_a_tray_that_another_relay_has_turned_to_is_given_its_time(database: Database) -> None:
    one, other = Trays(full_seconds=0.5), Trays(full_seconds=0.5)
    async with sending(database, Kafka()) as relay:

        async def filled(tending: Trays) -> int:
            await put(database, told("x", 1))
            await tending.tend(relay.connection)
            return await number(database, "select last_value from outbox_tray")

        assert (await filled(one), await filled(other)) == (0, 0)
        await eventually(lambda: filled(one), lambda tray: tray == 1, 10)
        assert await filled(other) == 1


async def test_a_relay_that_runs_empties_the_outbox_by_itself(database: Database) -> None:
    kafka, stop = Kafka(), asyncio.Event()
    running = asyncio.create_task(Relay(database, kafka, Health({}), trays=Trays(full_seconds=0.5)).run(stop))
    await put(database, *(told(str(n), 1) for n in range(100)))

    async def kept() -> int:
        return await number(database, KEPT)

    await eventually(kept, lambda count: count == 0, 30)
    stop.set()
    await running
    assert len(kafka.sent) == 100


async def buffers_of_all_reads(database: Database, relay: Sending) -> list[int]:
    """Of a look, of counting what waits, and of asking whether a tray can be emptied."""
    found = [await buffers_of_a_look(relay)]
    async with database.connection() as connection:
        await connection.execute("set enable_seqscan = off")
        for statement in (WAITING, f"{WAITING} where tray = 1", "select * from outbox_sent_now"):
            found.append(await buffers(connection, statement))
    return found


@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.deep)])
async def test_a_look_costs_the_same_however_much_was_sent_while_a_dump_holds_its_snapshot(
    database: Database, count: int
) -> None:
    kafka, tending = Kafka(), Trays()
    async with sending(database, kafka) as relay, a_dump(database):
        await put(database, *(told(str(n), 1) for n in range(BATCH)))
        await relay.all()
        await relay.note()
        first = await buffers_of_all_reads(database, relay)
        for turn in range(count // (5 * BATCH)):
            for _ in range(5):
                await put(database, *(told(str(n), turn) for n in range(BATCH)))
            assert sum(await relay.all()) == 5 * BATCH
            await relay.note()
            await tending.tend(relay.connection)
            if turn % 5 == 0:
                await turned(relay)
        assert await number(database, KEPT) == BATCH + count
        last = await buffers_of_all_reads(database, relay)
    # A level more of an index, in each of three trays, for each way of looking.
    assert [after - before <= 40 for before, after in zip(first, last, strict=True)] == [True] * 4, (first, last)
