"""The rooms' messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.postgres import Database
from notify.reactions import Notice

_ADD = """
insert into message (channel, manager, id, event_id, at, kind, text, link)
select * from unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[])
on conflict (channel, event_id) do nothing
"""
_LIST = """
select id, at, kind, text, link from message
where channel = $1 and manager = $2 and ($3::uuid is null or id < $3) order by id desc limit $4
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice with what makes it one of a kind: the event it tells of."""

    channel: str
    event_id: str
    id: UUID
    at: datetime
    notice: Notice


class Store:
    """The table of messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, deliveries: Sequence[Delivery]) -> None:
        """Put notices into their rooms; one whose event was told already changes nothing."""
        async with self._database.transaction() as tx:
            await tx.execute(
                _ADD,
                [d.channel for d in deliveries],
                [d.notice.manager for d in deliveries],
                [d.id for d in deliveries],
                [d.event_id for d in deliveries],
                [d.at for d in deliveries],
                [d.notice.kind for d in deliveries],
                [d.notice.text for d in deliveries],
                [d.notice.link for d in deliveries],
            )

    async def messages(self, channel: str, manager: str, before: UUID | None, limit: int) -> list[dict[str, Any]]:
        """A manager's messages, newest first."""
        async with self._database.connection() as connection:
            return [dict(r) for r in await connection.fetch(_LIST, channel, manager, before, limit)]
