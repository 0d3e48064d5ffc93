"""The one read that knows no channel: the export that an address leads to."""

from uuid import UUID

from common.leased import stored
from common.postgres import Tx
from exports.export import Export

_OF_LINK = "select state from export where id = $1"


async def of_link(tx: Tx, export_id: UUID) -> Export | None:
    """One export, whosever it is. Raises NotReadable."""
    state = await tx.fetchval(_OF_LINK, export_id)
    return None if state is None else stored(Export, export_id, state)
