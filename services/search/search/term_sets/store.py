"""The tables of term sets: what each is, and its terms in chunks."""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common.postgres import Database

_SAVE_TERM_SET = """
insert into term_set (channel, id, key, made_at, made_by, counts, used_at) values ($1, $2, $3, $4, $5, $6, $4)
"""
_TERM_SETS = "select id, key, made_at, made_by, counts, used_at from term_set where channel = $1 and id = any($2::uuid[])"
# Those that were deleted meanwhile are not answered, and those that are stay: no filter means another audience midway.
_USE_TERM_SETS = """
update term_set set used_at = greatest(used_at, $3) where channel = $1 and id = any($2::uuid[]) returning id
"""
_PURGE_TERM_SETS = """
delete from term_set where (channel, id) in
    (select channel, id from term_set where used_at <= $1 limit 100 for update skip locked)
"""
_TERM_ROWS = """
select number, report from term_chunk
where channel = $1 and term_set = $2 and number >= $3 and ($4::int is null or counts[$4] > 0)
order by number limit 1
"""
_COMPARED = "select compared from term_chunk where channel = $1 and term_set = $2 order by number"
_CHUNK_COLUMNS = ("channel", "term_set", "number", "counts", "report", "compared")

TERM_SETS_KEPT = timedelta(days=30)
"""So long after its last use a term set is there for certain; a day later it is gone."""
NOTED_EVERY = timedelta(hours=23)
"""A use is noted where none was for so long: reading is no writing, nearly always."""


@dataclass(frozen=True, slots=True)
class TermSet:
    """A term set as its report begins: how many terms are found, notFound, ambiguous, duplicate, unreadable."""

    id: UUID
    key: str
    made_at: datetime
    made_by: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TermChunk:
    """Some of its terms, deflated JSON: the report's rows, and what the index compares with."""

    counts: tuple[int, ...]
    report: bytes
    compared: bytes


class TermSetStore:
    """The tables of term sets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, channel: str, made: TermSet, chunks: Sequence[TermChunk]) -> None:
        """Keep a term set with all its chunks."""
        rows = [(channel, made.id, n, list(c.counts), c.report, c.compared) for n, c in enumerate(chunks)]
        async with self._database.transaction() as tx:
            await tx.execute(_SAVE_TERM_SET, channel, made.id, made.key, made.made_at, made.made_by, list(made.counts))
            await tx.copy_records_to_table("term_chunk", records=rows, columns=_CHUNK_COLUMNS)

    async def named(self, channel: str, ids: Sequence[UUID], now: datetime) -> Mapping[UUID, TermSet]:
        """Those of these term sets that the channel has, which are used now."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_TERM_SETS, channel, list(ids))
            if stale := [r["id"] for r in rows if r["used_at"] < now - NOTED_EVERY]:
                there = {r["id"] for r in await connection.fetch(_USE_TERM_SETS, channel, stale, now)}
                rows = [r for r in rows if r["id"] not in stale or r["id"] in there]
        return {r["id"]: TermSet(r["id"], r["key"], r["made_at"], r["made_by"], tuple(r["counts"])) for r in rows}

    async def purge(self, now: datetime) -> bool:
        """Delete some of those that were last used so long ago; answers whether there were any."""
        async with self._database.connection() as connection:
            return await connection.execute(_PURGE_TERM_SETS, now - TERM_SETS_KEPT - NOTED_EVERY) != "DELETE 0"

    async def rows(self, channel: str, term_set: UUID, number: int, status: int | None) -> tuple[int, bytes] | None:
        """The first chunk from this number on that has a term of the status (its place among the counts), and its report."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_TERM_ROWS, channel, term_set, number, None if status is None else status + 1)
        return None if row is None else (row["number"], row["report"])

    async def compared(self, channel: str, term_set: UUID) -> bytes:
        """What the index compares with, all of it, as a JSON list."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_COMPARED, channel, term_set)
        return await asyncio.to_thread(_joined, [row["compared"] for row in rows])


def _joined(deflated: Sequence[bytes]) -> bytes:
    """Deflated JSON lists as one."""
    lists = [zlib.decompress(each)[1:-1] for each in deflated]
    return b"[" + b",".join(each for each in lists if each) + b"]"
