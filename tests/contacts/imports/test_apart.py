"""Imports where no two processes share a folder: what comes in at one API is read by a worker, and gone on with by another."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from common.errors import Unavailable
from common.files.s3 import S3, Limits
from contacts.imports.files import Files
from tests.contacts.conftest import World
from tests.contacts.imports.importing import Importing, a_channel, id_at, table
from tests.contacts.imports.test_runner import PIECES, check
from tests.support.rclone import S3Server, served
from tests.support.stubborn import Stubborn

IMPATIENT = Limits(part=200, connecting=1, answering=2, silent=1, sending=2, joining=2)
"""So that a small file is several parts, and a store that is away is not waited for long."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with served(tmp_path_factory.mktemp("s3")) as server:
        yield server


@asynccontextmanager
async def processes(world: World, server: S3Server, folder: Path, count: int) -> AsyncIterator[list[Importing]]:
    """So many processes in one channel, each with a folder of its own."""
    await a_channel(world, "shop-apart")
    async with S3.open_bucket(server.bucket(prefix=f"{folder.name}/"), IMPATIENT) as store:
        yield [Importing(replace(world, files=Files(folder / str(n), store)), "shop-apart") for n in range(count)]


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.*")]


async def test_a_worker_goes_on_where_another_was_killed_that_had_the_files(
    world: World, server: S3Server, tmp_path: Path
) -> None:
    for number in range(PIECES):
        async with processes(replace(world), server, tmp_path / str(number), 3) as (api, killed, worker):
            api.caller = killed.caller = worker.caller = replace(api.caller, channel=f"shop-{number}")
            await a_channel(world, f"shop-{number}")
            import_id = await api.send(table())
            assert left(tmp_path / str(number) / "0") == [], "it is the workers' now"
            assert await killed.killed_at(number, within=number % 2 == 0)
            await worker.work()
            await check(worker, import_id)
            assert left(tmp_path / str(number) / "2") == []
            await killed.clear_up()  # that of the process that comes in its place
            assert left(tmp_path / str(number)) == []


async def test_while_the_store_is_away_no_import_begins_and_nothing_of_it_stays(
    world: World, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with served(tmp_path_factory.mktemp("s3")) as server:
        async with processes(world, server, tmp_path, 1) as (api,):
            server.kill()
            with pytest.raises(Unavailable):
                await api.send(table())
            assert left(tmp_path) == []
            assert await world.count("select count(*) from job") == 0
            server.start()
            await api.work()
            await api.send(table())


async def test_what_a_killed_request_left_in_its_own_folder_goes_and_another_service_s_files_stay(
    world: World, server: S3Server, tmp_path: Path
) -> None:
    async with processes(world, server, tmp_path, 1) as (api,):
        files, old = api.world.files, id_at(world.clock.now() - timedelta(hours=2))
        for import_id in (old, id_at(world.clock.now())):
            files.upload(import_id).write_text("somebody")
        await files.discard_from_before(world.clock.now() - timedelta(hours=1))
        assert [name for name in left(tmp_path) if str(old) in name] == []
        assert len(left(tmp_path)) == 1
    other = server.folder / "files" / tmp_path.name / f"{old}.1.xlsx"
    other.parent.mkdir(exist_ok=True, parents=True)
    other.write_text("an export")
    async with processes(world, server, tmp_path, 1) as (api,):
        await api.clear_up()
        assert old not in await api.world.files.there()
    assert other.exists()


async def test_files_that_cannot_be_deleted_keep_no_others(world: World, tmp_path: Path) -> None:
    await a_channel(world, "shop-apart")
    store = Stubborn(tmp_path / "kept")
    api = Importing(replace(world, files=Files(tmp_path / "own", store)), "shop-apart")
    old = [id_at(world.clock.now() - timedelta(days=2, hours=n)) for n in range(3)]
    for each in old:
        (tmp_path / "kept" / f"{each}.rows").write_text("somebody")
    store.kept = str(old[1])
    await api.clear_up()
    assert left(tmp_path) == [f"{old[1]}.rows"]
    store.kept = ""
    await api.clear_up()
    assert left(tmp_path) == []
