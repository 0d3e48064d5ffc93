"""Exports whose files are kept in a bucket: complete or not at all, whatever becomes of the store meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from common.errors import Gone, Unavailable
from common.files.keeping import FileStore
from common.files.s3 import S3, Limits
from common.health import Health
from exports.export import KEPT, Status
from exports.files import Files
from exports.handlers import Part
from exports.queries import Queries
from exports.sending import pieces
from localstack.stack import Stack
from tests.common.files.test_stores import written
from tests.exports.conftest import NUMBERS
from tests.exports.test_ready_files import erase
from tests.support.proxy import Proxy, after
from tests.support.rclone import S3Server, served
from tests.support.unrevoked import unrevoked
from tests.support.workshop import Workshop, workshop

LIMITS = Limits(part=8_000, connecting=2, answering=4, silent=1, sending=4, joining=4)
"""So that a small file is several parts, and who waits for a store that is away does not wait for long."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with served(tmp_path_factory.mktemp("s3")) as server:
        yield server


@asynccontextmanager
async def shop_of(stack: Stack, channel: str, server: S3Server, prefix: str) -> AsyncIterator[tuple[Workshop, Proxy]]:
    """Exports that keep their files in a bucket, and the line to it."""
    async with (
        Proxy.before("127.0.0.1", server.port) as line,
        S3.open_bucket(server.bucket(line.port, prefix=prefix), LIMITS) as store,
        workshop(stack, channel) as shop,
    ):
        shop.files = Files(shop.folder, store)
        yield shop, line


def store_of(shop: Workshop) -> FileStore:
    return shop.files._store


async def test_a_file_is_kept_in_the_bucket_alone_and_sent_from_there_whole_and_in_part(
    stack: Stack, channel: str, server: S3Server, tmp_path: Path
) -> None:
    async with shop_of(stack, channel, server, f"{tmp_path.name}/") as (shop, _):
        export = await shop.ready()
        assert export.manifest is not None
        assert (list(shop.folder.iterdir()), await shop.files.there()) == ([], {(export.id, 1)})
        assert {row[1] for row in (await shop.rows(export.id))[1:]} == NUMBERS
        ((path,), whole) = ([*server.folder.rglob(f"{export.id}.1.xlsx")], export.manifest.bytes)
        assert path.stat().st_size == whole
        opened = await shop.commands().download(shop.kim, export.id, Part(f"bytes={whole - 9}-", None), None)
        assert b"".join([piece async for piece in pieces(opened.reading, 9, unrevoked)]) == path.read_bytes()[-9:]
        await opened.reading.close()
        await store_of(shop).put(path.name, *written(tmp_path, b"shorter"))
        for part in (None, f"bytes={whole - 9}-"):
            with pytest.raises(Gone, match="damaged"):
                await shop.commands().download(shop.kim, export.id, Part(part, None), None)
        await shop.commands().revoke(shop.kim, export.id, None)
        assert await shop.files.there() == set()


async def test_an_export_waits_for_a_bucket_that_is_away_says_so_and_leaves_nothing_here(
    stack: Stack, channel: str, server: S3Server, tmp_path: Path
) -> None:
    health = Health({})
    health.started = True
    async with shop_of(stack, channel, server, f"{tmp_path.name}/") as (shop, line):
        asked = await shop.ask()
        await line.cut()
        assert await shop.work(shop.worker(health=health))
        assert ((await shop.state(asked.id)).status, list(shop.folder.iterdir())) == (Status.WAITING, [])
        assert "does not answer" in (await health.problems())["exports"]
        await line.mend()
        shop.clock.instant += timedelta(seconds=1)
        assert await shop.work(shop.worker(health=health))
        assert ((await shop.state(asked.id)).status, await health.problems()) == (Status.READY, {})


