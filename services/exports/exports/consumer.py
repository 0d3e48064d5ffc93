"""erasures.v1: a file that holds an erased contact goes at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.clock import Clock
from common.envelope import Delivered
from common.errors import Unavailable
from common.events.contacts import ErasureMessage
from common.events.wire import read
from common.ids import Ids
from common.postgres import Database, away_is_unavailable
from common.telemetry import log
from exports import holdings, journal
from exports.audit import store as audit
from exports.audit.entry import Action, Entry
from exports.export import Export, Withdraw, decide
from exports.files import Files

GROUP = "exports"
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
        """Take the files away. Raises Unavailable where PostgreSQL is away, or a file that nobody else would delete cannot be."""
        with away_is_unavailable():
            for item in items:
                for export_id, export in (await self._withdraw(item)).items():
                    await self._delete(item.channel, export_id, export)

    async def _delete(self, channel: str, export_id: UUID, export: Export | None) -> None:
        """Whom the file held is forgotten once it is gone: until then an erasure is not done."""
        try:
            await self._files.remove_all(export_id)
        except (Unavailable, OSError) as error:
            if export is None:
                raise
            log.warning("a withdrawn file is to be deleted by the keeper", export=str(export_id), exc_info=error)
            return
        async with self._database.transaction() as tx:
            await holdings.drop(tx, channel, export_id)

    async def _withdraw(self, item: Item) -> dict[UUID, Export | None]:
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
        return gone
