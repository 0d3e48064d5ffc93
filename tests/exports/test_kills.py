"""Real workers, several on one folder, killed -9 again and again while contacts change: the file is whole and of one instant."""

import asyncio
import hashlib
import os
import resource
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import httpx
import psutil
import pytest

from common.clock import from_wire
from common.files.s3 import S3
from exports.export import Export, Status
from exports.files import Files
from exports.said import NO_ROOM
from localstack.demo import decrypt
from localstack.stack import Stack
from tests.exports.conftest import NUMBERS, whole
from tests.support.api import eventually, fresh_channel
from tests.support.processes import Another, another
from tests.support.proxy import Proxy, after
from tests.support.rclone import BUCKET, KEY_ID, SECRET, served
from tests.support.workshop import KEY, PASSWORD, Workshop, workshop

BATCH = 500
COLUMNS = ("id", "memberId", "profile.round", "profile.note")
LEASE_SECONDS = "1.5"
WHEN = ("counting", "writing", "verifying", "writing")
"""Where the workers are killed: at the first sight of one of these or of what follows it."""


@asynccontextmanager
async def worker(shop: Workshop, number: int, store: Mapping[str, str] | None = None) -> AsyncIterator[Another]:
    """A process with two of rows, on the tables and the folder of the test, or with another store of files."""
    settings = {
        "EXPORTS_POSTGRES": shop.dsn, "EXPORTS_FILES": str(shop.folder), "EXPORTS_SEALING_KEY": KEY.hex(),
        "EXPORTS_PROCESSES": "2", "EXPORTS_ALONE_ROWS": "0", "EXPORTS_LEASE_SECONDS": LEASE_SECONDS, **(store or {}),
    }  # fmt: skip
    async with another(shop.stack, "exports-worker", number, settings) as process:
        yield process


