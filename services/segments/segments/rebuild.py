"""This read model again: all that Kafka still holds is read once more, and every segment is judged over everyone anew."""

from common.clock import Clock, to_millis
from common.postgres import Database
from segments import definition_store as definitions
from segments import store
from segments.definition import rebuilt

_CHANNELS = "select distinct channel from segment order by channel"
_FROM_THE_BEGINNING = "update consumer_offset set next_offset = 0"


async def rebuild(database: Database, clock: Clock) -> int:
    """Begin it, while the system runs; answers how many segments are to be judged again.

    The consumer finds its offsets moved, stops, is started again and reads from the beginning: versions it has are ignored,
    what is missing is added. The log of changes is what was told and stays: who is in begins from it, and only differences
    between that and the new judgement are changes.
    """
    count = 0
    async with database.transaction() as tx:
        await tx.execute(_FROM_THE_BEGINNING)
        channels = [r["channel"] for r in await tx.fetch(_CHANNELS)]
    for channel in channels:
        async with database.transaction() as tx:
            await definitions.change_alone(tx, [channel])
            await store.members_from_log(tx, channel)
            loaded = await definitions.load_channel(tx, channel)
            now = to_millis(clock.now())
            again = [rebuilt(s, now) for s in loaded.segments.values() if s.status != "broken"]
            for segment in again:
                await definitions.update_segment(tx, channel, segment)
            await definitions.touch(tx, channel)
            count += len(again)
    return count
