"""Who was in a segment at one instant, and who at another, by its log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from asyncpg.transaction import Transaction

from common.errors import NotFound
from common.postgres import Database, Tx
from segments.queries import MemberView
from segments.wholeness import refuse_a_part

Which = Literal["onlyThen", "both", "onlyNow"]

_AT = """
select s.channel, s.id, s.status, s.problem, s.whole, s.since_ms as judged_from, f.kept_ms, p.from_ms, p.to_ms from segment s
left join log_floor f on f.channel = s.channel and f.segment_id = s.id
left join cut_short p on p.channel = s.channel and p.segment_id = s.id and p.from_ms <= $3 and $3 < p.to_ms
where s.channel = $1 and s.id = $2
"""
_INSIDE = """
select contact_id, at_ms from (
    select distinct on (contact_id) contact_id, change, at_ms from change
    where channel = $1 and segment_id = $2 and at_ms <= {at} {after} order by contact_id, position desc
) as last where change = 'entered'
"""
_COUNTS = f"""
with was as ({_INSIDE.format(at="$3", after="")}), is_now as ({_INSIDE.format(at="$4", after="")}), everyone as (
    select contact_id, was.at_ms as was_since, is_now.at_ms as is_since from was full join is_now using (contact_id)
)
select count(*) filter (where is_since is null), count(*) filter (where was_since is not null and is_since is not null),
    count(*) filter (where was_since is null)
from everyone e where not exists (select from contact c where c.channel = $1 and c.id = e.contact_id and c.erased)
"""  # noqa: S608 - statements of this module alone
# Whoever was in at the one instant, in the order of ids, and for each what the log said last at the other: read no further than
# a page goes.
_PAGE = """
select inside.contact_id, inside.at_ms as since from ({inside}) as inside left join lateral (
    select change from change
    where channel = $1 and segment_id = $2 and contact_id = inside.contact_id and at_ms <= {other} order by position desc limit 1
) as other on true
where coalesce(other.change = 'entered', false) = {both}
    and not exists (select from contact c where c.channel = $1 and c.id = inside.contact_id and c.erased)
order by inside.contact_id limit $6
"""


def _page(at: str, other: str, *, both: bool) -> str:
    inside = _INSIDE.format(at=at, after="and ($5::uuid is null or contact_id > $5)")
    return _PAGE.format(inside=inside, other=other, both=both)


_PAGES: Mapping[Which, str] = {
    "onlyThen": _page("$3", "$4", both=False), "both": _page("$4", "$3", both=True), "onlyNow": _page("$4", "$3", both=False),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many were in at the first instant alone, at both, at the second alone."""

    only_then: int
    both: int
    only_now: int


class Comparing:
    """The reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sizes(self, channel: str, segment_id: UUID, begin: int, end: int) -> Sizes:
        """Counted at two instants (milliseconds). Raises NotFound, and as members as of an instant do, for either of the two."""
        async with self._database.connection() as connection, _still(connection):
            await _refuse(connection, channel, segment_id, (begin, end))
            row = await connection.fetchrow(_COUNTS, channel, segment_id, begin, end)
        assert row is not None
        return Sizes(*row)

    async def page(
        self, channel: str, segment_id: UUID, begin: int, end: int, which: Which, after: UUID | None, most: int
    ) -> list[MemberView]:
        """Who, in the order of ids, following one, since when: at the second instant, or at the first who was out by then."""
        async with self._database.connection() as connection, _still(connection):
            await _refuse(connection, channel, segment_id, (begin, end))
            rows = await connection.fetch(_PAGES[which], channel, segment_id, begin, end, after, most)
        return [MemberView(r["contact_id"], r["since"]) for r in rows]


def _still(connection: Tx) -> Transaction:
    return connection.transaction(isolation="repeatable_read", readonly=True)


async def _refuse(tx: Tx, channel: str, segment_id: UUID, instants: Sequence[int]) -> None:
    for at in instants:
        row = await tx.fetchrow(_AT, channel, segment_id, at)
        if row is None:
            raise NotFound("There is no such segment.")
        await refuse_a_part(tx, row, at)
