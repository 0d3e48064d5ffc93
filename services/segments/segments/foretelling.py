"""Where a contact stands by definitions that are still being built: as the build will find it, and the clock until now."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from common.filters import used_term_sets
from common.postgres import Tx
from segments import definition_store as definitions
from segments.definition import Channel, Meaning, meaning, rule
from segments.membership import Known, Standing, define, settle
from segments.term_sets import store as term_set_store


def to_foretell(row: asyncpg.Record) -> bool:
    """Whether the build under way has not come to this contact; `row` is the segment's `status` and `build`, and the standing."""
    return bool(row["status"] == "building" and row["standing_build"] != row["build"])


@dataclass(frozen=True, slots=True)
class Foresight:
    """A channel's definitions, read once for many questions."""

    channel: str
    definitions: Channel
    read: Meaning

    @classmethod
    async def of(cls, tx: Tx, channel: str) -> "Foresight":
        """As the definitions are now."""
        loaded = await definitions.load_channel(tx, channel)
        # Beside the loop: thousands of filters take seconds to read.
        return cls(channel, loaded, await asyncio.to_thread(meaning, loaded))

    async def standing(self, tx: Tx, segment_id: UUID, row: asyncpg.Record, known: Known, now: int) -> Standing:
        """Where the contact will stand; `row` is how it stands. Outside, where the segment has been deleted meanwhile."""
        segment = self.definitions.segments.get(segment_id)
        if segment is None:
            return Standing()
        node = self.read.nodes.get(segment_id)
        terms = await term_set_store.load(tx, self.channel, used_term_sets(node) if node is not None else ())
        judged = rule(segment, self.read, terms)
        stored = Standing(
            bool(row["member"]), row["since_ms"], row["next_change_ms"], row["settled_ms"] or 0, row["standing_build"] or 0
        )
        standing, _ = define(stored, judged, known)
        return settle(standing, judged, known, max(now, standing.settled))[0]
