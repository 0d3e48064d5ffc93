"""The baseline of the intake: a FastAPI route with a pydantic list body, in front of one transaction per batch.

`python -m tests.bench.plain_intake rows` writes row by row, as one does without arrays; `… arrays` calls the product's command.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel, Field

from common import outbox
from common.auth import Caller, Verifier
from common.clock import SystemClock, from_wire, to_wire
from common.events.contacts import ContactCreated, Visit
from common.ids import new_id
from common.postgres import Database
from contacts import journal, store
from contacts.channel import store as channel_store
from contacts.channel.handlers import NEW_CHANNEL
from contacts.contact import created, evolve, visited
from contacts.publish import Step
from contacts.sessions import session
from contacts.sessions import store as session_store
from contacts.settings import Settings
from contacts.visits import store as visit_store
from contacts.visits.handlers import Visits
from contacts.visits.publish import visit_messages


class Reported(BaseModel):
    """One visit."""

    id: str = Field(min_length=1, max_length=128)
    memberId: str | None = None  # noqa: N815 - the wire's name
    contactId: UUID | None = None  # noqa: N815
    name: str = "visit"
    at: datetime | None = None
    properties: dict[str, Any] = {}
    url: str | None = None
    device: dict[str, Any] | None = None


class Reports(BaseModel):
    """A batch."""

    visits: list[Reported] = Field(max_length=1000)


async def by_rows(database: Database, caller: Caller, reports: list[Reported]) -> int:
    """Each visit by statements of its own, all in one transaction; answers how many were new."""
    new = 0
    now = SystemClock().now()
    async with database.transaction() as tx:
        settings, _ = await channel_store.load_channel(tx, caller.channel)
        for report in reports:
            member = report.memberId or ""
            ids = await store.reserve_members(tx, caller.channel, {member: new_id()})
            contact_id = ids[member]
            state, _ = (await store.lock(tx, caller.channel, [contact_id]))[contact_id]
            steps: list[Step] = []
            if state is None:
                event = ContactCreated()
                state = created(contact_id, member, event, now)
                steps.append(Step(event, state))
            visit = Visit(
                id=report.id, contact_id=contact_id, name=report.name, at=to_wire(report.at or now), properties=report.properties
            )
            at = from_wire(visit.at)
            if not await visit_store.add_visits(tx, caller.channel, [(visit, visit.encode())]):
                continue
            new += 1
            window = timedelta(minutes=settings.session_minutes)
            near = (await session_store.sessions_near(tx, caller.channel, {(contact_id, ""): (at, at)}, window))[contact_id, ""]
            placed = session.place(at, near, window)
            await session_store.replace_sessions(
                tx, caller.channel, [((contact_id, ""), s) for s in placed.replaced], [((contact_id, ""), placed.session)]
            )
            moved = visited(state, visit, placed.change)
            steps.append(Step(moved, evolve(state, moved, now)))
            await journal.append(tx, caller.channel, steps, caller.subject, "visit")
            await outbox.put(tx, visit_messages(caller.channel, [(visit, visit.encode())]))
    return new


def application(settings: Settings, way: str) -> FastAPI:
    """The baseline's application."""
    verifier = Verifier(settings.jwks, settings.issuer)
    database: list[Database] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with Database.open(settings.postgres.get_secret_value(), size=settings.pool_size) as opened:
            database.append(opened)
            yield

    app = FastAPI(lifespan=lifespan)

    async def caller(authorization: Annotated[str | None, Header()] = None) -> Caller:
        who = await verifier.verify(authorization)
        async with database[0].transaction() as tx:
            await channel_store.make_channel(tx, who.channel, NEW_CHANNEL, SystemClock().now())
        return who

    @app.post("/v1/visits", status_code=202)
    async def record(body: Reports, who: Annotated[Caller, Depends(caller)]) -> dict[str, int]:
        if way == "rows":
            return {"accepted": await by_rows(database[0], who, body.visits)}
        rows = [
            {k: to_wire(v) if isinstance(v, datetime) else v for k, v in r.model_dump(exclude_none=True).items()}
            for r in body.visits
        ]
        return {"accepted": (await Visits(database[0], SystemClock(), new_id).record(who, rows)).accepted}

    return app


if __name__ == "__main__":
    chosen = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    config = uvicorn.Config(application(chosen, sys.argv[1]), port=chosen.port, log_level="warning", access_log=False)
    asyncio.run(uvicorn.Server(config).serve())
