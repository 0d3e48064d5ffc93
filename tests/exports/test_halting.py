"""Work in a thread ends soon after its lease does, and nothing of it goes on behind the back of whoever goes on."""

import asyncio
import io
import threading
from datetime import timedelta

import pytest

from common.lease import Lost, kept
from exports.halting import Threads

SHORT = timedelta(milliseconds=40)


async def renewed_once() -> bool:
    return False


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


async def test_whoever_waits_for_something_else_is_freed() -> None:
    freed = threading.Event()
    async with asyncio.timeout(10), kept(renewed_once, asyncio.Event(), SHORT) as lease:
        threads = Threads(lease)
        threads.ending(freed.set)
        with pytest.raises(Lost):
            await threads.run(freed.wait)


async def test_work_gives_what_it_gives_and_raises_what_it_raises() -> None:
    async def renew() -> bool:
        return True

    async with kept(renew, asyncio.Event(), SHORT) as lease:
        threads = Threads(lease)
        assert await threads.run(sorted, [2, 1]) == [1, 2]
        with pytest.raises(ValueError, match="invalid literal"):
            await threads.run(int, "x")
