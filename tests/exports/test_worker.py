"""The worker over real tables and files: complete or not at all, whoever dies, cancels or breaks off."""

import asyncio
import io
import re
import resource
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from common.auth import Caller
from common.errors import Conflict
from common.health import Health
from common.listening import Listening
from exports.export import MOST_ATTEMPTS, Export, Status, fold
from exports.files import Files
from exports.handlers import Part
from exports.queries import Queries, progress
from exports.said import AWAY, GAVE_UP, NO_ROOM
from exports.worker import LEASE
from tests.exports.conftest import CONTACTS, MIDWAY, whole
from tests.support.api import eventually
from tests.support.workshop import Between, Workshop


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged meanwhile; it is kept from the output, whose file `small_disk` would limit too."""
    with capture_logs() as entries:
        yield entries


async def needed(shop: Workshop, export: Export) -> tuple[object, ...]:
    async with shop.database.connection() as connection:
        row = await connection.fetchrow("select lock, asked, lease_by, lease_until from export where id = $1", export.id)
    assert row is not None
    return tuple(row)


async def test_a_file_is_written_and_proven_and_every_step_is_an_event(shop: Workshop) -> None:
    asked = await shop.ask()
    assert await shop.work(shop.worker())
    export = await shop.state(asked.id)
    assert export.manifest is not None
    assert export.manifest.instant >= asked.requested_at
    events = await shop.events(asked.id)
    assert fold(events) == export
    kinds = [event.type.removeprefix("export.") for event in events if event.type != "export.progressed"]
    assert kinds == ["requested", "taken_up", "counted", "written", "completed"]
    told = await shop.told(asked.id)
    assert (told[0], told[-1], len(told)) == ("export.requested", "export.completed", len(events))
    (asked_line, ready) = await shop.audited()
    assert asked_line[:3] == ("kim", "export.asked", "accepted")
    # How many there are is counted by search, which may not have heard of all of them yet.
    assert re.fullmatch(r"a greeting \(scope all, [0-9,]+ contacts, columns id, mobileNumber\)", asked_line[3] or "")
    assert ready == ("service:exports", "export.ready", "done", f"{CONTACTS} rows")
    await whole(shop, export)
    assert await needed(shop, export) == (None, None, None, None)
    assert not await shop.work(shop.worker())


async def test_the_file_is_for_the_service_alone(shop: Workshop) -> None:
    export = await shop.ready()
    [path] = shop.folder.iterdir()
    assert path.name == f"{export.id}.1.xlsx"
    assert (path.stat().st_mode & 0o777, shop.folder.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_checked_contacts_alone_are_written(shop: Workshop) -> None:
    everyone = await shop.ready()
    some = sorted(row[0] for row in (await shop.rows(everyone.id))[1:])[:3]
    shop.clock.instant += timedelta(hours=1)
    asked = await shop.ask(contactIds=[some[2], some[0], some[2]])
    assert (await needed(shop, asked))[1] == {"contactIds": [some[2], some[0]]}
    assert [event.members()["scope"] for event in await shop.events(asked.id)] == [{"kind": "contactIds"}]
    assert await shop.work(shop.worker())
    assert [row[0] for row in (await shop.rows(asked.id))[1:]] == [some[0], some[2]]


async def test_a_cancelled_export_is_let_go_in_the_middle_and_leaves_nothing(shop: Workshop) -> None:
    asked = await shop.ask()
    async with Between(shop.search_url, MIDWAY, hold=True).open() as between:
        working = asyncio.create_task(shop.work(shop.worker(search_url=between.url, lease=timedelta(seconds=0.4))))
        await shop.until(asked.id, "writing")
        await between.reached.wait()
        assert len(list(shop.folder.iterdir())) == 1
        cancelled = await shop.commands().cancel(shop.kim, asked.id, "127.0.0.1")
        assert await working
    assert cancelled.status is Status.CANCELLED
    assert await shop.state(asked.id) == cancelled == fold(await shop.events(asked.id))
    assert list(shop.folder.iterdir()) == []
    assert await needed(shop, cancelled) == (None, None, None, None)
    with pytest.raises(Conflict):
        await shop.commands().cancel(shop.kim, asked.id, None)
    assert [line[1:3] for line in await shop.audited()] == [("export.asked", "accepted"), ("export.cancelled", "done")]
    await shop.ask()  # a cancelled one does not count for the window


async def test_an_export_is_cancelled_before_anybody_has_taken_it_up(shop: Workshop) -> None:
    asked = await shop.ask()
    cancelled = await shop.commands().cancel(shop.kim, asked.id, None)
    assert not await shop.work(shop.worker())
    assert (await needed(shop, cancelled), await shop.files.there()) == ((None, None, None, None), set())


async def test_an_export_is_cancelled_while_search_still_catches_up(shop: Workshop) -> None:
    asked = await shop.ask()
    async with Between(shop.search_url, 0, hold=True).open() as between:
        working = asyncio.create_task(shop.work(shop.worker(search_url=between.url, lease=timedelta(seconds=0.4))))
        await between.reached.wait()
        await shop.until(asked.id, "counting")
        cancelled = await shop.commands().cancel(shop.kim, asked.id, None)
        assert await working
    assert await shop.state(asked.id) == cancelled
    assert list(shop.folder.iterdir()) == []


class Slow(io.BufferedRandom):
    """A file that keeps whoever reads it back waiting until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "x+"))
        self.reached, self.let_go, self.reads = threading.Event(), threading.Event(), 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        self.reached.set()
        assert self.let_go.wait(30)
        return super().read(size)


