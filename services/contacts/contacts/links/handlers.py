"""Keeping links and opening them."""

from pydantic import JsonValue

from common.auth import Caller
from common.clock import Clock
from common.postgres import Database
from contacts.links import store
from contacts.links.link import NOTED_EVERY, check, is_link_id, link_id, no_link


class Links:
    """The command and the read."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, caller: Caller, content: dict[str, JsonValue]) -> tuple[str, bool]:
        """The id of this content, and whether it is new here. Raises Unprocessable."""
        check(content)
        named, now = link_id(content), self._clock.now()
        async with self._database.transaction() as tx:
            made = await store.keep(tx, caller.channel, named, content, now)
            if not made:
                await store.use(tx, caller.channel, named, now, now - NOTED_EVERY)
        return named, made

    async def open(self, caller: Caller, named: str) -> dict[str, JsonValue]:
        """The content of a link, which counts as a use. Raises NotFound."""
        if not is_link_id(named):
            raise no_link()
        now = self._clock.now()
        async with self._database.transaction() as tx:
            content = await store.read(tx, caller.channel, named)
            if content is None:
                raise no_link()
            await store.use(tx, caller.channel, named, now, now - NOTED_EVERY)
        return content
