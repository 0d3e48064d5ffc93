"""What a topic holds now, read from its beginning to its end."""

from uuid import uuid4

from common.envelope import Delivered
from common.kafka import Source, bounds


async def everything(servers: str, topic: str) -> list[Delivered]:
    """All that the topic held when this was called, in order per partition."""
    ahead = {place: end for place, (begin, end) in (await bounds(servers, [topic])).items() if end > begin}
    found: list[Delivered] = []
    async with Source.open(servers, f"test-{uuid4()}", [topic]) as source:
        while ahead:
            for record in await source.poll():
                found.append(record)
                if record.offset + 1 >= ahead.get((record.topic, record.partition), 0):
                    ahead.pop((record.topic, record.partition), None)
    return found
