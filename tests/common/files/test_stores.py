"""What every store of files does alike, wherever it lies."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from common.files.folder import Folder
from common.files.keeping import FileStore, Reading
from common.files.s3 import S3, Limits
from tests.support.rclone import S3Server, served

NAME = "a.1.xlsx"
WHOLE = bytes(range(256)) * 1200
SMALL = Limits(part=100_000)
"""So that a few bytes are several parts."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with served(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["folder", "s3", "s3 by parts", "s3 by md5"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileStore]:
    """An empty one."""
    if request.param == "folder":
        yield Folder(tmp_path / "kept")
        return
    server: S3Server = request.getfixturevalue("server")
    bucket = server.bucket(prefix=f"{tmp_path.name}/", checksum="md5" if request.param == "s3 by md5" else "sha256")
    async with S3.open_bucket(bucket, Limits() if request.param == "s3" else SMALL) as opened:
        yield opened


def written(folder: Path, content: bytes = WHOLE) -> tuple[Path, str]:
    """A file that is written to its end, and its SHA-256."""
    path = folder / f"{len(content)}.partial"
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


async def read(reading: Reading) -> bytes:
    """All that it gives."""
    found = b""
    while data := await reading.read():
        found += data
    await reading.close()
    return found


async def test_what_is_put_is_there_whole_under_its_name_and_no_longer_where_it_was_written(
    store: FileStore, tmp_path: Path
) -> None:
    await store.check()
    path, digest = written(tmp_path)
    await store.put(NAME, path, digest)
    assert not path.exists()
    reading = await store.open(NAME, None)
    assert (reading.size, await read(reading)) == (len(WHOLE), WHOLE)
    assert await store.names() == {NAME}


async def test_a_part_is_these_bytes_and_tells_how_long_the_whole_is(store: FileStore, tmp_path: Path) -> None:
    await store.put(NAME, *written(tmp_path))
    for sent in (range(1), range(5, 200_001), range(len(WHOLE) - 7, len(WHOLE)), range(len(WHOLE))):
        reading = await store.open(NAME, sent)
        assert (reading.size, await read(reading)) == (len(WHOLE), WHOLE[sent.start : sent.stop])


async def test_what_is_removed_is_gone_and_may_be_removed_again(store: FileStore, tmp_path: Path) -> None:
    await store.put(NAME, *written(tmp_path))
    await store.put("b.2.xlsx", *written(tmp_path, b"another"))
    for _ in range(2):
        await store.remove(NAME)
    assert await store.names() == await store.names("b") == {"b.2.xlsx"}
    assert await store.names("a") == set()
    with pytest.raises(FileNotFoundError):
        await store.open(NAME, None)
    with pytest.raises(FileNotFoundError):
        await store.open(NAME, range(3))


async def test_one_that_is_read_can_be_left_in_the_middle(store: FileStore, tmp_path: Path) -> None:
    await store.put(NAME, *written(tmp_path))
    for _ in range(3):
        reading = await store.open(NAME, None)
        assert WHOLE.startswith(await reading.read())
        await reading.close()