@dataclass
class Changing:
    """Writes all contacts again and again, each time as another round, and remembers when each list was sent and answered."""

    client: httpx.AsyncClient
    contacts: int
    sent: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    answered: dict[int, list[float]] = field(default_factory=dict[int, list[float]])

    async def round(self, number: int) -> None:
        for begin in range(0, self.contacts, BATCH):
            names = range(begin, min(begin + BATCH, self.contacts))
            rows = [{"memberId": f"m-{n}", "profile": {"round": number, "note": f"{number}·{n}"}} for n in names]
            self.sent.setdefault(begin // BATCH, []).append(time.time())
            answer = (await self.client.post("/v1/contacts/batch", json={"contacts": rows})).raise_for_status()
            assert not any("problem" in result for result in answer.json()["results"])
            self.answered.setdefault(begin // BATCH, []).append(time.time())

    async def go_on(self) -> None:
        """Until cancelled."""
        number = 1
        while True:
            await self.round(number)
            number += 1

    def possible(self, n: int, begin: float, end: float) -> range:
        """The rounds in which the n-th may be at an instant between these: answered before the first is there in any case."""
        batch = n // BATCH
        there = sum(at < begin for at in self.answered[batch])
        begun = sum(at <= end for at in self.sent[batch])
        return range(there - 1, begun)


async def holder(shop: Workshop, export: Export) -> int | None:
    """The process that has an export in its hands, by its name."""
    async with shop.database.connection() as connection:
        name = await connection.fetchval("select lease_by from export where id = $1 and lease_until is not null", export.id)
    return None if name is None else int(name.split(":")[1])


async def killed_at(shop: Workshop, export: Export, status: str, workers: Sequence[Another]) -> bool:
    """Kill whoever writes the export once it is so far, and see its processes of rows end too; whether it had any."""
    order = ["waiting", "counting", "writing", "verifying", "ready"]

    async def so_far() -> int | None:
        state = await shop.state(export.id)
        assert order.index(state.status) < order.index("ready"), "it is done before all were killed: take more contacts"
        return await holder(shop, export) if order.index(state.status) >= order.index(status) else None

    pid = await eventually(so_far, lambda found: found in {each.pid for each in workers}, 60)
    assert pid is not None
    beside = psutil.Process(pid).children()
    os.kill(pid, signal.SIGKILL)
    assert (await asyncio.to_thread(psutil.wait_procs, beside, timeout=20))[1] == []
    # Whoever comes next has another number or waits for the lease to end: it is not met twice.
    await eventually(lambda: holder(shop, export), lambda found: found != pid, 60)
    return beside != []


async def points_open(stack: Stack) -> int:
    """How many points in time the index has open."""
    async with httpx.AsyncClient(base_url=stack.opensearch, timeout=30) as client:
        told = (await client.get("/contacts/_stats/search")).raise_for_status().json()
    count: int = told["_all"]["total"]["search"]["point_in_time_current"]
    return count


@asynccontextmanager
async def changing(stack: Stack, channel: str, contacts: int) -> AsyncIterator[Changing]:
    """Contacts that are there once, and from then on are written again and again until the end."""
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim')}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=120) as client:
        (await client.patch("/v1/channel", json={"exportMinutes": 0})).raise_for_status()
        changes = Changing(client, contacts)
        await changes.round(0)
        going_on = asyncio.create_task(changes.go_on())
        try:
            yield changes
            assert not going_on.done(), going_on.exception()
        finally:
            going_on.cancel()
            await asyncio.gather(going_on, return_exceptions=True)


@pytest.mark.parametrize(("contacts", "kills"), [(2_000, 2), pytest.param(50_000, 12, marks=pytest.mark.deep)])
async def test_a_file_is_whole_and_of_one_instant_however_often_its_workers_are_killed(
    stack: Stack, contacts: int, kills: int
) -> None:
    before, channel = await points_open(stack), fresh_channel()
    async with (
        changing(stack, channel, contacts) as changes,
        workshop(stack, channel) as shop,
        worker(shop, 0) as one,
        worker(shop, 1) as two,
    ):
        asked = await shop.ask(columns=COLUMNS)
        beside = [await killed_at(shop, asked, status, (one, two)) for _, status in zip(range(kills), cycle(WHEN), strict=False)]
        assert any(beside), "none of the killed had processes of rows"
        export = await eventually(lambda: shop.state(asked.id), lambda state: not state.in_work, 120)
        assert (export.status, export.attempts, export.lost) == (Status.READY, kills + 1, kills)
        await proven(shop, export, changes)
        await shop.keeper().sweep()
        assert [path.name for path in shop.folder.iterdir()] == [f"{asked.id}.{export.attempts}.xlsx"]
        await eventually(lambda: points_open(stack), lambda count: count <= before)


async def proven(shop: Workshop, export: Export, changes: Changing) -> None:
    """The file holds everybody once, is what the manifest says, and has of everybody the values of one instant."""
    rows = (await shop.rows(export.id))[1:]
    manifest = export.manifest
    assert manifest is not None
    assert sorted(int(row[1][2:]) for row in rows) == list(range(changes.contacts))
    ids = [row[0] for row in rows]
    assert ids == sorted(set(ids))
    assert (manifest.rows, manifest.ids_sha256) == (len(rows), hashlib.sha256("\n".join(ids).encode()).hexdigest())
    content = (shop.folder / f"{export.id}.{export.attempts}.xlsx").read_bytes()
    assert (manifest.bytes, manifest.file_sha256) == (len(content), hashlib.sha256(content).hexdigest())
    begin, end = [at.timestamp() for at in await last_attempt(shop, export)]
    assert begin <= from_wire(manifest.instant).timestamp() <= end
    for _, member, number, note in rows:
        assert note == f"{number}·{member[2:]}"
        assert number in changes.possible(int(member[2:]), begin, end)


async def last_attempt(shop: Workshop, export: Export) -> tuple[datetime, datetime]:
    """When the last attempt began, and when its rows were counted: their instant lies between."""
    async with shop.database.connection() as connection:
        rows = await connection.fetch("select type, max(at) as at from event where stream = $1 group by type", export.id)
    at = {row["type"]: row["at"] for row in rows}
    return at["export.taken_up"], at["export.counted"]


async def test_a_real_worker_on_a_full_disk_leaves_nothing_and_goes_on_once_there_is_room(shop: Workshop) -> None:
    async with worker(shop, 2) as process:
        # As a full disk or a quota does: no file of that process grows beyond it, and the write fails.
        limited = psutil.Process(process.pid)
        limited.rlimit(psutil.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
        shop.clock.instant = datetime.now(UTC)
        asked = await shop.ask()
        export = await eventually(lambda: shop.state(asked.id), lambda state: state.problem is not None)
        assert (export.problem, export.problem_ko) == NO_ROOM
        await eventually(lambda: shop.state(asked.id), lambda state: state.status is Status.WAITING)
        assert list(shop.folder.iterdir()) == []
        assert limited.children() == []
        limited.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await whole(shop, await eventually(lambda: shop.state(asked.id), lambda state: not state.in_work))


async def test_a_worker_killed_while_it_sends_a_file_into_a_bucket_is_followed_by_another_and_the_api_sends_it_from_there(
    shop: Workshop, tmp_path: Path
) -> None:
    shop.clock.instant = datetime.now(UTC)
    with served(tmp_path) as server:
        async with Proxy.before("127.0.0.1", server.port) as line:
            reached = asyncio.Event()

            def hang() -> None:
                line.hush()
                reached.set()

            store = {
                "EXPORTS_STORE": f"s3://{BUCKET}/of/exports", "EXPORTS_S3_ENDPOINT": f"http://127.0.0.1:{line.port}",
                "EXPORTS_S3_ACCESS_KEY_ID": KEY_ID, "EXPORTS_S3_SECRET_ACCESS_KEY": SECRET,
            }  # fmt: skip
            own = store | {"EXPORTS_POSTGRES": shop.dsn, "EXPORTS_FILES": str(shop.folder)}
            async with (
                worker(shop, 3, store | {"EXPORTS_FILES": str(tmp_path / "one")}) as one,
                worker(shop, 4, store | {"EXPORTS_FILES": str(tmp_path / "two")}) as two,
                another(shop.stack, "exports-api", 8, own) as api,
            ):
                line.alter_there = after(9_000, hang)
                asked = await shop.ask()
                async with asyncio.timeout(60):
                    await reached.wait()
                pid = await holder(shop, asked)
                (one if pid == one.pid else two).kill()
                line.break_off()
                line.speak()
                export = await eventually(lambda: shop.state(asked.id), lambda state: not state.in_work, 60)
                assert (export.status, export.attempts, export.lost) == (Status.READY, 2, 1)
                # What was on its way may have arrived all the same; nothing needs it, and it is swept.
                async with S3.open_bucket(server.bucket(prefix="of/exports/")) as opened:
                    shop.files = Files(shop.folder, opened)
                    await shop.keeper().sweep()
                assert [path.name for path in (server.folder / BUCKET).rglob("*.xlsx")] == [f"{asked.id}.2.xlsx"]
                headers = {"Authorization": f"Bearer {shop.stack.token(channel=shop.channel, sub='kim')}", "Range": "bytes=0-"}
                async with httpx.AsyncClient(base_url=api.url, headers=headers, timeout=30) as client:
                    file = await client.post(f"/v1/exports/{asked.id}/download")
                assert (file.status_code, export.manifest and export.manifest.file_sha256) == (
                    httpx.codes.PARTIAL_CONTENT, hashlib.sha256(file.content).hexdigest(),
                )  # fmt: skip
                assert {row[1] for row in decrypt(file.content, PASSWORD)[1:]} == NUMBERS
