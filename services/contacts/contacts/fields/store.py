"""The definitions of fields, and how many values came for archived ones."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from common.epoch import lifted
from common.errors import Unavailable
from common.events.contacts import FieldDefinition
from common.postgres import Tx
from contacts.epochs import store as epoch

_FIELDS = """
select f.key, f.definition, f.version, coalesce(r.values, 0) as refused, (select number from epoch) as epoch
from profile_field f left join refused_value r on r.channel = f.channel and r.key = f.key
where f.channel = $1
"""
_REFUSED = """
insert into refused_value (channel, key, values)
select $1, new.key, new.values from unnest($2::text[], $3::bigint[]) as new (key, values)
on conflict (channel, key) do update set values = refused_value.values + excluded.values
"""
_FORGET_REFUSED = "delete from refused_value where channel = $1 and key = $2"
_ARCHIVED = """
select key from profile_field where channel = $1
    and (definition->>'archived')::boolean and not coalesce((definition->>'restoring')::boolean, false)
"""
_WITHHELD = "select key from profile_field where channel = $1 and withheld"
_TURNED_BY = "select turned_by from profile_field where channel = $1 and key = $2"
_TURN = "update profile_field set turned_by = $3, withheld = withheld and not $4 where channel = $1 and key = $2"
_WITHHOLD = "update profile_field set withheld = true where channel = $1 and key = $2 and turned_by = $3"
_SAVE_FIELDS = """
insert into profile_field (channel, key, definition, version)
select $1, new.key, new.definition, new.version
from unnest($2::text[], $3::jsonb[], $4::bigint[]) as new (key, definition, version)
on conflict (channel, key) do update set definition = excluded.definition, version = excluded.version
"""

_TURNING = "hashtextextended('fields turned ' || current_schema() || ' ' || $1, 0)"
_TOGETHER = f"select pg_advisory_xact_lock_shared({_TURNING})"
_ALONE = f"select pg_advisory_xact_lock({_TURNING})"
# Whoever comes to write while one waits to be alone waits behind it, each with a connection of its own.
_WAIT_A_MOMENT, _WAIT_AS_EVER = "set local lock_timeout = '2s'", "set local lock_timeout to default"


class StillWriting(Unavailable):
    """Values have been on their way for too long to wait for."""

    def __init__(self) -> None:
        super().__init__("Many values are being written into this channel just now. Try again in a moment.")


async def together(tx: Tx, channel: str) -> None:
    """Until the commit no field is archived or restored. The first lock of whoever writes values: before the channel's row."""
    await tx.execute(_TOGETHER, channel)


async def alone(tx: Tx, channel: str) -> None:
    """Wait for all who write values, and let nobody begin until the commit. Taken before the channel's row.

    Raises StillWriting where they have not ended within two seconds.
    """
    await tx.execute(_WAIT_A_MOMENT)
    try:
        await tx.execute(_ALONE, channel)
    except asyncpg.LockNotAvailableError:
        raise StillWriting from None
    await tx.execute(_WAIT_AS_EVER)


async def fields(tx: Tx, channel: str) -> dict[str, tuple[FieldDefinition, int]]:
    """Every definition that the channel has written, with its version, by key as the API writes it."""
    rows = await tx.fetch(_FIELDS, channel)
    return {
        r["key"]: (FieldDefinition.of(r["definition"] | {"refusedWhileArchived": r["refused"]}), lifted(r["version"], r["epoch"]))
        for r in rows
    }


async def archived_keys(tx: Tx, channel: str) -> frozenset[str]:
    """The bare keys of the profile fields whose values are not shown: they are archived, and not being restored."""
    return frozenset(r["key"].removeprefix("profile.") for r in await tx.fetch(_ARCHIVED, channel))


async def withheld_keys(tx: Tx, channel: str) -> frozenset[str]:
    """The bare keys of the profile fields whose values are left out of what readers are told."""
    return frozenset(r["key"].removeprefix("profile.") for r in await tx.fetch(_WITHHELD, channel))


async def turned_by(tx: Tx, channel: str, key: str) -> UUID | None:
    """The job of the field's last archiving or restoring."""
    job: UUID | None = await tx.fetchval(_TURNED_BY, channel, key)
    return job


async def turn(tx: Tx, channel: str, key: str, job: UUID, *, told: bool) -> None:
    """From now on this job carries out what is decided of the field; `told`: its values are told of from now on."""
    await tx.execute(_TURN, channel, key, job, told)


async def withhold(tx: Tx, channel: str, key: str, job: UUID) -> None:
    """Leave the field's values out of what is told from now on, unless the job was overtaken."""
    await tx.execute(_WITHHOLD, channel, key, job)


async def count_refused(tx: Tx, channel: str, refused: Mapping[str, int]) -> None:
    """Count values that came for archived fields, by key as the API writes it.

    The last statement of a writer: many count on the same rows, and hold them no longer than the commit takes.
    """
    if refused:
        keys = sorted(refused)
        await tx.execute(_REFUSED, channel, keys, [refused[key] for key in keys])


async def forget_refused(tx: Tx, channel: str, key: str) -> None:
    """Count from nothing."""
    await tx.execute(_FORGET_REFUSED, channel, key)


async def save_fields(tx: Tx, channel: str, changed: Sequence[tuple[FieldDefinition, int]]) -> list[tuple[FieldDefinition, int]]:
    """Keep definitions at their new versions; answers them at those that these are in this epoch."""
    if not changed:
        return []
    now = await epoch.number(tx)
    written = [(definition, lifted(version, now)) for definition, version in changed]
    await tx.execute(
        _SAVE_FIELDS, channel, [d.key for d, _ in written], [d.encode() for d, _ in written], [v for _, v in written]
    )
    return written
