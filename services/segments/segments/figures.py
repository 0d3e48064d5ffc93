"""How far the clock is behind, and which segments are not live, for the metrics."""

from collections.abc import Sequence

from common.clock import Clock, to_millis
from common.figures import Figure, Reading
from common.postgres import Database

LATE = Figure(
    "dangol_segments_due_late_seconds", "For how long the contact that was due first waits for the clock to look at it."
)
_SEGMENTS = Figure("dangol_segments", "Segments that are not live: being built, or broken.", ("status",))
BUILDING = Figure("dangol_segments_building_seconds", "For how long the segment that was to be built first is being built.")

_STATE = """
select (select min(at_ms) from due) as due,
    (select count(*) from segment where status = 'building') as building,
    (select count(*) from segment where status = 'broken') as broken,
    (select min(since_ms) from segment where status = 'building') as built_since
"""


class SegmentFigures:
    """Asks the tables of what is due and of segments."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self) -> Sequence[Reading]:
        """How late the clock is, and how many segments are not live. Raises Unavailable."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_STATE)
        assert row is not None, "it asks no table"
        now = to_millis(self._clock.now())

        def seconds_since(instant: int | None) -> float:
            return 0.0 if instant is None else max(0, now - instant) / 1000

        counts = [_SEGMENTS.at(row[status], status) for status in ("building", "broken")]
        return [LATE.at(seconds_since(row["due"])), *counts, BUILDING.at(seconds_since(row["built_since"]))]
