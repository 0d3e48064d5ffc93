"""What the metrics say of what is due, and of segments that are not live."""

from datetime import timedelta
from uuid import UUID

from common.clock import to_millis
from segments.figures import SegmentFigures
from tests.segments.world import World

_SEGMENT = """
insert into segment (channel, id, name, filter, definition_version, status, build, since_ms, version, created_at, created_by)
values ('shop', $1, 'a segment', '{}', 1, $2, 1, $3, 1, now(), 'kim')
"""


async def test_how_late_the_clock_is_and_how_many_segments_are_not_live(world: World) -> None:
    figures, now = SegmentFigures(world.database, world.clock), world.clock.now()

    async def told() -> dict[tuple[str, ...], float]:
        return {(r.figure.name, *r.labels): r.value for r in await figures()}

    assert set((await told()).values()) == {0}
    async with world.database.transaction() as tx:
        for number, (status, seconds) in enumerate((("live", 99), ("building", 20), ("building", 9), ("broken", 50))):
            await tx.execute(_SEGMENT, UUID(int=number), status, to_millis(now - timedelta(seconds=seconds)))
        for number, seconds in enumerate((7, -60)):
            at = to_millis(now - timedelta(seconds=seconds))
            await tx.execute("insert into due (channel, contact_id, at_ms) values ('shop', $1, $2)", UUID(int=number), at)
    assert await told() == {
        ("dangol_segments_due_late_seconds",): 7,
        ("dangol_segments", "building"): 2,
        ("dangol_segments", "broken"): 1,
        ("dangol_segments_building_seconds",): 20,
    }
