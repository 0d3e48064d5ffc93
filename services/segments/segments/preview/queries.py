"""What a filter would make of a segment, counted over everyone as of one instant."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg

from common.clock import Clock, to_millis
from common.errors import Unavailable
from common.filters import CompiledFilter, FilterRefused, Node, compile_filter, used_term_sets
from common.ids import Ids
from common.loop import Turns
from common.postgres import Database, Tx
from segments import definition_store as definitions
from segments import store
from segments.definition import Channel, Segment, present, readable, reconsidered, refuse_to_break, term_sets_of
from segments.membership import Known, Rule, Standing
from segments.preview.preview import Preview, standing_now, would_be_in
from segments.term_sets import store as term_set_store
from segments.term_sets.asked import TermSets, asked_for, refuse_too_many
from segments.term_sets.term_set import TermSet

_EVERYONE = """
select c.version, c.at_ms, c.doc, c.due_ms, m.member, m.since_ms, m.settled_ms, m.build
from contact c left join membership m on m.channel = c.channel and m.segment_id = $2 and m.contact_id = c.id
where c.channel = $1 and c.doc is not null
"""
_CHUNK = 500
_TURN_SECONDS = 0.005
_AT_ONCE = 2
_PATIENCE_SECONDS = 5.0
_LONGEST_SECONDS = 60.0

GivenUp = Callable[[], Awaitable[bool]]
"""Whether the asker has gone meanwhile."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """How everyone is to be judged: by the segment as it stands (None: there is none yet), and by the filter."""

    present: Rule | None
    wanted: CompiledFilter


class Previews:
    """Counts what filters would do. So many at once in a process, each for so long at the most: others want their answers too."""

    def __init__(
        self, database: Database, term_sets: TermSets, clock: Clock, ids: Ids, *, longest: float = _LONGEST_SECONDS
    ) -> None:
        self._database = database
        self._term_sets = term_sets
        self._clock = clock
        self._ids = ids
        self._longest = longest
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def preview(self, channel: str, raw: object, segment_id: UUID | None, given_up: GivenUp) -> Preview:
        """What saving the filter now would do to the segment, or to a new one: counts over everyone, of one instant.

        Raises NotFound, FilterRefused exactly as saving it would, and Unavailable (`previewTooLong`) where it takes too long.
        """
        asked = await asked_for(self._database, self._term_sets, channel, raw)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable("Too many previews are under way. Ask again in a moment.", retry_after=5) from None
        try:
            async with (
                asyncio.timeout(self._longest),
                self._database.connection() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                return await self._counted(connection, channel, raw, segment_id, asked, given_up)
        except TimeoutError:
            raise Unavailable(
                "There are too many contacts to preview this filter in time. Save it as a segment of its own: that is built"
                " in the background.",
                code="previewTooLong", retry_after=60, extra={"seconds": self._longest},
            ) from None  # fmt: skip
        finally:
            self._places.release()

    async def _counted(
        self, tx: Tx, channel: str, raw: object, segment_id: UUID | None, asked: list[TermSet], given_up: GivenUp
    ) -> Preview:
        own = self._ids() if segment_id is None else segment_id
        loaded = await definitions.load_channel_around(tx, channel, own, raw)
        now = to_millis(self._clock.now())  # after the snapshot began, so that what was due by then is settled here
        loaded = replace(loaded, term_sets={**loaded.term_sets, **{str(each.id): each.key for each in asked}})
        before = None if segment_id is None else present(loaded, segment_id)
        wanted = await _understood(tx, channel, loaded, raw, own, asked, now)
        judging = _Asked(None if before is None else await _rule(tx, channel, loaded, before), wanted)
        everyone = await tx.cursor(_EVERYONE, channel, segment_id)
        preview, turns = Preview(), Turns(_TURN_SECONDS)
        while rows := await everyone.fetch(_CHUNK):
            if await given_up():
                return preview
            for row in rows:
                await turns.give()
                preview = _with(preview, row, judging, now)
        return preview


async def _understood(
    tx: Tx, channel: str, loaded: Channel, raw: object, segment_id: UUID, asked: list[TermSet], now: int
) -> CompiledFilter:
    """The filter, for a segment that may be new. Raises FilterRefused where it could not be saved."""
    node = readable(raw, loaded, segment_id)
    before = loaded.segments.get(segment_id)
    if before is not None and await definitions.used_by(tx, channel, segment_id):
        changed = loaded.with_segment(replace(before, filter=raw, definition_version=before.definition_version + 1))
        others = await asyncio.to_thread(reconsidered, loaded, changed, now)
        refuse_to_break(loaded, [each for each in others if each.id != segment_id])
    if loaded.term_sets:
        sizes = await term_set_store.sizes(tx, channel) | {each.id: each.size for each in asked}
        named = term_sets_of([raw]) | await definitions.term_sets_of_others(tx, channel, segment_id)
        refuse_too_many(sum(sizes.get(each, 0) for each in named))
    return await _compiled(tx, channel, node, asked)


async def _rule(tx: Tx, channel: str, loaded: Channel, segment: Segment) -> Rule:
    """How the segment is judged as it stands."""
    judge = None
    try:
        if segment.status != "broken":
            judge = await _compiled(tx, channel, readable(segment.filter, loaded, segment.id))
    except FilterRefused:
        pass  # frozen, as a broken one is
    return Rule(judge, segment.since, segment.build, segment.status == "building")


async def _compiled(tx: Tx, channel: str, node: Node, asked: list[TermSet] | None = None) -> CompiledFilter:
    terms = await term_set_store.load(tx, channel, used_term_sets(node))
    return compile_filter(node, terms | {str(each.id): each for each in asked or ()})


def _with(preview: Preview, row: asyncpg.Record, asked: _Asked, now: int) -> Preview:
    known = Known(row["version"], row["at_ms"], row["doc"])
    stored = None
    if row["member"] is not None:
        stored = store.standing_of(row)
    standing = Standing() if asked.present is None else standing_now(stored, asked.present, known, now, row["due_ms"])
    return preview.with_one(is_in=standing.member, would_be=would_be_in(asked.wanted, known, standing, now))
