"""The table of preferences: one row for each person in a channel."""

from pydantic import JsonValue

from common.postgres import Tx

_READ = "select values from preference where channel = $1 and subject = $2"
_BEGIN = "insert into preference (channel, subject, values) values ($1, $2, '{}') on conflict do nothing"
_SAVE = "update preference set values = $3 where channel = $1 and subject = $2"


async def read(tx: Tx, channel: str, subject: str) -> dict[str, JsonValue]:
    """What somebody has set."""
    return await tx.fetchval(_READ, channel, subject) or {}


async def lock(tx: Tx, channel: str, subject: str) -> dict[str, JsonValue]:
    """What somebody has set, locked until the commit: two changes at once are both kept."""
    await tx.execute(_BEGIN, channel, subject)
    kept: dict[str, JsonValue] = await tx.fetchval(f"{_READ} for update", channel, subject)
    return kept


async def save(tx: Tx, channel: str, subject: str, values: dict[str, JsonValue]) -> None:
    """Keep what somebody has set."""
    await tx.execute(_SAVE, channel, subject, values)
