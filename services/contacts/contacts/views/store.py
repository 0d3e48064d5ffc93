"""The table of views."""

from uuid import UUID

import asyncpg

from common.postgres import Tx
from contacts.views.view import View

_COLUMNS = "id, channel, made_by, shared, version, name, link, columns, created_at, updated_at, changed_by"
_ADD = f"insert into list_view ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"  # noqa: S608 - the columns alone
_SAVE = """
update list_view set shared = $3, version = $4, name = $5, link = $6, columns = $7, updated_at = $8, changed_by = $9
where channel = $1 and id = $2
"""
_DROP = "delete from list_view where channel = $1 and id = $2"
_READ = f"select {_COLUMNS} from list_view where channel = $1 and id = $2"  # noqa: S608 - the columns alone
_LIST = f"""
select {_COLUMNS} from list_view
where channel = $1 and (shared or made_by = $2) and ($3::uuid is null or id < $3) order by id desc limit $4
"""  # noqa: S608 - the columns alone
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('views/' || $1 || '/' || $2, 0))"
_COUNT = "select count(*) from list_view where channel = $1 and made_by = $2"


async def add(tx: Tx, v: View) -> None:
    """Keep a new view."""
    await tx.execute(
        _ADD, v.id, v.channel, v.made_by, v.shared, v.version, v.name, v.link, v.columns, v.created_at, v.updated_at, v.changed_by
    )


async def save(tx: Tx, v: View) -> None:
    """Keep a view as it is now."""
    await tx.execute(_SAVE, v.channel, v.id, v.shared, v.version, v.name, v.link, v.columns, v.updated_at, v.changed_by)


async def drop(tx: Tx, v: View) -> None:
    """Forget a view."""
    await tx.execute(_DROP, v.channel, v.id)


async def read(tx: Tx, channel: str, view_id: UUID, *, lock: bool = False) -> View | None:
    """One view."""
    row = await tx.fetchrow(_READ + (" for update" if lock else ""), channel, view_id)
    return None if row is None else _view(row)


async def listed(tx: Tx, channel: str, subject: str, before: UUID | None, limit: int) -> list[View]:
    """Somebody's own views and the shared ones, the newest first: ids are in the order of making."""
    return [_view(row) for row in await tx.fetch(_LIST, channel, subject, before, limit)]


async def count(tx: Tx, channel: str, subject: str) -> int:
    """How many views somebody has made; whoever makes another at the same time waits for the commit."""
    await tx.execute(_ONE_AT_A_TIME, channel, subject)
    return int(await tx.fetchval(_COUNT, channel, subject))


def _view(row: asyncpg.Record) -> View:
    return View(
        row["id"], row["channel"], row["made_by"], row["shared"], row["version"], row["name"], row["link"],
        tuple(row["columns"]), row["created_at"], row["updated_at"], row["changed_by"],
    )  # fmt: skip
