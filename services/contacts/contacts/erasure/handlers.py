"""Commands and reads of erasures: a contact and all the leads it took in, gone in one transaction."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from common import eventstore
from common.auth import Caller
from common.clock import Clock
from common.errors import ANY_VERSION, StaleVersion, Unavailable
from common.eventstore import ConcurrentChange, again
from common.ids import Ids
from common.position import Applied, Position, last_by_partition
from common.postgres import Database, Tx
from common.recorded import Recorded
from contacts import store
from contacts.contact import erased, no_contact
from contacts.erasure import store as erasure_store
from contacts.erasure.erasure import IMPORTS, READERS, Erased, Erasure, no_receipt, receipt
from contacts.imports import store as import_store
from contacts.imports.files import Files, came_before
from contacts.managed_users import store as managed_users_store
from contacts.managed_users.limit import Moves
from contacts.store import States


class Readers(Protocol):
    """The services that hold contacts too."""

    async def hold_nothing(self, reader: str, channel: str, ended: tuple[Erased, ...]) -> bool:
        """Whether this reader has nothing any more of these ids up to these versions. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Gone:
    """An erasure that was carried out."""

    receipt_id: UUID
    position: Position


class Erasures:
    """Erasing, and the receipts of it."""

    def __init__(self, database: Database, readers: Readers, files: Files, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._readers = readers
        self._files = files
        self._clock = clock
        self._ids = ids

    async def erase(self, caller: Caller, contact_id: UUID, expected: int | None) -> Gone:
        """Erase whom the id stands for. Raises NotFound, Gone where it was erased before, StaleVersion."""
        return await again(lambda: self._erase(caller, contact_id, expected))

    async def _erase(self, caller: Caller, contact_id: UUID, expected: int | None) -> Gone:
        channel, by, at = caller.channel, caller.subject, self._clock.now()
        async with self._database.transaction() as tx:
            survivor, states = await _lock(tx, channel, contact_id)
            contact, changed_by = states.get(survivor, (None, ""))
            if contact is None:
                raise erased() if await store.is_erased(tx, channel, contact_id) else no_contact()
            if expected not in (None, ANY_VERSION, contact.version):
                raise StaleVersion(contact.version, changed_by)
            going = [state for state, _ in states.values() if state is not None]
            ended = await erasure_store.rewrite(tx, channel, going, by, at)
            await eventstore.append(tx, [_recorded(channel, e, by, at) for e in ended])
            await managed_users_store.move(tx, channel, Moves(gone=1, unhidden=int(contact.hidden)), at)
            erasure = Erasure(self._ids(), contact.id, tuple(ended), at, by)
            await erasure_store.add(tx, channel, erasure)
        written = (Applied("contact", str(e.id), e.version) for e in ended)
        return Gone(erasure.id, last_by_partition(channel, written).wrote())

    async def receipt(self, caller: Caller, receipt_id: UUID) -> dict[str, object]:
        """The receipt; what a reader cannot be asked is pending. Raises NotFound."""
        async with self._database.connection() as connection:
            erasure = await erasure_store.find(connection, caller.channel, receipt_id)
        if erasure is None:
            raise no_receipt()
        answers = await asyncio.gather(*(self._holds_nothing(reader, caller.channel, erasure) for reader in READERS))
        done = {IMPORTS: not await self._files_from_before(caller.channel, erasure), **dict(zip(READERS, answers, strict=True))}
        return receipt(erasure, done, self._clock.now())

    async def _files_from_before(self, channel: str, erasure: Erasure) -> bool:
        """Whether a file is still there that was sent before the erasure and is not known to be another channel's."""
        there = came_before(await self._files.there(), erasure.at)
        if not there:
            return False
        async with self._database.connection() as connection:
            standing = await import_store.standing(connection, there)
        return any(import_id not in standing or standing[import_id].channel == channel for import_id in there)

    async def _holds_nothing(self, reader: str, channel: str, erasure: Erasure) -> bool:
        try:
            return await self._readers.hold_nothing(reader, channel, erasure.erased)
        except Unavailable:
            return False


def _recorded(channel: str, ended: Erased, by: str, at: datetime) -> Recorded:
    return Recorded(channel, ended.id, ended.version, "contact.erased", b'{"type":"contact.erased"}', at, by, "erasure")


async def _lock(tx: Tx, channel: str, contact_id: UUID) -> tuple[UUID, States]:
    """Lock whom the id stands for and the leads it took in. Raises ConcurrentChange where these are others by then."""
    survivor = await erasure_store.survivor(tx, channel, contact_id)
    leads = await erasure_store.absorbed(tx, channel, survivor)
    states = await store.lock(tx, channel, [survivor, *leads])
    contact, _ = states.get(survivor, (None, ""))
    if contact is not None and (contact.merged_into or leads != await erasure_store.absorbed(tx, channel, survivor)):
        raise ConcurrentChange
    return survivor, states
