"""Work in a thread ends soon after its lease does, and nothing of it goes on behind the back of whoever goes on."""

import asyncio
import contextlib
import io
import tempfile
import threading
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pytest

from common.lease import Lost, kept
from exports.events import Column
from exports.files import Files
from exports.halting import Threads
from exports.workbook.agile_format import Stretched
from exports.writing import Writing, read_back

SHORT = timedelta(milliseconds=40)


async def renewed_once() -> bool:
    return False


async def always() -> bool:
    return True


async def test_whoever_reads_or_writes_is_halted_at_the_next_piece_and_waited_for() -> None:
    file, ended = io.BytesIO(b"x" * 100), threading.Event()

    async with asyncio.timeout(10), kept(renewed_once, asyncio.Event(), SHORT) as lease:
        threads = Threads(lease)
        watched = threads.watched(file)

        def read_for_ever() -> None:
            try:
                while True:
                    watched.seek(0)
                    watched.read(1)
            finally:
                ended.set()

        with pytest.raises(Lost):
            await threads.run(read_for_ever)
        assert ended.is_set()
        with pytest.raises(Lost):
            await threads.run(watched.write, b"more")
    assert file.getvalue() == b"x" * 100


async def test_a_file_that_is_watched_is_written_and_read_back_as_any() -> None:
    columns, lock = [Column(key="id", type="String", heading="id")], Stretched.of("abc-123!")
    lines = [orjson.dumps({"id": str(UUID(int=n))}) for n in range(700)]
    with tempfile.TemporaryDirectory() as folder:
        files, name = Files(Path(folder)), uuid4()
        file = await files.begin(name, 1)
        async with kept(always, asyncio.Event(), SHORT) as lease:
            threads = Threads(lease)
            watched = threads.watched(file)
            with contextlib.closing(file), contextlib.closing(files.aside()) as aside:
                writing = Writing(watched, aside, lock, columns, "Asia/Seoul", "ko", 0)
                await threads.run(writing.add, lines)
                await threads.run(writing.finish)
                assert await threads.run(read_back, watched, lock, columns) == writing.told()
                size, _ = await threads.during(files.finish(name, 1, watched))
            assert size == (Path(folder) / f"{name}.1.xlsx").stat().st_size


async def test_whoever_waits_for_something_else_is_freed() -> None:
    freed = threading.Event()
    async with asyncio.timeout(10), kept(renewed_once, asyncio.Event(), SHORT) as lease:
        threads = Threads(lease)
        threads.ending(freed.set)
        with pytest.raises(Lost):
            await threads.run(freed.wait)


async def test_work_gives_what_it_gives_and_raises_what_it_raises() -> None:
    async with kept(always, asyncio.Event(), SHORT) as lease:
        threads = Threads(lease)
        assert await threads.run(sorted, [2, 1]) == [1, 2]
        with pytest.raises(ValueError, match="invalid literal"):
            await threads.run(int, "x")
