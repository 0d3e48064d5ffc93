"""The table of the term sets that segments name."""

from collections.abc import Iterable
from uuid import UUID

from common.postgres import Tx
from segments.term_sets.term_set import TermSet

_KEYS = "select id, key, terms from term_set where channel = $1"
_NAMED = "select channel, id from term_set order by channel, id"
_KNOWN = "select id from term_set where channel = $1 and id = any($2::uuid[])"
_LOAD = "select id, key, digests from term_set where channel = $1 and id = any($2::uuid[])"
_ADD = """
insert into term_set (channel, id, key, terms, digests) values ($1, $2, $3, $4, $5) on conflict (channel, id) do nothing
"""
_KEEP_ONLY = "delete from term_set where channel = $1 and not id = any($2::uuid[])"


async def keys(tx: Tx, channel: str) -> dict[str, str]:
    """By id: the key that each term set was made for."""
    return {str(r["id"]): r["key"] for r in await tx.fetch(_KEYS, channel)}


async def sizes(tx: Tx, channel: str) -> dict[UUID, int]:
    """By id: how many terms each has."""
    return {r["id"]: r["terms"] for r in await tx.fetch(_KEYS, channel)}


async def named(tx: Tx) -> list[tuple[str, UUID]]:
    """Channel and id of every term set that a segment of any channel names."""
    return [(r["channel"], r["id"]) for r in await tx.fetch(_NAMED)]


async def missing(tx: Tx, channel: str, wanted: Iterable[UUID]) -> set[UUID]:
    """Those that are not here."""
    ids = set(wanted)
    return ids - {r["id"] for r in await tx.fetch(_KNOWN, channel, list(ids))}


async def load(tx: Tx, channel: str, wanted: Iterable[str]) -> dict[str, TermSet]:
    """Those of these term sets that are here, by id, with their digests."""
    rows = await tx.fetch(_LOAD, channel, [UUID(name) for name in wanted])
    return {str(r["id"]): TermSet(r["id"], r["key"], r["digests"]) for r in rows}


async def add(tx: Tx, channel: str, term_sets: Iterable[TermSet]) -> None:
    """Keep them; those that are here are the same."""
    for each in term_sets:
        await tx.execute(_ADD, channel, each.id, each.key, each.size, each.digests)


async def keep_only(tx: Tx, channel: str, used: Iterable[UUID]) -> int:
    """Drop the others; answers how many terms the rest have together."""
    await tx.execute(_KEEP_ONLY, channel, list(used))
    return sum(r["terms"] for r in await tx.fetch(_KEYS, channel))
