"""Reads of the rooms."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from common import cursor as cursors
from common.auth import Caller
from common.clock import to_wire
from common.errors import Unprocessable
from common.following import BATCH, Told, follow
from common.ids import parse_id
from common.language import ENGLISH, KOREAN, Language
from common.listening import Open
from notify.room.store import Store

BOT = "notice-bot"


@dataclass(frozen=True, slots=True)
class Room:
    """A page of a room's messages, newest first, the cursor of what follows, and how many of all are unread."""

    items: list[dict[str, Any]]
    next: str | None
    unread: int


class Queries:
    """What can be read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def own_room(self, caller: Caller, limit: int, cursor: str | None, language: Language = KOREAN) -> Room:
        """The caller's own messages. Raises Unprocessable for a bad cursor."""
        before = cursors.decode(cursor, cursors.number)[0] if cursor is not None else None
        rows, unread = await self._store.messages(caller.channel, caller.subject, before, limit + 1)
        items = [_shown(row, language) for row in rows[:limit]]
        return Room(items, cursors.encode(rows[limit - 1]["number"]) if len(rows) > limit else None, unread)

    async def follow(self, caller: Caller, last: str | None, language: Language, goes_on: Open) -> AsyncIterator[bytes]:
        """The messages that come from now on, or after the last that was seen. Raises Unprocessable where that is not here."""
        after: int | None
        if last is None:
            after = await self._store.end(caller.channel, caller.subject)
        else:
            known = parse_id(last)
            after = None if known is None else await self._store.number(caller.channel, caller.subject, known)
        if after is None:
            raise Unprocessable(
                "`Last-Event-ID` must be the `id` of a message in your room. Leave it out to hear new ones alone."
            )

        async def look(place: int) -> Sequence[Told]:
            found = await self._store.following(caller.channel, caller.subject, place, BATCH)
            return [Told(row["number"], str(row["id"]), "message", orjson.dumps(_shown(row, language))) for row in found]

        return follow(goes_on, after, look)


def _shown(row: dict[str, Any], language: Language) -> dict[str, Any]:
    text = row["text_en"] if language == ENGLISH and row["text_en"] is not None else row["text"]
    return {
        "id": str(row["id"]), "at": to_wire(row["at"]), "from": BOT, "text": text, "link": row["link"], "kind": row["kind"],
        "readAt": None if row["read_at"] is None else to_wire(row["read_at"]),
    }  # fmt: skip
