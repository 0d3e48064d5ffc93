"""The table of browser keys: found by what a page sends, and by the origins that any of them is for."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from common.postgres import Tx
from contacts.browser_keys.browser_key import BrowserKey

_COLUMNS = "id, channel, word, name, origins, created_at, created_by, ends_at, verify_members, secret"
_KEEP = f"""
insert into browser_key ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (channel, id) do update set name = excluded.name, origins = excluded.origins, ends_at = excluded.ends_at,
    verify_members = excluded.verify_members, secret = excluded.secret
"""  # noqa: S608 - the columns alone
_BY_WORD = f"select {_COLUMNS} from browser_key where channel = $1 and word = $2"  # noqa: S608 - the columns alone
_LOCK = f"select {_COLUMNS} from browser_key where channel = $1 and id = $2 for update"  # noqa: S608 - the columns alone
_LIST = f"""
select {_COLUMNS} from browser_key where channel = $1 and ($2::uuid is null or id < $2) order by id desc limit $3
"""  # noqa: S608 - the columns alone
_LIVE = "select count(*) from browser_key where channel = $1 and (ends_at is null or ends_at > $2)"
_IS_KNOWN = "select exists (select from browser_key where origins @> array[$1] and (ends_at is null or ends_at > $2))"


async def keep(tx: Tx, keys: Sequence[BrowserKey]) -> None:
    """Keep keys as they are now."""
    for k in keys:
        await tx.execute(
            _KEEP, k.id, k.channel, k.word, k.name, k.origins, k.created_at, k.created_by, k.ends_at, k.verify_members, k.secret
        )


async def by_word(tx: Tx, channel: str, word: str) -> BrowserKey | None:
    """The key that a page sent."""
    return _key(await tx.fetchrow(_BY_WORD, channel, word))


async def lock(tx: Tx, channel: str, key_id: UUID) -> BrowserKey | None:
    """One key, locked until the commit."""
    return _key(await tx.fetchrow(_LOCK, channel, key_id))


async def listed(tx: Tx, channel: str, before: UUID | None, limit: int) -> list[BrowserKey]:
    """The channel's keys, the newest first: ids are in the order of making."""
    return [key for r in await tx.fetch(_LIST, channel, before, limit) if (key := _key(r)) is not None]


async def count_live(tx: Tx, channel: str, now: datetime) -> int:
    """How many keys of the channel are accepted."""
    return int(await tx.fetchval(_LIVE, channel, now))


async def is_known(tx: Tx, origin: str, now: datetime) -> bool:
    """Whether any channel has a key for pages of this origin."""
    return bool(await tx.fetchval(_IS_KNOWN, origin, now))


def _key(row: asyncpg.Record | None) -> BrowserKey | None:
    if row is None:
        return None
    return BrowserKey(
        row["id"], row["channel"], row["word"], row["name"], tuple(row["origins"]), row["created_at"], row["created_by"],
        row["ends_at"], row["verify_members"], row["secret"],
    )  # fmt: skip
