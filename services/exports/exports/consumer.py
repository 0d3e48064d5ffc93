"""erasures.v1: a file that holds an erased contact goes at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.clock import Clock
from common.envelope import Delivered
from common.events.contacts import ErasureMessage
from common.events.wire import read
from common.ids import Ids
from common.postgres import Database, away_is_unavailable
from common.topics import ERASURES
from exports import holdings, journal
from exports.audit import store as audit
from exports.audit.entry import Action, Entry
from exports.export import Withdraw, decide
from exports.files import Files

GROUP = "exports"
TOPICS = (ERASURES,)
_BY = "service:exports"
_WHY = "a contact in it was erased"


@dataclass(frozen=True, slots=True)
class Item:
    """A decoded message."""

    channel: str
    message: ErasureMessage


def decode(delivered: Delivered) -> Item:
    """Read a message of erasures.v1. Raises UnreadableMessage."""
    return Item(delivered.channel, read(ErasureMessage, delivered))


class Withdrawer:
    """Applies batches; told twice, the second time finds nothing to do."""

    def __init__(self, database: Database, files: Files, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._ids = ids

    async def apply(self, items: Sequence[Item]) -> None:
        """Take the files away. Raises Unavailable where PostgreSQL is away."""
        with away_is_unavailable():
            for item in items:
                for export_id in await self._withdraw(item):
                    await self._files.remove_all(export_id)

    async def _withdraw(self, item: Item) -> list[UUID]:
        ids = item.message.event.contact_ids
        async with self._database.transaction() as tx:
            await holdings.alone(tx, item.channel)
            now = self._clock.now()
            await holdings.erase(tx, item.channel, ids, now)
            gone = await holdings.holding_any(tx, item.channel, ids)
            for export_id, export in gone.items():
                if export is not None:
                    await journal.append(tx, export, decide(export, Withdraw()), now, _BY)
                entry = Entry(self._ids(), now, _BY, Action.WITHDRAWN, str(export_id), "done", None, _WHY)
                await audit.add(tx, item.channel, entry)
                await holdings.drop(tx, item.channel, export_id)
        return list(gone)
