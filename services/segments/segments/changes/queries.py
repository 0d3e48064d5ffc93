"""What can be read of a segment's log: from a bookmark on, back from a position, and counted by steps of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.errors import Gone, NotFound, Unprocessable
from common.postgres import Database
from segments import definition_store as definitions
from segments.changes.bookmark import Bookmark, Kept, after, kept_of
from segments.steps import Step, steps
from segments.wholeness import refuse_not_kept


@dataclass(frozen=True, slots=True)
class ChangeView:
    """An entry of the change log; `at` in milliseconds."""

    position: int
    at: int
    contact_id: UUID
    change: str
    cause: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Changes that follow each other, oldest first, the bookmark of who has read them, and from where one can read back.

    `last` is the position of the newest change of the log.
    """

    items: Sequence[ChangeView]
    kept: Kept
    next: Bookmark
    previous: int | None
    last: int


@dataclass(frozen=True, slots=True)
class CountView:
    """What happened from `at` (milliseconds) on for one step, and the size at its end."""

    at: int
    entered: int
    left: int
    size: int


# That the segment is there, what is kept of its log and the changes are of one statement: a purge may come at any moment.
_FORWARD = """
select coalesce(f.floor, 0) as floor, coalesce(f.snapshot, 0) as snapshot,
    (select min(position) from change where channel = $1 and segment_id = $2) as first, t.position as last,
    c.position, c.at_ms, c.contact_id, c.change, c.cause
from segment s join tally t on t.channel = s.channel and t.segment_id = s.id
left join log_floor f on f.channel = s.channel and f.segment_id = s.id left join lateral (
    select position, at_ms, contact_id, change, cause from change
    where channel = $1 and segment_id = $2 and position > $3 order by position limit $4
) as c on true where s.channel = $1 and s.id = $2 order by c.position
"""
_BACK = _FORWARD.replace("position > $3 order by position limit", "position < $3 order by position desc limit")
# What came later than the first step is taken from the count that stands: the log before it need not be read. Of one statement,
# so that count and log are those of one instant.
COUNTS = """
select t.members, f.kept_ms, r.step, r.entered, r.gone from tally t
left join log_floor f on f.channel = t.channel and f.segment_id = t.segment_id left join (
    select width_bucket(at_ms, $3::bigint[]) as step, count(*) filter (where change = 'entered') as entered,
        count(*) filter (where change = 'left') as gone
    from change where channel = $1 and segment_id = $2 and at_ms >= ($3::bigint[])[1] group by 1
) as r on true where t.channel = $1 and t.segment_id = $2
"""
_KEPT_SINCE = "select kept_ms from log_floor where channel = $1 and segment_id = $2"


class ChangesGone(Gone):
    """What followed the bookmark is not kept any more."""

    code = "changesGone"


class BeyondEnd(Unprocessable):
    """The log has not come to this place: it is none that was answered here. Who went on from it would miss all until then."""

    code = "beyondEnd"


class Log:
    """The reads of the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def following(self, channel: str, segment_id: UUID, begin: Bookmark, most: int) -> LogPage:
        """The changes after a bookmark.

        Raises NotFound, ChangesGone where some of them are not kept any more, and BeyondEnd where the log has not come there.
        """
        page = await self._page(_FORWARD, channel, segment_id, begin.position, most)
        if begin.position > page.last:
            raise BeyondEnd(
                "This log ends before this place, so it is another log's, or the log is an older copy. Start over: forget who is"
                " in, and read from the beginning, without `after` and without `Last-Event-ID`.",
                extra={"last": page.last},
            )
        if not begin.goes_on(page.kept):
            raise ChangesGone(
                "What followed this place in the log is not kept any more. Start over: forget who is in, and read from the"
                " beginning, without `after` and without `Last-Event-ID`.",
                extra={"floor": page.kept.floor},
            )
        return page

    async def preceding(self, channel: str, segment_id: UUID, before: int, most: int) -> LogPage:
        """The changes right before a position, oldest first. Raises NotFound."""
        return await self._page(_BACK, channel, segment_id, before, most)

    async def _page(self, statement: str, channel: str, segment_id: UUID, place: int, most: int) -> LogPage:
        async with self._database.connection() as connection:
            rows = await connection.fetch(statement, channel, segment_id, place, most)
        if not rows:
            raise NotFound("There is no such segment.")
        kept = kept_of(segment_id, rows[0]["floor"], rows[0]["snapshot"])
        first, last = rows[0]["first"], rows[0]["last"]
        items = [ChangeView(r["position"], r["at_ms"], r["contact_id"], r["change"], r["cause"]) for r in rows if r["position"]]
        forward = statement is _FORWARD
        begins = items[0].position if items else place + forward
        ends = items[-1].position if items else (place if forward else 0)
        at_end = forward and len(items) < most
        previous = begins if first is not None and first < begins else None
        return LogPage(items, kept, after(ends, kept, at_end=at_end), previous, last)

    async def counts(self, channel: str, segment_id: UUID, step: Step, begin: int | None, end: int) -> list[CountView]:
        """Entered and left in each step from `begin` to `end` (milliseconds; by default the last 30 that are kept), and the size.

        Raises NotFound, NotKept for steps of which not all changes are kept any more, and as `steps` does.
        """
        async with self._database.connection() as connection:
            edges = steps(step, begin, end, await definitions.zone(connection, channel))
            if begin is None:
                kept = await connection.fetchval(_KEPT_SINCE, channel, segment_id)
                edges = [edge for edge in edges if kept is None or edge >= kept] or edges[-2:]
            rows = await connection.fetch(COUNTS, channel, segment_id, edges)
        if not rows:
            raise NotFound("There is no such segment.")
        refuse_not_kept(rows[0]["kept_ms"], edges[0])
        by_step = {r["step"]: (r["entered"], r["gone"]) for r in rows if r["step"] is not None}
        size = rows[0]["members"] - sum(entered - gone for entered, gone in by_step.values())
        found = []
        for number, start in enumerate(edges[:-1], 1):
            entered, gone = by_step.get(number, (0, 0))
            size += entered - gone
            found.append(CountView(start, entered, gone, size))
        return found
