"""Writes the files that were asked for, one at a time, and takes over what a silent worker left."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, BinaryIO

from msgspec import structs

from common.clock import Clock, from_wire, to_wire
from common.errors import Conflict, Problem, Unavailable, Unprocessable
from common.files.keeping import Altered
from common.health import Health
from common.ids import Ids
from common.lease import Lease, Lost, Stopped, kept, pause_after
from common.loop import repeat
from common.peers import BrokenOff
from common.postgres import Database, Tx
from common.telemetry import log, span
from exports import holdings, journal, store, stream
from exports.audit import store as audit
from exports.audit.entry import Action, Entry
from exports.auditing import approval_asked
from exports.events import Manifest
from exports.export import Complete, Count, Export, Fail, Finish, GiveBack, Progress, Status, TakeUp, Wait, decide
from exports.files import Aside, Files
from exports.halting import Threads
from exports.neighbours import Neighbours
from exports.rows.makers import MakerEnded
from exports.said import CANNOT, refused, unfit, waits_for
from exports.sealing import Sealing, Unsealable
from exports.signing import ManifestKeys
from exports.store import Needed
from exports.workbook.agile_format import Stretched, Tampered, WrongPassword
from exports.workbook.cells import CannotWrite
from exports.workbook.compound import PackageTooLong
from exports.writing import Incomplete, Writing, read_back

LEASE = timedelta(seconds=8)
"""A worker that has been silent for so long is taken for dead."""
_IDLE_SECONDS = 0.2
_TELL_SECONDS = 1.0
_LATE = timedelta(hours=1)
"""An erasure told so long before a request is in what search shows to it by then."""
_BY = "service:exports"
_MAY_PASS = (Problem, Incomplete, Tampered, WrongPassword, MakerEnded, Altered)
"""What may go better the next time, as a stream that broke off may: a disk that lies, a process of rows that was killed."""
ALONE_ROWS = 20_000
"""Rows after which it is looked whether processes of rows would help: to start them takes as long as these."""
_WAITED = 0.2
"""Where a worker waits for rows for more of its time than this, they come no faster by more hands."""
_TOLD_SECONDS = 60.0
"""So long the health tells that exports wait for a store: longer than one rests."""


class Worker:
    """One worker; several share the exports by leases."""

    def __init__(
        self,
        name: str,
        database: Database,
        neighbours: Neighbours,
        files: Files,
        sealing: Sealing,
        clock: Clock,
        ids: Ids,
        health: Health,
        keys: ManifestKeys,
        *,
        lease: timedelta = LEASE,
        processes: int = 0,
        alone_rows: int = ALONE_ROWS,
    ) -> None:
        self._name = name
        self._processes = processes
        self._alone_rows = alone_rows
        self._database = database
        self._neighbours = neighbours
        self._files = files
        self._sealing = sealing
        self._clock = clock
        self._ids = ids
        self._health = health
        self._keys = keys
        health.beat("worker")
        self._lease = lease

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        await repeat(lambda: self.work_once(stop), stop, every=_IDLE_SECONDS, name="worker", health=self._health)

    async def work_once(self, stop: asyncio.Event) -> bool:
        """Take up the export that waits longest and bring it as far as it goes; answers whether there was one."""
        claimed = await self._claim()
        if claimed is None:
            return False
        export, needed = claimed
        if not export.in_work:
            return True
        try:
            with span("export", attempt=export.attempts):
                async with kept(partial(self._renew, export), stop, self._lease) as lease:
                    await self._attempt(_Job(self, export), needed, lease)
        except Lost:
            log.info("an export was let go", export=str(export.id))
            await self._clear(export)
        return True

    async def _clear(self, export: Export) -> None:
        """Delete what a lost attempt has left, unless it was lost by success: a commit may be made and never heard of."""
        async with self._database.connection() as connection:
            needed = await store.holding(connection, [export.id])
        if (export.id, export.attempts) not in needed:
            await self._files.let_go(export.id, export.attempts)

    async def _claim(self) -> tuple[Export, Needed] | None:
        async with self._database.transaction() as tx:
            now = self._clock.now()
            claimed = await store.claim(tx, self._name, now, now + self._lease)
            if claimed is None:
                return None
            export = claimed.export
            if export is None:  # it rests as long as a lease lasts, and the others go on
                return None
            after = await journal.append(tx, export, decide(export, TakeUp()), now, _BY)
            await self._note(tx, after, now)
        log.info("an export is taken up", export=str(after.id), attempt=after.attempts)
        return after, claimed.needed

    async def _renew(self, export: Export) -> bool:
        self._health.beat("worker")
        async with self._database.transaction() as tx:
            return await store.renew(tx, export, self._name, self._clock.now() + self._lease)

    async def _attempt(self, job: "_Job", needed: Needed, lease: Lease) -> None:
        """Raises Lost where the export is not this worker's any more, Unavailable where how it ended cannot be written down.

        Whatever else an attempt meets is this export's alone: it is tried again, and after some attempts given up, but not where
        something is away.
        """
        export = job.export
        try:
            lock = self._sealing.open(needed.lock, str(export.id))
            file = await self._files.begin(export.id, export.attempts)
            with contextlib.closing(file), contextlib.closing(self._files.aside()) as aside:
                written = await self._write(job, file, aside, lock, needed.asked, lease)
            self._health.well("exports")
            if written:
                return
        except Lost:
            raise
        except (Unprocessable, Conflict) as problem:
            await job.do(Fail(refused(problem.detail)))
        except (CannotWrite, PackageTooLong) as error:
            await job.do(Fail(unfit(str(error))))
        except Unsealable as error:
            log.error("a sealed lock does not open", export=str(export.id), exc_info=error)
            await job.do(Fail(CANNOT))
        except Stopped:
            await job.do(Wait())
        except BrokenOff as error:
            await self._give_back(job, error)
        except (Unavailable, OSError) as error:
            await self._wait(job, error)
        except _MAY_PASS as error:
            await self._give_back(job, error)
        except Exception as error:  # noqa: BLE001 - what one export meets must not end the work of all the others
            log.error("an attempt met an error of the program", export=str(export.id), exc_info=error)
            await job.do(GiveBack(), rest=pause_after(export.own_attempts))
        await self._files.let_go(export.id, export.attempts)

    async def _give_back(self, job: "_Job", error: Exception) -> None:
        log.warning("an attempt failed", export=str(job.export.id), attempt=job.export.attempts, exc_info=error)
        await job.do(GiveBack(), rest=pause_after(job.export.own_attempts))

    async def _wait(self, job: "_Job", error: Unavailable | OSError) -> None:
        reason = error.detail if isinstance(error, Unavailable) else error.strerror or type(error).__name__
        log.warning("an export waits for a store", export=str(job.export.id), reason=reason, exc_info=error)
        self._health.trouble("exports", f"waits: {reason}", _TOLD_SECONDS)
        await job.do(Wait(waits_for(error)), rest=pause_after(job.export.spared + 1))

    async def _write(
        self, job: "_Job", file: BinaryIO, aside: Aside, lock: Stretched, asked: Mapping[str, Any], lease: Lease
    ) -> bool:
        """Whether there is a file now; not of too many rows, nor of rows to be approved. Raises what makes an attempt fail."""
        export, threads = job.export, Threads(lease)
        watched = threads.watched(file)
        async with contextlib.aclosing(stream.rows(self._neighbours, export.channel, asked)) as rows:
            total, instant = stream.read_head((await lease.during(anext(rows)))[0])
            await job.do(Count(total))
            if not job.export.in_work:
                return False
            writing = await asyncio.to_thread(
                Writing, watched, aside, lock, export.columns, export.time_zone, export.language,
                0 if self._alone_rows else self._processes,
            )  # fmt: skip
            threads.ending(writing.halt)
            with contextlib.closing(writing):
                await self._write_rows(job, writing, rows, total, threads, lease)
                if writing.rows != total:
                    raise Incomplete("the rows are not as many as were counted")
                await threads.run(writing.finish)
        await job.do(Finish(writing.rows))
        found, told = await threads.run(read_back, watched, lock, export.columns), writing.told()
        if found not in {told, replace(told, ids_sha256=None)}:
            raise Incomplete("the file does not hold what was written")
        size, digest = await threads.during(self._files.finish(export.id, export.attempts, watched))
        manifest = Manifest(
            rows=found.rows, columns=[c.key for c in export.columns], instant=to_wire(instant), bytes=size,
            file_sha256=digest, ids_sha256=writing.ids.sha256(), long_values=found.long_values,
        )  # fmt: skip
        signature = self._keys.sign(export.channel, export.id, manifest)
        await job.complete(structs.replace(manifest, signature=signature), bytes(writing.held))
        return True

    async def _write_rows(
        self, job: "_Job", writing: Writing, rows: AsyncGenerator[list[bytes], None], total: int, threads: Threads, lease: Lease
    ) -> None:
        """All rows that come, the next while some are written; how many they are by then is told once a second."""
        now = asyncio.get_running_loop().time
        began = shown = now()
        waited, alone = 0.0, self._processes > 0 and self._alone_rows > 0
        following = asyncio.ensure_future(lease.during(anext(rows, [])))
        try:
            while True:
                asked = now()
                batch = await following
                waited += now() - asked
                if not batch:
                    return
                following = asyncio.ensure_future(lease.during(anext(rows, [])))
                await threads.run(writing.add, batch)
                left = total - writing.rows
                if alone and min(left, writing.rows) >= self._alone_rows and waited < _WAITED * (now() - began):
                    alone = False
                    if not await threads.run(writing.spread, self._processes):
                        log.warning("no processes of rows can be started", export=str(job.export.id))
                if now() - shown > _TELL_SECONDS:
                    shown = now()
                    await _tell(job, writing.rows)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _note(self, tx: Tx, export: Export, at: datetime) -> None:
        """Audit what ends an export's work."""
        if export.status is Status.READY:
            assert export.manifest is not None
            entry = Entry(self._ids(), at, _BY, Action.READY, str(export.id), "done", None, f"{export.manifest.rows} rows")
        elif export.status is Status.FAILED:
            entry = Entry(self._ids(), at, _BY, Action.FAILED, str(export.id), "failed", None, export.problem)
        elif export.status is Status.AWAITING_APPROVAL:
            entry = approval_asked(export, self._ids(), at)
        else:
            return
        await audit.add(tx, export.channel, entry)

    async def step(self, export: Export, command: Count | Progress | Finish | Fail | GiveBack | Wait, rest: timedelta) -> Export:
        """One command by this worker, in a transaction of its own. Raises Lost where the export is not as it was seen."""
        async with self._database.transaction() as tx:
            now = self._clock.now()
            after = await journal.append(tx, export, decide(export, command), now, _BY)
            if after.status is Status.WAITING:
                await store.rest(tx, after, now + rest)
            await self._note(tx, after, now)
        return after

    async def complete(self, export: Export, manifest: Manifest, held: bytes) -> Export:
        """The file is there, unless somebody in it was erased while it was written. Raises Lost, Incomplete."""
        async with self._database.transaction() as tx:
            await holdings.alone(tx, export.channel)
            gone = await holdings.erased_since(tx, export.channel, from_wire(export.requested_at) - _LATE)
            if any(holdings.contains(held, contact_id) for contact_id in gone):
                raise Incomplete("a contact in the file was erased meanwhile")
            now = self._clock.now()
            after = await journal.append(tx, export, decide(export, Complete(manifest, now)), now, _BY)
            await holdings.add(tx, export.channel, export.id, held)
            await self._note(tx, after, now)
        return after


class _Job:
    """The export in a worker's hands, as the worker last wrote it."""

    def __init__(self, worker: Worker, export: Export) -> None:
        self._worker = worker
        self.export = export

    async def do(self, command: Count | Progress | Finish | Fail | GiveBack | Wait, *, rest: timedelta = timedelta(0)) -> None:
        """Bring it one step further; `rest` is how long nobody takes it up if it waits after that. Raises Lost."""
        self.export = await self._worker.step(self.export, command, rest)

    async def complete(self, manifest: Manifest, held: bytes) -> None:
        """The file is there, with these contacts. Raises Lost, Incomplete."""
        self.export = await self._worker.complete(self.export, manifest, held)


async def _tell(job: _Job, rows: int) -> None:
    """How far it is; where that cannot be told, the lease says whether it is the end of the work."""
    try:
        await job.do(Progress(rows))
    except Unavailable as error:
        log.warning("progress cannot be told", export=str(job.export.id), reason=error.detail)