async def test_a_bucket_that_is_killed_while_a_file_is_sent_leaves_no_half_of_it(
    stack: Stack, channel: str, tmp_path: Path
) -> None:
    with served(tmp_path / "own") as server:
        async with shop_of(stack, channel, server, "at/") as (shop, line):
            asked = await shop.ask()
            line.alter_there = after(15_000, server.kill)
            assert await shop.work(shop.worker())
            assert ((await shop.state(asked.id)).status, list(shop.folder.iterdir())) == (Status.WAITING, [])
            server.start()
            assert await shop.files.there() == set()
            shop.clock.instant += timedelta(seconds=1)
            assert await shop.work(shop.worker())
            assert await shop.files.there() == {(asked.id, 2)}
            assert {row[1] for row in (await shop.rows(asked.id))[1:]} == NUMBERS


async def test_one_that_is_cancelled_while_a_file_is_sent_is_let_go_even_by_a_bucket_that_hangs(
    stack: Stack, channel: str, server: S3Server, tmp_path: Path
) -> None:
    async with shop_of(stack, channel, server, f"{tmp_path.name}/") as (shop, line):
        asked, reached = await shop.ask(), asyncio.Event()

        def hang() -> None:
            line.hush()
            reached.set()

        line.alter_there = after(15_000, hang)
        working = asyncio.create_task(shop.work(shop.worker(lease=timedelta(seconds=0.4))))
        async with asyncio.timeout(60):
            await reached.wait()
        await shop.commands().cancel(shop.kim, asked.id, None)
        assert await working
        assert list(shop.folder.iterdir()) == []
        line.speak()
        await shop.keeper().sweep()
        assert (await shop.files.there(), (await shop.state(asked.id)).status) == (set(), Status.CANCELLED)


async def test_a_download_from_a_bucket_that_is_away_is_refused_and_not_noted_and_one_that_breaks_off_says_so(
    stack: Stack, channel: str, server: S3Server, tmp_path: Path
) -> None:
    async with shop_of(stack, channel, server, f"{tmp_path.name}/") as (shop, line):
        export = await shop.ready()
        await line.cut()
        with pytest.raises(Unavailable, match="Try again"):
            await shop.commands().download(shop.kim, export.id, Part(None, None), None)
        assert [entry[1] for entry in await shop.audited()] == ["export.asked", "export.ready"]
        await line.mend()
        line.alter_back = lambda data: data[:3000]
        opened = await shop.commands().download(shop.kim, export.id, Part(None, None), None)
        with pytest.raises(Unavailable):
            async for _ in pieces(opened.reading, opened.size, unrevoked):
                pass
        await opened.reading.close()
        assert (await shop.audited())[-1][1] == "export.downloaded"


async def test_what_ends_while_the_bucket_is_away_ends_and_its_file_goes_when_it_is_back(
    stack: Stack, channel: str, server: S3Server, tmp_path: Path
) -> None:
    async with shop_of(stack, channel, server, f"{tmp_path.name}/") as (shop, line):
        expiring = await shop.ready()
        shop.clock.instant += KEPT
        revoked = await shop.ready()
        shop.clock.instant += timedelta(hours=1)
        withdrawn = await shop.ready()
        contact = UUID((await shop.rows(withdrawn.id))[1][0])
        await line.cut()
        await shop.commands().revoke(shop.kim, revoked.id, None)
        await shop.keeper().expire()
        await erase(shop, contact)
        found = [(await shop.state(export.id)).status for export in (expiring, revoked, withdrawn)]
        assert found == [Status.EXPIRED, Status.REVOKED, Status.WITHDRAWN]
        with pytest.raises(Gone):
            await shop.rows(revoked.id)
        with pytest.raises(Unavailable):
            await shop.keeper().sweep()
        assert not await Queries(shop.database).holds_nothing(shop.channel, [contact])
        await line.mend()
        assert await shop.files.there() == {(export.id, 1) for export in (expiring, revoked, withdrawn)}
        await shop.keeper().sweep()
        assert await shop.files.there() == set()
        assert await Queries(shop.database).holds_nothing(shop.channel, [contact])
