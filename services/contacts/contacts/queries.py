"""Reads of contacts."""

import contextlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from common import cursor as cursors
from common import outbox
from common.cursor import Listed
from common.errors import Gone, NotFound
from common.events.contacts import Contact
from common.postgres import Database
from common.recorded import Recorded
from contacts import past, store
from contacts.contact import erased, no_contact, without_archived
from contacts.fields import store as field_store
from contacts.member_id import is_member_id

_HISTORY = """
select version, type, data, at, by, cause from event
where channel = $1 and stream = $2 and version < $3 order by version desc limit $4
"""
_UNTIL = """
select version, type, data, at, by, cause from event
where channel = $1 and stream = $2 and at <= $3 and (type <> 'contact.visited' or version = (
    select max(version) from event where channel = $1 and stream = $2 and at <= $3 and type = 'contact.visited'
)) order by version
"""
_IDENTIFIED = "select exists (select from event where channel = $1 and stream = $2 and type = 'contact.identified')"
_VISITS = """
select id, at, body from visit
where channel = $1 and contact_id = $2 and (at, id) < ($3, $4) order by at desc, id desc limit $5
"""
_FIRST_VISITS = "select id, at, body from visit where channel = $1 and contact_id = $2 order by at desc, id desc limit $3"


class Queries:
    """What can be read of contacts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def contact(self, channel: str, contact_id: UUID) -> Contact:
        """One contact; a merged id answers with its survivor. Raises NotFound."""
        survivors = await self.survivors(channel, [contact_id])
        if contact_id not in survivors:
            async with self._database.connection() as connection:
                raise erased() if await store.is_erased(connection, channel, contact_id) else no_contact()
        return survivors[contact_id]

    async def member(self, channel: str, member_id: str) -> Contact:
        """One member. Raises NotFound, also for what can be no member id."""
        if not is_member_id(member_id):
            raise no_contact()
        async with self._database.connection() as connection:
            ids = await store.find_members(connection, channel, [member_id])
            found = await store.read(connection, channel, ids.values())
            archived = await field_store.archived_keys(connection, channel)
        if not found:
            raise no_contact()
        return without_archived(next(iter(found.values())), archived)

    async def survivors(self, channel: str, ids: Iterable[UUID]) -> dict[UUID, Contact]:
        """Whom each id stands for, itself unless it was merged; those that are no contacts here are left out."""
        async with self._database.connection() as connection:
            found = await store.read(connection, channel, ids)
            led = {c.id: c.merged_into for c in found.values() if c.merged_into is not None}
            behind = await store.read(connection, channel, led.values()) if led else {}
            archived = await field_store.archived_keys(connection, channel)
        # One that was erased between the two reads is none any more, and neither is who was merged into it.
        whom = {i: behind.get(led[i]) if i in led else contact for i, contact in found.items()}
        return {i: without_archived(contact, archived) for i, contact in whom.items() if contact is not None}

    async def contacts(self, channel: str, ids: Sequence[UUID], at: datetime | None) -> list[Contact | None]:
        """The contacts of these ids in their order, None for one that is unknown here, or was not there yet at that instant."""
        if at is None:
            there = await self.survivors(channel, ids)
            return [there.get(each) for each in ids]
        was: dict[UUID, Contact] = {}
        for each in dict.fromkeys(ids):
            with contextlib.suppress(NotFound, Gone):
                was[each] = await self.contact_at(channel, each, at)
        return [was.get(each) for each in ids]

    async def contact_at(self, channel: str, contact_id: UUID, at: datetime) -> Contact:
        """One contact as it was; an id that was merged by then answers with its survivor.

        Raises NotFound where it was none, Gone where it was erased.
        """
        async with self._database.connection() as connection:
            found = await store.read(connection, channel, [contact_id])
            rows = [_recorded(channel, contact_id, r) for r in await connection.fetch(_UNTIL, channel, contact_id, at)]
            identified = await connection.fetchval(_IDENTIFIED, channel, contact_id)
            archived = await field_store.archived_keys(connection, channel)
            is_erased = await store.is_erased(connection, channel, contact_id)
        if not rows or contact_id not in found:
            raise erased() if is_erased else no_contact()
        was = past.fold(rows, None if identified else found[contact_id].member_id)
        return await self.contact_at(channel, was.merged_into, at) if was.merged_into else without_archived(was, archived)

    async def all_sent(self) -> None:
        """Returns when every message committed before this call is with Kafka. Raises Unavailable after 10 seconds."""
        async with self._database.connection() as connection:
            await outbox.all_sent(connection)

    async def history(self, channel: str, contact_id: UUID, limit: int, cursor: str | None) -> Listed:
        """The contact's changes, newest first."""
        (before,) = cursors.decode(cursor, cursors.number) if cursor else (2**62,)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_HISTORY, channel, contact_id, before, limit + 1)
            archived = await field_store.archived_keys(connection, channel)
        items = [past.item(_recorded(channel, contact_id, r), archived) for r in rows[:limit]]
        return Listed(items, cursors.encode(items[-1]["version"]) if len(rows) > limit else None)

    async def visits(self, channel: str, contact_id: UUID, limit: int, cursor: str | None) -> Listed:
        """The contact's visits and custom events, newest first."""
        async with self._database.connection() as connection:
            if cursor:
                at, last = cursors.decode(cursor, cursors.instant, cursors.text)
                rows = await connection.fetch(_VISITS, channel, contact_id, at, last, limit + 1)
            else:
                rows = await connection.fetch(_FIRST_VISITS, channel, contact_id, limit + 1)
        items = [r["body"] for r in rows[:limit]]
        return Listed(items, cursors.encode(items[-1]["at"], items[-1]["id"]) if len(rows) > limit else None)


def _recorded(channel: str, stream: UUID, row: asyncpg.Record) -> Recorded:
    return Recorded(channel, stream, row["version"], row["type"], row["data"], row["at"], row["by"], row["cause"])
