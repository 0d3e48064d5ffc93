"""Bulk actions as a test asks for them: a search that finds whom it is told to, workers with small chunks, what came of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from joserfc.jwk import ECKey
from msgspec import structs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common.auth import Signer
from common.errors import Conflict
from common.events.contacts import Contact
from common.health import Health
from common.ids import new_id
from common.peers import Peer
from common.problems import problem_response
from contacts.bulk.action import KIND
from contacts.bulk.handlers import Ask, BulkActions
from contacts.bulk.neighbours import Neighbours
from contacts.bulk.runner import BulkActions as Runner
from contacts.erasure.handlers import Erasures
from contacts.erasure.neighbours import Readers
from contacts.jobs.job import Job
from contacts.jobs.worker import LEASE, Worker
from contacts.keeper import Keeper
from tests.contacts.conftest import World
from tests.contacts.mortal import Killed, Mortal

CHUNK = 3
ACTION: Mapping[str, Any] = {"addTags": ["VIP"], "set": {"unsubscribeEmail": True}}


class Search:
    """Search, as far as bulk actions ask it: these ids match, and a stream may break off after so many lines."""

    def __init__(self) -> None:
        self.ids: Sequence[UUID] = ()
        self.lines: int | None = None
        self.grown = False
        self.turned = False
        self.app = Starlette(
            routes=[
                Route("/internal/audience", self.audience, methods=["POST"]),
                Route("/internal/scan", self.scan, methods=["POST"]),
            ]
        )

    async def audience(self, _: Request) -> Response:
        if self.grown:
            return problem_response(Conflict("Many more match.", code="audienceChanged", pointer="/fingerprint"))
        return JSONResponse({"total": len(self.ids)})

    async def scan(self, request: Request) -> Response:
        assert await request.json() == {"filter": {"and": []}, "whole": False}
        rows: list[object] = [{"total": len(self.ids), "instant": "2026-11-24T03:00:00.000Z"}]
        rows += [{"id": str(i), "version": 1} for i in sorted(self.ids, reverse=self.turned)]
        rows.append({"end": True, "rows": len(self.ids)})
        return Response(b"\n".join(orjson.dumps(row) for row in rows[: self.lines]))


class Bench:
    """A channel's contacts, the commands on bulk actions, and workers on them."""

    def __init__(self, world: World, search: Search, neighbours: Neighbours) -> None:
        self.world = world
        self.search = search
        self.runner = Runner(neighbours, chunk=CHUNK)
        self.commands = BulkActions(world.database, world.queries, neighbours, world.clock, new_id)
        self.erasures = Erasures(world.database, Readers({}), world.files, world.clock, new_id)

    async def fill(self, count: int) -> list[UUID]:
        """So many new members, oldest first."""
        run = new_id()
        return [(await self.world.put(f"{run}-{n}", tags=["old"])).id for n in range(count)]

    async def ask(self, ids: Sequence[UUID] | None, action: Mapping[str, Any] = ACTION) -> Job:
        """Over these contacts, or over the search's."""
        target = {"filter": {"and": []}, "fingerprint": "seen"} if ids is None else {}
        return await self.commands.ask(self.world.caller(), Ask(action, ids, target, None))

    async def undo(self, job: Job) -> Job:
        await self.commands.undo(self.world.caller("lee"), job.id)
        return await self.work(job)

    async def work(self, job: Job, *deaths: int) -> Job:
        """Workers until nothing is left to do, after some that died before their piece of that number; the job then."""
        for n, pieces in enumerate(deaths):
            name = f"{job.id}-{n}"
            worker = self.worker(name, Mortal(self.world, name, self.runner, pieces))
            try:
                await worker.work_once(asyncio.Event())
            except Killed:
                self.world.clock.instant += LEASE + timedelta(seconds=1)
        while await self.worker(str(new_id()), self.runner).work_once(asyncio.Event()):
            self.world.clock.instant += timedelta(seconds=31)
        return await self.commands.job(self.world.channel, job.id)

    def worker(self, name: str, runner: Runner | Mortal) -> Worker:
        """One worker."""
        return Worker(name, self.world.database, {KIND: runner}, self.world.clock, Health({}))

    async def results(self, job: Job) -> dict[UUID, dict[str, Any]]:
        page = await self.commands.results(job, None, 1000, None)
        return {UUID(item["contactId"]): item for item in page.items}

    async def versions(self, why: str) -> list[UUID]:
        """Whose versions have this cause."""
        async with self.world.database.connection() as connection:
            rows = await connection.fetch("select stream from event where cause = $1 order by stream", why)
        return [r["stream"] for r in rows]

    async def asked(self, job: Job) -> dict[str, Any]:
        """What is kept of what was asked for."""
        async with self.world.database.connection() as connection:
            return dict(await connection.fetchval("select body from job where id = $1", job.id))

    async def clear_up(self) -> None:
        """Once around of the keeper."""
        await Keeper(self.world.database, self.world.files, self.world.clock, Health({})).clear()

    async def contacts(self, ids: Sequence[UUID]) -> list[Contact]:
        found = await self.world.queries.survivors(self.world.channel, ids)
        return [found[i] for i in ids]


@pytest.fixture
async def bench(world: World, tmp_path: Path) -> AsyncIterator[Bench]:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "key.json").write_text(json.dumps(key.as_dict(private=True)))
    signer = Signer(tmp_path / "key.json", "dangol-local", "service:contacts")
    search = Search()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(search.app)) as client:
        yield Bench(world, search, Neighbours(Peer(client, signer, "http://search", "contacts.read")))


def lasting(contact: Contact) -> Contact:
    """What an undo brings back: all but the version and when that was made."""
    return structs.replace(contact, version=0, updated_at=contact.created_at)
