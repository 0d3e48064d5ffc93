"""Writes the files that were asked for, one at a time; takes over what a silent worker left, and ends what is over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import orjson

from common.clock import Clock, from_wire
from common.errors import Conflict, Problem, Unprocessable
from common.health import Health
from common.ids import Ids
from common.postgres import Database
from common.telemetry import log, span
from exports import store
from exports.agile import Stretched, Tampered, WrongPassword
from exports.export import MOST_ATTEMPTS, MOST_ROWS, Export, Manifest
from exports.files import Files
from exports.neighbours import Neighbours
from exports.publish import keep
from exports.sealing import Sealing, Unsealable
from exports.store import Entry, Lost
from exports.writing import Incomplete, Writing, count_rows
from exports.xlsx import CannotWrite

LEASE = timedelta(seconds=8)
_RENEW_SECONDS = 2.0
_IDLE_SECONDS = 0.2
_TELL_SECONDS = 1.0
_SWEEP_SECONDS = 30.0
_BATCH = 500
_MANY = "More contacts match than the 1,000,000 that one file takes. Narrow the filter and ask again."
_GAVE_UP = "The file could not be finished after several attempts. Ask again; if it fails again, tell the operators."


class _Stopping(Exception):
    """The process is told to stop: the export is put back for another."""


class Worker:
    """One worker."""

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
    ) -> None:
        self._name = name
        self._database = database
        self._neighbours = neighbours
        self._files = files
        self._sealing = sealing
        self._clock = clock
        self._ids = ids
        self._health = health

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        loop = asyncio.get_running_loop()
        swept = float("-inf")
        while not stop.is_set():
            self._health.beat("worker")
            if loop.time() - swept > _SWEEP_SECONDS:
                swept = loop.time()
                await self._sweep()
            await self._expire()
            async with self._database.transaction() as tx:
                claimed = await store.claim(tx, self._name, self._clock.now(), LEASE)
            if claimed is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _IDLE_SECONDS)
                continue
            with span("export", rows=0):
                await self._work(*claimed, stop)

    async def _work(self, export: Export, sealed: bytes, stop: asyncio.Event) -> None:
        renewing = asyncio.create_task(self._renew(export))
        try:
            await self._attempt(export, sealed, stop)
        except Lost:
            log.info("an export was taken from this worker", export=str(export.id))
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing

    async def _attempt(self, export: Export, sealed: bytes, stop: asyncio.Event) -> None:
        if export.attempts >= MOST_ATTEMPTS:
            return await self._fail(export, _GAVE_UP)
        current = _Current(await self._save(export.taken_up()))
        try:
            lock = self._sealing.open(sealed, str(export.id))
            await self._write(current, lock, stop)
        except (Unprocessable, Conflict) as problem:
            await self._fail(current.export, problem.detail)
        except (CannotWrite, Unsealable) as error:
            log.error("an export cannot be written", export=str(export.id), exc_info=error)
            await self._fail(current.export, "The file cannot be written. Ask again; if it fails again, tell the operators.")
        except _Stopping:
            await self._put_back(current.export, timedelta(0))
        except (Problem, Incomplete, Tampered, WrongPassword) as error:
            log.warning("an export's attempt failed", export=str(export.id), attempt=current.export.attempts, exc_info=error)
            if current.export.attempts >= MOST_ATTEMPTS:
                await self._fail(current.export, _GAVE_UP)
            else:
                await self._put_back(current.export, timedelta(seconds=2**current.export.attempts))
        finally:
            if not current.finished:
                await asyncio.to_thread(self._files.remove, export.id)

    async def _write(self, current: "_Current", lock: Stretched, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        export = current.export
        file = await asyncio.to_thread(self._files.begin, export.id)
        with contextlib.closing(file):
            async with self._neighbours.scan(export.channel, export.scope.asked) as lines:
                head = orjson.loads(await anext(lines))
                total, instant = head["total"], from_wire(head["instant"])
                if total > MOST_ROWS:
                    raise Unprocessable(_MANY)
                export = current.export = await self._save(export.counted(total))
                writing = await asyncio.to_thread(Writing, file, lock, export.columns, export.time_zone)
                told = loop.time()
                async for batch in _batches(lines):
                    if stop.is_set():
                        writing.abandon()
                        raise _Stopping
                    await asyncio.to_thread(writing.add, batch)
                    if loop.time() - told > _TELL_SECONDS:
                        told = loop.time()
                        export = current.export = await self._save(export.progressed(writing.rows))
            if writing.rows != total:
                raise Incomplete("the rows are not as many as were counted")
            ids = await asyncio.to_thread(writing.close)
            export = current.export = await self._save(export.written(writing.rows))
            if await asyncio.to_thread(count_rows, file, lock) != total:
                raise Incomplete("the file has not as many rows as were written")
            size, digest = await asyncio.to_thread(self._files.finish, export.id, file)
        manifest = Manifest(
            rows=total, columns=[c.key for c in export.columns], instant=instant, bytes=size, file_sha256=digest, ids_sha256=ids
        )
        now = self._clock.now()
        async with self._database.transaction() as tx:
            done = export.completed(manifest, now)
            await keep(tx, done, now, "service:exports")
            await self._note(tx, done, "export.ready", "done")
        current.export, current.finished = done, True

    async def _save(self, export: Export) -> Export:
        async with self._database.transaction() as tx:
            await keep(tx, export, self._clock.now(), "service:exports")
        return export

    async def _fail(self, export: Export, problem: str) -> None:
        async with self._database.transaction() as tx:
            failed = export.failed(problem)
            await keep(tx, failed, self._clock.now(), "service:exports")
            await self._note(tx, failed, "export.failed", "failed")

    async def _put_back(self, export: Export, pause: timedelta) -> None:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await keep(tx, export.put_back(), now, "service:exports")
            await store.rest(tx, export, now + pause)

    async def _note(self, tx: store.Tx, export: Export, action: str, outcome: str) -> None:
        entry = Entry(self._ids(), self._clock.now(), "service:exports", action, str(export.id), outcome)
        await store.note(tx, export.channel, entry)

    async def _renew(self, export: Export) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            self._health.beat("worker")
            async with self._database.transaction() as tx:
                if await store.renew(tx, export, self._name, self._clock.now(), LEASE) is None:
                    return

    async def _expire(self) -> None:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            over = await store.expirable(tx, now)
            for export in over:
                after = export.expired()
                await keep(tx, after, now, "service:exports")
                await self._note(tx, after, "export.expired", "done")
        for export in over:
            await asyncio.to_thread(self._files.remove, export.id)

    async def _sweep(self) -> None:
        """Delete files whose export has ended otherwise: revoked, or cancelled while being written."""
        there: set[UUID] = await asyncio.to_thread(self._files.ids)
        if there:
            async with self._database.connection() as connection:
                gone = await store.ended(connection, list(there))
            for export_id in gone:
                await asyncio.to_thread(self._files.remove, export_id)


class _Current:
    """The export as its attempt last wrote it."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self.finished = False


async def _batches(lines: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """The contacts' lines by hundreds. Raises Incomplete where the end is missing or tells of another number."""
    batch: list[bytes] = []
    rows = 0
    last = b""
    async for line in lines:
        if last:
            batch.append(last)
            rows += 1
        last = line
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
    end = orjson.loads(last) if last else {}
    if end != {"end": True, "rows": rows}:
        raise Incomplete("the stream of contacts broke off")
