"""`contacts republish`: the newest state of everyone into the outbox once more, beside those who write, and behind them."""

import asyncio
import time
from dataclasses import replace
from uuid import UUID

from common import outbox
from common.clock import Clock, to_wire
from common.envelope import Batch, Message
from common.epoch import lifted
from common.errors import Conflict, NotFound
from common.postgres import Database, Record, Tx
from common.telemetry import log, trace_headers
from common.topics import CONTACTS
from contacts.channel import store as channel_store
from contacts.channel.publish import channel_message
from contacts.epochs import store as epoch_store
from contacts.epochs.store import Epoch
from contacts.fields import store as field_store
from contacts.fields.publish import field_messages
from contacts.republishing import store
from contacts.republishing.publish import gone, told_again
from contacts.republishing.store import BEFORE_ALL, Place
from contacts.store import contact_of

EVERYONE = ""
_CHUNK = 500
_BYTES = 4 * 1024 * 1024
_TELL_SECONDS, _LOOK_SECONDS = 5.0, 0.02


class OneAtATime(Conflict):
    """Somebody tells again already."""

    code = "republishing"

    def __init__(self) -> None:
        super().__init__("Another `republish` is under way. Wait until it has ended.")


class Republisher:
    """Any number of contacts, a chunk a transaction. It goes on where an earlier one of the same scope was broken off.

    `rate` is how many contacts a second at the most. What live writes have to tell goes first: no chunk is added before the
    relay has sent the one before it.
    """

    def __init__(self, database: Database, clock: Clock, *, rate: float, chunk: int = _CHUNK, most_bytes: int = _BYTES) -> None:
        self._database = database
        self._clock = clock
        self._rate = rate
        self._chunk = chunk
        self._most_bytes = most_bytes
        self._said = time.monotonic()

    async def everyone(self, only: str | None = None) -> int:
        """Tell of all channels, or of one alone; answers how many contacts that was. Raises NotFound, OneAtATime."""
        scope = only or EVERYONE
        async with store.alone(self._database) as granted:
            if not granted:
                raise OneAtATime
            async with self._database.connection() as connection:
                place = await store.place(connection, scope)
                channels = await store.channels_from(connection, only or place.channel)
            if only is not None and channels[:1] != [only]:
                raise NotFound("There is no such channel.")
            if place != Place():
                log.info("going on where it was broken off", told=place.told)
            for channel in channels[:1] if only else channels:
                place = await self._channel(scope, channel, place)
            async with self._database.transaction() as tx:
                await store.done(tx, scope)
        return place.told

    async def contact(self, contact_id: UUID) -> None:
        """Tell of one. Raises NotFound."""
        async with self._database.transaction() as tx:
            channel = await store.channel_of(tx, contact_id)
            if channel is None:
                raise NotFound("There is no such contact.")
            await self._contacts(tx, channel, [contact_id])

    async def _channel(self, scope: str, channel: str, place: Place) -> Place:
        if place.channel != channel:
            place = replace(place, channel=channel, contact_id=BEFORE_ALL)
            async with self._database.transaction() as tx:
                await self._meaning(tx, channel)
                await store.keep(tx, scope, place)
        while True:
            began = time.monotonic()
            async with self._database.transaction() as tx:
                ids = await store.following(tx, channel, place.contact_id, self._chunk, self._most_bytes)
                if not ids:
                    return place
                await self._contacts(tx, channel, ids)
                place = replace(place, contact_id=ids[-1], told=place.told + len(ids))
                await store.keep(tx, scope, place)
            await self._rest(place, began + len(ids) / self._rate)

    async def _rest(self, place: Place, until: float) -> None:
        if time.monotonic() - self._said >= _TELL_SECONDS:
            self._said = time.monotonic()
            log.info("telling again", contacts=place.told, channel=place.channel)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        while await self._waiting():  # noqa: ASYNC110 - the relay sends it, in another process
            await asyncio.sleep(_LOOK_SECONDS)

    async def _waiting(self) -> bool:
        async with self._database.connection() as connection:
            return await outbox.waiting(connection, self._chunk) >= self._chunk

    async def _meaning(self, tx: Tx, channel: str) -> None:
        """The channel's settings and its fields' definitions, by which contacts are read."""
        settings, version = await channel_store.load_channel(tx, channel, lock=True)
        fields, now = await field_store.fields(tx, channel), self._clock.now()
        defined = [(definition, of) for definition, of in fields.values()]
        await outbox.put(tx, [channel_message(channel, settings, version, now), *field_messages(channel, defined, now)])

    async def _contacts(self, tx: Tx, channel: str, ids: list[UUID]) -> None:
        rows, epoch = await store.lock(tx, channel, ids), await epoch_store.read(tx)
        withheld = await field_store.withheld_keys(tx, channel)
        batch = Batch(CONTACTS, channel, "contacts", trace_headers())
        await outbox.put(tx, [_message(batch, row, epoch, withheld) for row in rows])


def _message(batch: Batch, row: Record, epoch: Epoch, withheld: frozenset[str]) -> Message:
    """What is told of a row. One that is from before the epoch is so from its beginning on."""
    version = lifted(row["version"], epoch.number) if row["epoch"] < epoch.number else row["version"]
    is_lifted = version != row["version"]
    if row["erased_at"] is not None:
        return gone(batch, row["id"], version, max(row["erased_at"], epoch.begun_at) if is_lifted else row["erased_at"])
    contact = contact_of(row)
    at = max(contact.updated_at, to_wire(epoch.begun_at)) if is_lifted else contact.updated_at
    return told_again(batch, contact, at, withheld)
