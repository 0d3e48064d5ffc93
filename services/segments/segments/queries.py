"""What can be asked about segments: definitions, members now and then, the change log, why, and what is applied here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from common.errors import Gone, NotFound
from common.position import Position
from common.postgres import Database, Tx
from segments import due_store, store
from segments.foretelling import Foresight, stands, to_foretell
from segments.wholeness import refuse_a_part, refuse_broken_part


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A segment as it is shown."""

    id: UUID
    name: str
    filter: object
    status: str
    problem: str | None
    count: int
    definition_version: int
    version: int
    used_by: Sequence[Mapping[str, str]] = ()
    """Id and name of the segments whose filters name this one themselves."""


@dataclass(frozen=True, slots=True)
class DefinitionView:
    """What a manager made of a segment at a version; `by` is None where it was not noted."""

    version: int
    definition_version: int
    at: datetime
    by: str | None
    name: str
    filter: object


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member, in since an instant (milliseconds)."""

    contact_id: UUID
    since: int


@dataclass(frozen=True, slots=True)
class StandingView:
    """Where one contact stands; instants in milliseconds."""

    member: bool
    since: int | None
    next_change: int | None


@dataclass(frozen=True, slots=True)
class MembershipView:
    """A segment that a contact is in."""

    id: UUID
    name: str
    status: str
    since: int


_COLUMNS = "s.id, s.name, s.filter, s.status, s.problem, t.members, s.definition_version, s.version"
_USED_BY = """
coalesce((
    select jsonb_agg(jsonb_build_object('id', u.id, 'name', u.name) order by u.id) from named_in n
    join segment u on u.channel = n.channel and u.id = n.segment_id where n.channel = s.channel and n.named = s.id
), '[]')
"""
_SEGMENT = f"""
select {_COLUMNS}, {_USED_BY} as used_by
from segment s join tally t on t.channel = s.channel and t.segment_id = s.id where s.channel = $1
"""  # noqa: S608 - the columns alone
_ONE = _SEGMENT + " and s.id = $2"
_LIST = _SEGMENT + " and ($2::uuid is null or s.id > $2) order by s.id limit $3"
# A filter names segments in the `values` of conditions on `segment`; what is no id there refers to none.
_WITH_REFERRED = f"""
with recursive reached as (
    select id, filter from segment where channel = $1 and id = any($2::uuid[])
    union select s.id, s.filter from reached r
        cross join lateral jsonb_path_query(r.filter, '$.** ? (@.key == "segment" || @.key == "user.segment").values[*]') as v
        join segment s on s.channel = $1
            and s.id = case when v #>> '{{}}'
                ~* '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$' then (v #>> '{{}}')::uuid end
)
select {_COLUMNS}
from reached r join segment s on s.channel = $1 and s.id = r.id join tally t on t.channel = $1 and t.segment_id = r.id
order by s.id
"""  # noqa: S608 - the columns alone
# Whether these are all is read with them, in one statement: a definition may change at any moment.
_MEMBERS = """
select s.channel, s.id, s.status, s.problem, s.whole, m.contact_id, m.since_ms from segment s left join lateral (
    select contact_id, since_ms from membership
    where channel = $1 and segment_id = $2 and member and ($3::uuid is null or contact_id > $3) order by contact_id limit $4
) as m on true where s.channel = $1 and s.id = $2 order by m.contact_id
"""
_MEMBERS_AT = """
select s.channel, s.id, s.status, s.problem, s.whole, s.since_ms as judged_from, f.kept_ms, p.from_ms, p.to_ms,
    m.contact_id, m.at_ms as since_ms
from segment s
left join log_floor f on f.channel = s.channel and f.segment_id = s.id
left join cut_short p on p.channel = s.channel and p.segment_id = s.id and p.from_ms <= $5 and $5 < p.to_ms
left join lateral (
    select contact_id, at_ms from (
        select distinct on (contact_id) contact_id, change, at_ms from change
        where channel = $1 and segment_id = $2 and at_ms <= $5 and ($3::uuid is null or contact_id > $3)
        order by contact_id, position desc
    ) as last where change = 'entered'
        and not exists (select from contact c where c.channel = $1 and c.id = last.contact_id and c.erased)
    order by contact_id limit $4
) as m on true where s.channel = $1 and s.id = $2 order by m.contact_id
"""
_CONTACT = "select channel, id, version, at_ms, doc, erased, merged_into, due_ms from contact where channel = $1 and id = $2"
_STANDING = """
select s.status, s.problem, s.whole, s.build, m.member, m.since_ms, m.settled_ms, m.build as standing_build,
    coalesce(h.revision, 0) as revision, c.channel, c.id, c.version, c.at_ms, c.doc, c.erased, c.merged_into, c.due_ms
from segment s left join contact c on c.channel = s.channel and c.id = $3 left join channel h on h.channel = s.channel
left join membership m on m.channel = s.channel and m.segment_id = s.id and m.contact_id = c.id
where s.channel = $1 and s.id = $2
"""
# Those it is in, and those that are being built: whether it is in these, the build may have to be asked. One that broke before
# everyone was judged is in nobody's list, as it shows no members.
_MEMBERSHIPS = """
select s.id, s.name, s.status, s.build, m.member, m.since_ms, m.settled_ms, m.build as standing_build
from segment s left join membership m on m.channel = s.channel and m.segment_id = s.id and m.contact_id = $2
where s.channel = $1 and ($3::uuid is null or s.id > $3) and (s.whole or s.status = 'building') and s.id in (
    select segment_id from membership where channel = $1 and contact_id = $2 and member
    union all select id from segment where channel = $1 and status = 'building'
) order by s.id limit $4
"""
_DEFINITIONS = """
select version, definition_version, at, by, name, filter from definition
where channel = $1 and segment_id = $2 and ($3::bigint is null or version < $3) order by version desc limit $4
"""
_APPLIED_CONTACTS = """
select count(*) from contact c join unnest($2::uuid[], $3::bigint[]) as w (id, version) on c.id = w.id
where c.channel = $1 and c.version >= w.version
"""
_APPLIED_FIELDS = """
select count(*) from (
    select key, version from field where channel = $1
    union all select '@channel', version from channel where channel = $1
) as f join unnest($2::text[], $3::bigint[]) as w (key, version) on f.key = w.key and f.version >= w.version
"""
_MOST_MERGES = 20


class Queries:
    """The reads of one service."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._foresight = Foresight()

    async def segment(self, channel: str, segment_id: UUID) -> SegmentView:
        """One segment. Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ONE, channel, segment_id)
        if row is None:
            raise NotFound("There is no such segment.")
        return _segment(row)

    async def segments(self, channel: str, after: UUID | None, most: int) -> list[SegmentView]:
        """Segments in the order of making, following one."""
        async with self._database.connection() as connection:
            return [_segment(r) for r in await connection.fetch(_LIST, channel, after, most)]

    async def with_referred(self, channel: str, ids: Iterable[UUID]) -> list[SegmentView]:
        """Those of these segments that are there, and all that they refer to, however deep, as of one instant."""
        async with self._database.connection() as connection:
            return [_segment(r) for r in await connection.fetch(_WITH_REFERRED, channel, list(ids))]

    async def members(
        self, channel: str, segment_id: UUID, after: UUID | None, most: int, at: int | None = None
    ) -> list[MemberView]:
        """Members in the order of ids, following one; as of an instant (milliseconds), by the change log.

        Raises NotFound, SegmentBuilding, SegmentBroken where the segment broke before everyone had been judged, NeverWhole
        for an instant at which that was so, or a build under way was followed by another, and NotKept for one too long ago.
        """
        async with self._database.connection() as connection:
            if at is None:
                rows = await connection.fetch(_MEMBERS, channel, segment_id, after, most)
            else:
                rows = await connection.fetch(_MEMBERS_AT, channel, segment_id, after, most, at)
            if not rows:
                raise NotFound("There is no such segment.")
            await refuse_a_part(connection, rows[0], at)
        return [MemberView(r["contact_id"], r["since_ms"]) for r in rows if r["contact_id"] is not None]

    async def contact(self, channel: str, contact_id: UUID) -> store.Contact:
        """A contact, or the one it was merged into; a hidden one without `doc`.

        Raises NotFound where it never was, and Gone where it is erased.
        """
        async with self._database.connection() as connection:
            following = contact_id
            for _ in range(_MOST_MERGES):
                row = await connection.fetchrow(_CONTACT, channel, following)
                if row is None:
                    break
                found = store.contact_of(row)
                if found.known.erased:
                    raise _erased()
                if found.merged_into is None:
                    return found
                following = found.merged_into
        raise NotFound("There is no such contact.")

    async def standing(self, channel: str, segment_id: UUID, contact_id: UUID, now: int) -> StandingView:
        """Where a contact, or the one it was merged into, stands; by the newest definition, though no build may have come to it.

        Raises NotFound, Gone where the contact is erased, and SegmentBroken where the segment broke before everyone had been
        judged. One statement, as this is asked very often.
        """
        following = contact_id
        for _ in range(_MOST_MERGES):
            row = await self._database.row(_STANDING, channel, segment_id, following)
            if row is None:
                raise NotFound("There is no such segment.")
            if row["id"] is None:
                break
            if row["merged_into"] is None:
                return await self._stands(channel, segment_id, row, now)
            following = row["merged_into"]
        raise NotFound("There is no such contact.")

    async def _stands(self, channel: str, segment_id: UUID, row: asyncpg.Record, now: int) -> StandingView:
        if row["erased"]:
            raise _erased()
        if row["status"] == "broken":
            refuse_broken_part(row)
            return StandingView(bool(row["member"]), row["since_ms"], None)
        contact = store.contact_of(row)
        judged = self._foresight.remembered(channel, segment_id, row["revision"])
        if judged is not None:
            found = stands(judged, row, contact.known, now)
        else:
            async with self._database.connection() as connection:
                found = await self._foresight.standing(connection, channel, segment_id, row, contact.known, now)
        if found.next_change is not None and found.next_change <= now and row["member"] is None:
            return StandingView(found.member, found.since, await self._still_to_come(contact, segment_id, row, now))
        return StandingView(found.member, found.since, found.next_change)

    async def _still_to_come(self, contact: store.Contact, segment_id: UUID, row: asyncpg.Record, now: int) -> int | None:
        """When the clock lets in one who has no row: what it has told, it tells no more, though the row that said so is gone."""
        async with self._database.connection() as connection:
            contact = await due_store.looked(connection, contact)
            if contact.due is None:
                return None
            found = await self._foresight.standing(
                connection, contact.channel, segment_id, row, contact.known, now, due=contact.due
            )
        return found.next_change

    async def memberships(
        self, channel: str, contact: store.Contact, after: UUID | None, most: int, now: int
    ) -> list[MembershipView]:
        """The segments that a contact is in, by their newest definitions, whether or not a build has come to it."""
        found: list[MembershipView] = []
        async with self._database.connection() as connection:
            while True:
                rows = await connection.fetch(_MEMBERSHIPS, channel, contact.id, after, most)
                for row in rows:
                    member, since = row["member"], row["since_ms"]
                    if to_foretell(row):
                        foretold = await self._foresight.standing(connection, channel, row["id"], row, contact.known, now)
                        member, since = foretold.member, foretold.since
                    if member and since is not None:
                        found.append(MembershipView(row["id"], row["name"], row["status"], since))
                if len(found) >= most or len(rows) < most:
                    return found[:most]
                after = rows[-1]["id"]

    async def definitions(self, channel: str, segment_id: UUID, before: int | None, most: int) -> list[DefinitionView]:
        """The versions of a segment, newest first, older than one."""
        async with self._database.connection() as connection:
            return [DefinitionView(*r) for r in await connection.fetch(_DEFINITIONS, channel, segment_id, before, most)]

    async def has_applied(self, channel: str, position: Position) -> bool:
        """Whether everything that the position names has arrived here."""
        contacts = [(UUID(e.id), e.version) for e in position.entries if e.kind == "contact"]
        fields = [(e.id, e.version) for e in position.entries if e.kind == "field"]
        async with self._database.connection() as connection:
            for statement, wanted in ((_APPLIED_CONTACTS, contacts), (_APPLIED_FIELDS, fields)):
                if wanted and await _count(connection, statement, channel, wanted) < len(wanted):
                    return False
        return True


async def _count(connection: Tx, statement: str, channel: str, wanted: Sequence[tuple[object, int]]) -> int:
    return int(await connection.fetchval(statement, channel, [name for name, _ in wanted], [v for _, v in wanted]) or 0)


def _erased() -> Gone:
    return Gone("This contact was erased.", code="erased")


def _segment(row: asyncpg.Record) -> SegmentView:
    return SegmentView(*row)