class SlowFiles(Files):
    """A folder on a slow disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = Slow(folder / "slow")

    async def begin(self, export_id: UUID, attempt: int) -> BinaryIO:
        (await super().begin(export_id, attempt)).close()
        return self.file


async def test_an_export_is_cancelled_while_its_file_is_read_back(shop: Workshop) -> None:
    files = SlowFiles(shop.folder)
    asked = await shop.ask()
    working = asyncio.create_task(shop.work(replace(shop, files=files).worker(lease=timedelta(seconds=0.4))))
    assert await asyncio.to_thread(files.file.reached.wait, 30)
    cancelled = await shop.commands().cancel(shop.kim, asked.id, None)
    before = files.file.reads
    await eventually(lambda: needed(shop, cancelled), lambda found: found == (None, None, None, None))
    await asyncio.sleep(0)
    files.file.let_go.set()
    assert await working
    assert files.file.reads <= before + 1, "it read on"
    assert (await shop.state(asked.id), await shop.files.there()) == (cancelled, set())


async def test_a_killed_workers_export_is_taken_over_once_its_lease_is_over(shop: Workshop) -> None:
    asked = await shop.ask()
    async with Between(shop.search_url, MIDWAY, hold=True).open() as between:
        killed = asyncio.create_task(shop.work(shop.worker("killed", between.url)))
        await between.reached.wait()
        await shop.until(asked.id, "writing")
        killed.cancel()  # as a kill, it leaves lease and file as they are
        await asyncio.wait({killed})
    assert await shop.files.there() == {(asked.id, 1)}
    assert not await shop.work(shop.worker("other"))
    await shop.keeper().sweep()
    assert await shop.files.there() == {(asked.id, 1)}
    shop.clock.instant += LEASE
    assert await shop.work(shop.worker("other"))
    export = await shop.state(asked.id)
    assert export.attempts == 2
    await whole(shop, export)
    await shop.keeper().sweep()
    assert await shop.files.there() == {(asked.id, 2)}
    await whole(shop, export)


async def test_a_worker_that_was_taken_for_dead_cannot_touch_what_another_made(shop: Workshop) -> None:
    asked = await shop.ask()
    async with Between(shop.search_url, MIDWAY, hold=True).open() as between:
        silent = asyncio.create_task(shop.work(shop.worker("silent", between.url)))
        await between.reached.wait()
        await shop.until(asked.id, "writing")
        shop.clock.instant += LEASE
        assert await shop.work(shop.worker("other"))
        export = await shop.state(asked.id)
        between.released.set()
        assert await silent
    assert await shop.state(asked.id) == export
    assert await shop.files.there() == {(asked.id, 2)}
    await whole(shop, export)


async def test_a_stopped_worker_gives_its_export_back_at_once(shop: Workshop) -> None:
    asked = await shop.ask()
    stop = asyncio.Event()
    async with Between(shop.search_url, MIDWAY, hold=True).open() as between:
        working = asyncio.create_task(shop.worker(search_url=between.url).work_once(stop))
        await between.reached.wait()
        await shop.until(asked.id, "writing")
        stop.set()
        assert await working
    assert (await shop.state(asked.id)).status is Status.WAITING
    assert await shop.files.there() == set()
    assert await shop.work(shop.worker("other"))
    await whole(shop, await shop.state(asked.id))


async def test_a_stream_that_breaks_off_never_becomes_a_file_and_is_tried_again_later(shop: Workshop) -> None:
    asked = await shop.ask()
    async with Between(shop.search_url, MIDWAY).open() as between:
        assert await shop.work(shop.worker(search_url=between.url))
    export = await shop.state(asked.id)
    assert (export.status, export.rows_done, export.rows_total) == (Status.WAITING, 0, None)
    assert await shop.files.there() == set()
    assert not await shop.work(shop.worker())
    shop.clock.instant += timedelta(seconds=1)
    assert await shop.work(shop.worker())
    await whole(shop, await shop.state(asked.id))


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: as on a full disk, the write fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_leaves_no_file_and_the_export_waits_for_another_attempt(
    shop: Workshop, logs: list[MutableMapping[str, Any]]
) -> None:
    asked = await shop.ask()
    with small_disk(8192):
        assert await shop.work(shop.worker())
    [failed] = [entry for entry in logs if entry["event"] == "an export waits for a store"]
    assert isinstance(failed["exc_info"], OSError)
    export = await shop.state(asked.id)
    assert (export.status, export.problem, export.problem_ko) == (Status.WAITING, *NO_ROOM)
    assert await shop.files.there() == set()
    shop.clock.instant += timedelta(seconds=2)
    assert await shop.work(shop.worker())
    await whole(shop, await shop.state(asked.id))


async def poison(shop: Workshop) -> None:
    """From now on whoever writes the exports that are there meets an error of the program."""
    async with shop.database.connection() as connection:
        await connection.execute("""update export set state = jsonb_set(state, '{timeZone}', '"No/Where"')""")


async def test_an_export_waits_for_a_search_that_is_away_however_long_and_says_so(
    shop: Workshop, logs: list[MutableMapping[str, Any]]
) -> None:
    asked = await shop.ask()
    health = Health({})
    health.started = True
    async with Between(shop.search_url, 0).open() as between:
        worker = shop.worker(search_url=between.url, health=health)
        for _ in range(MOST_ATTEMPTS + 2):
            assert await shop.work(worker)
            assert not await shop.work(worker)
            shop.clock.instant += timedelta(seconds=31)
    export = await shop.state(asked.id)
    assert (export.status, export.attempts, export.spared) == (Status.WAITING, MOST_ATTEMPTS + 2, MOST_ATTEMPTS + 2)
    assert (export.problem, export.problem_ko) == AWAY
    [reason] = {entry["reason"] for entry in logs if entry["event"] == "an export waits for a store"}
    assert await health.problems() == {"exports": f"waits: {reason}"}
    assert await shop.work(shop.worker(health=health))
    await whole(shop, await shop.state(asked.id))
    assert await health.problems() == {}


async def test_an_export_that_waits_for_what_is_away_can_be_cancelled(shop: Workshop) -> None:
    asked = await shop.ask()
    async with Between(shop.search_url, 0).open() as between:
        assert await shop.work(shop.worker(search_url=between.url))
    cancelled = await shop.commands().cancel(shop.kim, asked.id, None)
    shop.clock.instant += timedelta(seconds=31)
    assert not await shop.work(shop.worker())
    assert (cancelled.status, await needed(shop, cancelled)) == (Status.CANCELLED, (None, None, None, None))


async def test_after_ten_attempts_it_fails_and_the_manager_is_told_and_may_ask_again(shop: Workshop) -> None:
    asked = await shop.ask()
    await poison(shop)
    for _ in range(MOST_ATTEMPTS):
        assert await shop.work(shop.worker())
        shop.clock.instant += timedelta(seconds=31)
    export = await shop.state(asked.id)
    assert (export.status, export.attempts) == (Status.FAILED, MOST_ATTEMPTS)
    assert export.problem is not None
    assert "Ask again" in export.problem
    assert (await shop.told(asked.id))[-1] == "export.failed"
    assert (await shop.audited())[-1] == ("service:exports", "export.failed", "failed", export.problem)
    assert await needed(shop, export) == (None, None, None, None)
    with pytest.raises(Conflict):
        await shop.commands().download(shop.kim, asked.id, Part(None, None), None)
    await shop.ask()  # a failed one does not count for the window


async def test_an_error_of_the_program_costs_one_export_its_attempts_and_ends_no_worker(
    shop: Workshop, logs: list[MutableMapping[str, Any]]
) -> None:
    poisoned = await shop.ask()
    await poison(shop)
    other = await shop.ask(Caller("lee", shop.channel, frozenset({"exports.create"})))
    worker = shop.worker()
    assert await shop.work(worker)
    assert ((await shop.state(poisoned.id)).status, await shop.files.there()) == (Status.WAITING, set())
    [told] = [entry for entry in logs if entry["event"] == "an attempt met an error of the program"]
    assert (told["log_level"], told["export"]) == ("error", str(poisoned.id))
    assert await shop.work(worker)
    assert (await shop.state(other.id)).status is Status.READY
    for _ in range(MOST_ATTEMPTS - 1):
        shop.clock.instant += timedelta(seconds=31)
        assert await shop.work(worker)
    assert ((await shop.state(poisoned.id)).status, (await shop.state(poisoned.id)).problem) == (Status.FAILED, GAVE_UP.english)


async def test_an_export_that_cannot_be_read_rests_and_the_others_go_on(shop: Workshop) -> None:
    unreadable = await shop.ask()
    async with shop.database.connection() as connection:
        await connection.execute("""update export set state = '{"status": "of a later version"}'""")
    other = await shop.ask(Caller("lee", shop.channel, frozenset({"exports.create"})))
    worker = shop.worker()
    assert [await shop.work(worker) for _ in range(3)] == [False, True, False]
    assert (await shop.state(other.id)).status is Status.READY
    async with shop.database.connection() as connection:
        await connection.execute("update export set state = $1 where id = $2", unreadable.members(), unreadable.id)
    shop.clock.instant += LEASE
    assert await shop.work(worker)
    await whole(shop, await shop.state(unreadable.id))


async def test_a_filter_that_search_refuses_by_then_ends_the_export_with_its_reason(shop: Workshop) -> None:
    asked = await shop.ask()
    async with shop.database.connection() as connection:
        await connection.execute("update export set asked = $1", {"segment": str(uuid4())})
    assert await shop.work(shop.worker())
    export = await shop.state(asked.id)
    assert (export.status, export.problem) == (Status.FAILED, "There is no such segment.")


async def test_a_lock_sealed_with_another_key_fails_and_says_nothing_of_it(shop: Workshop) -> None:
    asked = await shop.ask()
    assert await shop.work(shop.worker(key=b"x" * 32))
    export = await shop.state(asked.id)
    assert export.status is Status.FAILED
    assert export.problem is not None
    assert "key" not in export.problem
    assert await shop.files.there() == set()


async def test_two_workers_never_have_one_export(shop: Workshop) -> None:
    first = await shop.ask()
    second = await shop.ask(Caller("lee", shop.channel, frozenset({"exports.create"})))
    assert set(await asyncio.gather(shop.work(shop.worker("one")), shop.work(shop.worker("two")))) == {True}
    assert {(await shop.state(e.id)).attempts for e in (first, second)} == {1}
    await whole(shop, await shop.state(first.id))


async def test_progress_is_told_until_the_token_ends_or_the_process_stops(shop: Workshop) -> None:
    asked = await shop.ask()
    health = Health({})
    kim = Caller("kim", shop.channel, frozenset({"*"}), expires=shop.clock.instant + timedelta(seconds=3))

    async def wait() -> None:
        shop.clock.instant += timedelta(seconds=1)

    async def told() -> list[bytes]:
        goes_on = Listening(health, shop.clock).of(kim)
        return [line async for line in progress(Queries(shop.database), kim, asked.id, goes_on, wait)]

    async with asyncio.timeout(30):
        assert [line.split(b"\n")[1] for line in await told()] == [b"event: progress"]
        assert shop.clock.instant == kim.expires
        assert await told() == []
        kim = replace(kim, expires=None)
        health.draining = True
        assert await told() == []
