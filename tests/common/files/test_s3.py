"""A bucket that is away, dies, hangs, lies or is set otherwise than was thought: nothing by halves, and words for it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.errors import Unavailable
from common.files.keeping import Altered
from common.files.s3 import S3, Limits
from tests.common.files.test_stores import NAME, WHOLE, read, written
from tests.support.proxy import Proxy, after
from tests.support.rclone import SECRET, S3Server, served

QUICK = Limits(part=100_000, connecting=2, answering=10, silent=1, sending=4, joining=10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with served(tmp_path_factory.mktemp("s3")) as server:
        yield server


@asynccontextmanager
async def over_a_line(server: S3Server, folder: Path, **more: object) -> AsyncIterator[tuple[S3, Proxy]]:
    """The bucket, and the line to it."""
    async with (
        Proxy.before("127.0.0.1", server.port) as line,
        S3.open_bucket(server.bucket(line.port, prefix=f"{folder.name}/", **more), QUICK) as store,
    ):
        yield store, line


async def test_an_upload_to_a_store_that_falls_silent_leaves_nothing_and_the_file_stays_where_it_was_written(
    server: S3Server, tmp_path: Path
) -> None:
    path, digest = written(tmp_path, WHOLE * 10)
    async with over_a_line(server, tmp_path) as (store, line):
        line.alter_there = after(250_000, line.hush)
        with pytest.raises(Unavailable, match="does not answer"):
            await store.put(NAME, path, digest)
        line.speak()
        await store.remove(NAME)
        assert (path.exists(), await store.names()) == (True, set())
        await store.put(NAME, path, digest)
        assert await read(await store.open(NAME, None)) == WHOLE * 10


async def test_a_store_that_is_slow_is_waited_for(server: S3Server, tmp_path: Path) -> None:
    async with over_a_line(server, tmp_path) as (store, line):
        for pause in (250_000, 500_000):
            line.alter_there = after(pause, line.hush)
            tried = asyncio.create_task(store.put(NAME, *written(tmp_path, WHOLE * 10)))
            await asyncio.wait({tried}, timeout=0.5)
            assert not tried.done()
            line.speak()
            await tried
        line.alter_back = after(1_000_000, line.hush)
        reading = asyncio.create_task(read(await store.open(NAME, None)))
        await asyncio.wait({reading}, timeout=0.3)
        assert not reading.done()
        line.speak()
        assert await reading == WHOLE * 10


async def test_one_broken_connection_breaks_no_upload(server: S3Server, tmp_path: Path) -> None:
    async with over_a_line(server, tmp_path) as (store, line):
        line.alter_there = after(250_000, line.break_off)
        await store.put(NAME, *written(tmp_path, WHOLE * 10))
        assert await read(await store.open(NAME, None)) == WHOLE * 10


async def test_an_upload_that_is_broken_off_by_us_is_aborted(server: S3Server, tmp_path: Path) -> None:
    path, digest = written(tmp_path, WHOLE * 10)
    async with over_a_line(server, tmp_path) as (store, line):
        tried = asyncio.create_task(store.put(NAME, path, digest))
        reached = asyncio.Event()
        line.alter_there = after(250_000, reached.set)
        async with asyncio.timeout(60):
            await reached.wait()
        tried.cancel()
        await asyncio.wait({tried})
        assert (tried.cancelled(), path.exists(), await store.names()) == (True, True, set())


async def test_a_store_that_is_killed_during_an_upload_is_waited_for_by_whoever_tries_again(tmp_path: Path) -> None:
    with served(tmp_path / "own") as server:
        async with over_a_line(server, tmp_path) as (store, line):
            path, digest = written(tmp_path, WHOLE * 10)
            line.alter_there = after(250_000, server.kill)
            with pytest.raises(Unavailable):
                await store.put(NAME, path, digest)
            assert path.exists()
            with pytest.raises(Unavailable, match="does not answer"):
                await store.check()
            server.start()
            assert await store.names() == set()
            await store.put(NAME, path, digest)
            assert await read(await store.open(NAME, None)) == WHOLE * 10


@pytest.mark.parametrize("how", [Proxy.hush, Proxy.break_off])
async def test_what_breaks_off_while_it_is_read_says_so(server: S3Server, tmp_path: Path, how: Callable[[Proxy], None]) -> None:
    async with over_a_line(server, tmp_path) as (store, line):
        await store.put(NAME, *written(tmp_path, WHOLE * 10))
        line.alter_back = after(1_000_000, lambda: how(line))
        reading = await store.open(NAME, None)
        with pytest.raises(Unavailable, match="does not answer"):
            await read(reading)
        await reading.close()
        line.speak()
        assert await read(await store.open(NAME, range(9, 12))) == WHOLE[9:12]


@pytest.mark.parametrize("checksum", ["sha256", "md5"])
async def test_what_changes_on_its_way_is_never_kept(server: S3Server, tmp_path: Path, checksum: str) -> None:
    async with over_a_line(server, tmp_path, checksum=checksum) as (store, line):
        line.alter_there = lambda data: data.replace(bytes(range(64, 128)), bytes(range(65, 129)))
        with pytest.raises((Altered, Unavailable)):
            await store.put(NAME, *written(tmp_path))


async def test_what_changes_on_its_way_back_is_no_proof(server: S3Server, tmp_path: Path) -> None:
    async with over_a_line(server, tmp_path) as (store, line):
        line.alter_back = lambda data: data.replace(bytes(range(64, 128)), bytes(range(65, 129)))
        with pytest.raises(Altered):
            await store.put(NAME, *written(tmp_path))


async def test_encryption_is_asked_for_and_a_store_that_does_not_do_it_is_not_trusted(server: S3Server, tmp_path: Path) -> None:
    heard = b""
    path, digest = written(tmp_path)
    async with over_a_line(server, tmp_path, encryption="aws:kms", kms_key_id="a-key") as (store, line):

        def hear(data: bytes) -> bytes:
            nonlocal heard
            heard += data
            return data

        line.alter_there = hear
        await store.put(NAME, path, digest)
        (begun,) = re.findall(rb"POST [^ ]*\?uploads HTTP.*?\r\n\r\n", heard, re.DOTALL)
        assert re.search(rb"x-amz-server-side-encryption: aws:kms\r\n", begun, re.IGNORECASE)
        assert re.search(rb"x-amz-server-side-encryption-aws-kms-key-id: a-key\r\n", begun, re.IGNORECASE)
        path, digest = written(tmp_path)
        line.alter_back = lambda data: re.sub(rb"(?i)x-amz-server-side-encryption: aws:kms", b"x-forgotten: y", data)
        with pytest.raises(Unavailable, match="does not encrypt"):
            await store.put(NAME, path, digest)
    assert path.exists()


@pytest.mark.parametrize("told", [{"secret_access_key": "another-secret"}, {"access_key_id": "nobody"}, {"name": "nothing"}])
async def test_a_bucket_that_refuses_us_is_told_of_without_a_secret(
    server: S3Server, tmp_path: Path, told: dict[str, str]
) -> None:
    bucket = server.bucket()
    async with S3.open_bucket(replace(bucket, **told), QUICK) as store:  # type: ignore[arg-type]
        for asked in (store.check, store.names, lambda: store.put(NAME, *written(tmp_path, b"x"))):
            with pytest.raises(Unavailable, match="refuses") as refused:
                await asked()
            assert not any(secret in str(refused.value.detail) for secret in (SECRET, "another-secret", "nobody", "nothing"))
    assert SECRET not in repr(bucket)


async def test_what_a_killed_sender_left_by_halves_is_seen_removed_and_in_time_aborted(tmp_path: Path) -> None:
    with served(tmp_path / "own", "--disable-multipart-streaming") as server:
        async with S3.open_bucket(server.bucket(prefix="at/"), QUICK) as store:
            for name in ("left.1.xlsx", "late.1.xlsx"):
                await store._client.create_multipart_upload(Bucket="files", Key=f"at/{name}")
            await store._client.create_multipart_upload(Bucket="files", Key="elsewhere/of-others")
            assert await store.names() == {"left.1.xlsx", "late.1.xlsx"}
            await store.remove("left.1.xlsx")
            assert await store.names() == {"late.1.xlsx"}
            await store.tidy(datetime.now(UTC) - timedelta(hours=1))
            assert await store.names() == {"late.1.xlsx"}
            await store.tidy(datetime.now(UTC) + timedelta(hours=1))
            assert await store.names() == set()
            left = await store._client.list_multipart_uploads(Bucket="files")
            assert [upload["Key"] for upload in left["Uploads"]] == ["elsewhere/of-others"]


async def test_many_files_are_listed_to_the_last(tmp_path: Path) -> None:
    folder = tmp_path / "own" / "files" / "at"
    folder.mkdir(parents=True)
    for n in range(1003):
        (folder / f"{n}.xlsx").touch()
    with served(tmp_path / "own") as server:
        async with S3.open_bucket(server.bucket(prefix="at/"), QUICK) as store:
            assert len(await store.names()) == 1003
