"""Which shards a relay has: those that want the same ones have as many each, and give back what they have above that."""

from collections.abc import Collection, Sequence

from common.postgres import Connection

# Advisory locks are the database's, not the schema's: the service's schema is part of the lock's first half.
_HOLD = "select pg_try_advisory_lock(hashtext('outbox ' || current_schema()), $1)"
_GIVE_BACK = "select pg_advisory_unlock(hashtext('outbox ' || current_schema()), $1)"

# A seat is a lock that all who want the same shards share. It goes with the connection, as they do, so nobody counts the dead.
_SEAT = "hashtext('outbox relays ' || current_schema())"
_SIT = f"select pg_advisory_lock_shared({_SEAT}, $1)"
_SEATS = f"""
select count(*) as relays, count(*) filter (where pid < pg_backend_pid()) as place from pg_locks
where locktype = 'advisory' and objsubid = 2 and mode = 'ShareLock' and granted
    and classid = {_SEAT}::oid and objid = $1::int::oid
    and database = (select oid from pg_database where datname = current_database())
"""  # noqa: S608 - a constant


def share(wanted: int, relays: int, place: int) -> int:
    """How many of the wanted shards the relay at this place among them has: together they have all, and no two differ by more
    than one.
    """
    return wanted // relays + (place < wanted % relays)


def _seat(wanted: Collection[int]) -> int:
    return sum(1 << shard for shard in set(wanted))


async def sit(connection: Connection, wanted: Collection[int]) -> None:
    """Be counted among the relays that want these shards, until the connection ends."""
    await connection.execute(_SIT, _seat(wanted))


async def own_share(connection: Connection, wanted: Collection[int]) -> int:
    """How many of them this one has, by those who want the same just now."""
    seats = await connection.fetchrow(_SEATS, _seat(wanted))
    assert seats is not None, "a count has a row"
    return share(len(wanted), seats["relays"], seats["place"])


async def take(connection: Connection, shards: Collection[int], most: int) -> list[int]:
    """The first of these shards that nobody holds, `most` at the most: they are held from now on."""
    taken: list[int] = []
    for shard in shards:
        if len(taken) < most and await connection.fetchval(_HOLD, shard):
            taken.append(shard)
    return taken


async def give_back(connection: Connection, shards: Sequence[int]) -> None:
    """Hold these no longer. What is sent of them is noted before."""
    for shard in shards:
        await connection.fetchval(_GIVE_BACK, shard)
