"""What destinations ask of the segments: whether there is such a one, and its name."""

from uuid import UUID

from common.errors import Unprocessable
from common.peers import Peer


class Segments:
    """The service of segments."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def name(self, channel: str, segment_id: UUID) -> str:
        """The segment's name. Raises Unprocessable where there is none, Unavailable where it can't be asked."""
        answer = await self._peer.ask("POST", "/internal/segments/read", channel, {"ids": [str(segment_id)]})
        for item in answer["items"]:
            if item["id"] == str(segment_id):
                return str(item["name"])
        raise no_segment()


def no_segment() -> Unprocessable:
    """What is said of a segment that is not there, or not any more."""
    return Unprocessable("There is no such segment.", code="unknownSegment", pointer="/segmentId")
