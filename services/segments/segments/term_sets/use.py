"""Keeps the term sets that segments name in use: search deletes those that nobody has used for long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

from common.loop import repeat
from common.postgres import Database
from common.telemetry import log
from segments.term_sets import store as term_set_store

_EVERY_SECONDS = 3600.0

Use: TypeAlias = Callable[[str, UUID], Awaitable[bool]]
"""Uses a channel's term set; answers whether it is there. Raises Unavailable."""


class TermSetUse:
    """A loop; any number may run. A broken segment's term sets are needed when it is mended, so they are kept as well."""

    def __init__(self, database: Database, use: Use) -> None:
        self._database = database
        self._use = use

    async def run(self, stop: asyncio.Event) -> None:
        """Use them every hour, until told to stop."""
        await repeat(self.use, stop, every=_EVERY_SECONDS, name="term sets")

    async def use(self) -> None:
        """Use each once. Raises Unavailable."""
        async with self._database.connection() as connection:
            named = await term_set_store.named(connection)
        for channel, term_set in named:
            if not await self._use(channel, term_set):
                log.error("a segment names a term set that search has not", term_set=str(term_set))
