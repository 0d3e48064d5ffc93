"""The services that read what contacts tells: whether they have come so far."""

from common.errors import Unavailable
from common.peers import Peer
from common.position import Position


class Followers:
    """Search and segments, which judge filters by what they have read."""

    def __init__(self, search: Peer, segments: Peer) -> None:
        self._search = search
        self._segments = segments

    async def have_seen(self, channel: str, position: Position) -> bool:
        """Whether both have applied what the position names, and with it all that was committed before.

        Search is asked whether it has read all there is: a message that it put aside would otherwise be waited for for ever.
        """
        try:
            await self._segments.ask("GET", "/v1/segments?limit=1", channel, position=position)
            await self._search.ask("POST", "/internal/caught-up", channel)
        except Unavailable:
            return False
        return True
