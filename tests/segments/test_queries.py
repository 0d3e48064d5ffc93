"""What is read of segments on the real PostgreSQL."""

from typing import Any
from uuid import UUID, uuid4

from tests.segments.support import named
from tests.segments.world import CHANNEL, World


def of(segment: UUID | str, key: str = "segment") -> dict[str, Any]:
    return {"key": key, "operator": "in", "values": [str(segment)]}


async def test_segments_are_read_with_all_that_they_refer_to_and_no_others(world: World) -> None:
    inner = await world.make(named("Kim"), "inner")
    middle = await world.make(
        {"and": [{"not": of(str(inner).upper())}, {"or": [of(inner, "user.segment"), named("Lee")]}]}, "middle"
    )
    outer = await world.make({"or": [of(middle), {"key": "name", "operator": "in", "values": [str(inner), "x"]}]}, "outer")
    texts = await world.make({"key": "name", "operator": "in", "values": [str(inner)]}, "texts")
    alone = await world.make({"and": []}, "alone")

    async def read(*ids: UUID) -> list[str]:
        return [view.name for view in await world.queries.with_referred(CHANNEL, ids)]

    assert await read(outer) == ["inner", "middle", "outer"]
    assert await read(middle, alone) == ["inner", "middle", "alone"]
    assert await read(texts) == ["texts"]
    assert await read(uuid4()) == await read() == []
    assert await read(inner, uuid4()) == ["inner"]
    assert await world.queries.with_referred("other", [outer]) == []
