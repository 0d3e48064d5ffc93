"""A worker of exports whose database goes away in the middle: a file is written whole, by one, and stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from common.errors import Unavailable
from exports.export import Status
from tests.exports.conftest import MIDWAY, whole
from tests.support.api import eventually
from tests.support.postgres import over_a_line
from tests.support.workshop import Between, Workshop


async def test_a_worker_that_loses_its_database_lets_go_and_another_writes_the_file(shop: Workshop) -> None:
    asked = await shop.ask()
    async with over_a_line(shop.dsn) as (line, database), Between(shop.search_url, MIDWAY, hold=True).open() as between:
        cut_off = replace(shop, database=database).worker("cut off", between.url, lease=timedelta(seconds=0.4))
        working = asyncio.create_task(shop.work(cut_off))
        await between.reached.wait()
        await shop.until(asked.id, "writing")
        await line.cut()
        with pytest.raises(Unavailable):
            await working
        assert not await shop.work(shop.worker("other"))
        shop.clock.instant += timedelta(seconds=0.4)
        assert await shop.work(shop.worker("other"))
    export = await shop.state(asked.id)
    assert export.attempts == 2
    await whole(shop, export)
    await shop.keeper().sweep()
    assert await shop.files.there() == {(asked.id, 2)}


HOLD = """
create function hold() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock(hashtext('hold ' || current_schema())); return null; end $$;
create constraint trigger held after update on export deferrable initially deferred
    for each row when (new.status = 'ready') execute function hold()
"""
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ~* $1"


@asynccontextmanager
async def held_at_its_commit(shop: Workshop) -> AsyncIterator[None]:
    """The transaction that makes an export ready waits in the middle of its commit, until the end of this."""
    async with shop.database.connection() as connection:
        await connection.execute(HOLD)
        await connection.execute("select pg_advisory_lock(hashtext('hold ' || current_schema()))")
        try:
            yield
        finally:
            await connection.execute("select pg_advisory_unlock_all()")


async def waiting(shop: Workshop, statement: str) -> None:
    async def count() -> int:
        async with shop.database.connection() as connection:
            return int(await connection.fetchval(WAITING, statement))

    await eventually(count, bool)


async def test_a_file_that_is_ready_stays_though_its_worker_never_heard_of_the_commit(shop: Workshop) -> None:
    asked = await shop.ask()
    async with over_a_line(shop.dsn) as (line, database):
        worker = replace(shop, database=database).worker()
        async with held_at_its_commit(shop):
            working = asyncio.create_task(shop.work(worker))
            await waiting(shop, "^commit")
            line.break_off()
            await waiting(shop, r"^\s*update export")
        assert await working
    export = await shop.state(asked.id)
    assert (export.status, export.attempts) == (Status.READY, 1)
    await whole(shop, export)
