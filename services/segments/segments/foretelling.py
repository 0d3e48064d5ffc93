"""Where one contact stands in a segment, worked out when it is asked: when the clock turns it, and how a build will find it."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from common.filters import Node, used_term_sets
from common.postgres import Tx
from segments import definition_store as definitions
from segments.definition import Channel, Segment, meaning, rule
from segments.membership import Known, Rule, Standing, absent, define, recall, settle
from segments.term_sets import store as term_set_store


@dataclass(frozen=True, slots=True)
class _Kept:
    """A segment at a revision of its channel; None where it is not there. Without term sets: they are too large to be kept."""

    revision: int
    segment: Segment | None
    node: Node | None
    rule: Rule | None


class Foresight:
    """Segments' filters, each kept for as long as its channel's revision stands."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, UUID], _Kept] = OrderedDict()

    async def standing(
        self, tx: Tx, channel: str, segment_id: UUID, row: asyncpg.Record, known: Known, now: int, due: int | None = None
    ) -> Standing:
        """Where the contact stands; as a build will find it that has not come to it, and the clock until `now` (milliseconds).

        `row` is how it stands: `member`, `since_ms`, `settled_ms` and `standing_build`, null where it has no row. Outside, where
        the segment has been deleted meanwhile. `due` is as for `membership.recall`.
        """
        judged = await self._rule(tx, channel, segment_id)
        return Standing() if judged is None else stands(judged, row, known, now, due)

    def remembered(self, channel: str, segment_id: UUID, revision: int) -> Rule | None:
        """How the segment is judged, if it was asked for at this revision of its channel."""
        kept = self._known.get((channel, segment_id))
        return kept.rule if kept is not None and kept.revision == revision else None

    async def _rule(self, tx: Tx, channel: str, segment_id: UUID) -> Rule | None:
        """How the segment is judged; None where it is not there any more."""
        key = (channel, segment_id)
        revision = (await definitions.revisions(tx, [channel])).get(channel, 0)
        kept = self._known.get(key)
        if kept is None or kept.revision != revision:
            loaded = await definitions.load_channel_of(tx, channel, segment_id)
            # Beside the loop: a filter with all that it names may have thousands of conditions.
            kept = await asyncio.to_thread(_read, loaded, segment_id)
            self._known[key] = kept
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        if kept.segment is None or kept.node is None or kept.rule is not None:
            return kept.rule
        return rule(kept.segment, kept.node, await term_set_store.load(tx, channel, used_term_sets(kept.node)))


def stands(judged: Rule, row: asyncpg.Record, known: Known, now: int, due: int | None = None) -> Standing:
    """Where the contact stands by this rule; `row` as for `Foresight.standing`, `due` as for `membership.recall`."""
    stored = absent(judged)
    if row["member"] is not None:
        stored = Standing(row["member"], row["since_ms"], None, row["settled_ms"], row["standing_build"])
    if judged.building and stored.build != judged.build:
        standing, _ = define(stored, judged, known)
        return settle(standing, judged, known, max(now, standing.settled))[0]
    return recall(stored, judged, known, due)


def _read(channel: Channel, segment_id: UUID) -> _Kept:
    segment, node = channel.segments.get(segment_id), meaning(channel).nodes.get(segment_id)
    if segment is None or (node is not None and used_term_sets(node)):
        return _Kept(channel.revision, segment, node, None)
    return _Kept(channel.revision, segment, node, rule(segment, node, {}))


def to_foretell(row: asyncpg.Record) -> bool:
    """Whether the build under way has not come to this contact; `row` is the segment's `status` and `build`, and the standing."""
    return bool(row["status"] == "building" and row["standing_build"] != row["build"])
