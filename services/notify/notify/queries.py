"""Reads of the rooms."""

from typing import Any

from common.auth import Caller
from common.clock import to_wire
from common.cursor import bad_cursor
from common.ids import parse_id
from notify.store import Store

BOT = "notice-bot"


class Queries:
    """What can be read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def own_room(self, caller: Caller, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """The caller's own messages, newest first, and the cursor of what follows. Raises Unprocessable for a bad cursor."""
        before = parse_id(cursor) if cursor else None
        if cursor and before is None:
            raise bad_cursor()
        rows = await self._store.messages(caller.channel, caller.subject, before, limit + 1)
        items = [
            {"id": str(r["id"]), "at": to_wire(r["at"]), "from": BOT, "text": r["text"], "link": r["link"], "kind": r["kind"]}
            for r in rows[:limit]
        ]
        return items, items[-1]["id"] if len(rows) > limit else None
