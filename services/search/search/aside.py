"""What is put aside by work that is tried again as a whole."""

from common.consumer import Aside
from common.envelope import Delivered, UnreadableMessage


class Once:
    """Puts each message aside once, however often the work around it is done again."""

    def __init__(self, dead_letters: Aside) -> None:
        self._dead_letters = dead_letters
        self._there: set[tuple[str, int, int]] = set()

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        """Keep the record, unless it is kept. Raises Unavailable."""
        place = (record.topic, record.partition, record.offset)
        if place not in self._there:
            await self._dead_letters.put(record, reason)
            self._there.add(place)

    def forget(self) -> None:
        """The work is done: what comes now is another."""
        self._there.clear()
