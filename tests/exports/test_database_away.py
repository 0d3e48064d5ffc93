"""A worker of exports whose database goes away in the middle: a file is written whole, by one, and stays."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from common.errors import Unavailable
from tests.exports.conftest import MIDWAY, whole
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
    assert shop.files.there() == {(asked.id, 2)}
