"""Making views, changing them, reading them."""

from uuid import UUID

from common import cursor as cursors
from common.auth import Caller
from common.clock import Clock
from common.cursor import Listed
from common.errors import Unprocessable
from common.ids import Ids
from common.postgres import Database, Tx
from contacts.links import store as link_store
from contacts.links.link import NOTED_EVERY, is_link_id
from contacts.views import store
from contacts.views.view import (
    MOST_VIEWS,
    View,
    Wish,
    changed,
    check_columns,
    check_may_change,
    check_name,
    check_version,
    no_view,
    unknown_link,
)


class Views:
    """The commands and the reads."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def make(self, caller: Caller, name: str, link: str, columns: tuple[str, ...], *, shared: bool) -> View:
        """Make a view. Raises Unprocessable."""
        check_name(name)
        check_columns(columns)
        now = self._clock.now()
        view = View(self._ids(), caller.channel, caller.subject, shared, 1, name, link, columns, now, now,
                    caller.subject)  # fmt: skip
        async with self._database.transaction() as tx:
            if await store.count(tx, caller.channel, caller.subject) >= MOST_VIEWS:
                detail = f"Nobody has more than {MOST_VIEWS} views in a channel. Delete one first."
                raise Unprocessable(detail, code="tooManyViews", extra={"most": MOST_VIEWS})
            await self._use(tx, caller.channel, link)
            await store.add(tx, view)
        return view

    async def change(self, caller: Caller, view_id: UUID, wish: Wish, expected: int | None) -> View:
        """Change a view. Raises NotFound, Forbidden, Unprocessable, StaleVersion."""
        async with self._database.transaction() as tx:
            before = await self._changeable(tx, caller, view_id)
            after = changed(before, wish, caller.subject, self._clock.now())
            if after.link != before.link:
                await self._use(tx, caller.channel, after.link)
            check_version(before, expected)
            if after != before:
                await store.save(tx, after)
        return after

    async def delete(self, caller: Caller, view_id: UUID, expected: int | None) -> None:
        """Delete a view; its link is kept for as long as any other. Raises NotFound, Forbidden, StaleVersion."""
        async with self._database.transaction() as tx:
            view = await self._changeable(tx, caller, view_id)
            check_version(view, expected)
            await self._use(tx, caller.channel, view.link)
            await store.drop(tx, view)

    async def read(self, caller: Caller, view_id: UUID) -> View:
        """One view. Raises NotFound."""
        async with self._database.connection() as connection:
            view = await store.read(connection, caller.channel, view_id)
        if view is None or not view.is_seen_by(caller):
            raise no_view()
        return view

    async def listed(self, caller: Caller, limit: int, cursor: str | None) -> Listed:
        """The caller's own views and the shared ones, the newest first."""
        before = cursors.decode(cursor, cursors.identifier)[0] if cursor else None
        async with self._database.connection() as connection:
            views = await store.listed(connection, caller.channel, caller.subject, before, limit + 1)
        page = views[:limit]
        return Listed([v.members() for v in page], cursors.encode(str(page[-1].id)) if len(views) > limit else None)

    async def _changeable(self, tx: Tx, caller: Caller, view_id: UUID) -> View:
        view = await store.read(tx, caller.channel, view_id, lock=True)
        if view is None:
            raise no_view()
        check_may_change(view, caller)
        return view

    async def _use(self, tx: Tx, channel: str, link: str) -> None:
        """Note it first: a link whose year is over may be on its way out just now. Raises Unprocessable where it is gone."""
        now = self._clock.now()
        if is_link_id(link):
            await link_store.use(tx, channel, link, now, now - NOTED_EVERY)
        if not is_link_id(link) or await link_store.read(tx, channel, link) is None:
            raise unknown_link()
