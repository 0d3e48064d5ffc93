"""contacts.v1 and fields.v1 into the index: the last state of each contact in a batch, whole, under its version."""

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass

from common.consumer import Aside
from common.envelope import Delivered, UnreadableMessage
from common.events.contacts import ChannelMessage, ContactMessage, FieldMessage, contact_message, field_message
from common.topics import FIELDS
from search.document import Slots, document, tombstone
from search.index import Entry, Index
from search.neighbours import Neighbours
from search.store import Store


@dataclass(frozen=True, slots=True)
class Item:
    """A decoded message with its origin: a contact's state, None for one that is erased, or a definition."""

    origin: Delivered
    told: ContactMessage | FieldMessage | ChannelMessage | None
    version: int


def decode(message: Delivered) -> Item:
    """Read a message of either topic. Raises UnreadableMessage."""
    told = field_message(message) if message.topic == FIELDS else contact_message(message)
    if not message.channel or not message.subject:
        raise UnreadableMessage("the key is not channel/subject")
    return Item(message, told, message.version)


class Projector:
    """Applies batches."""

    def __init__(self, store: Store, index: Index, neighbours: Neighbours, dead_letters: Aside) -> None:
        self._store = store
        self._index = index
        self._neighbours = neighbours
        self._dead_letters = dead_letters
        self._slots: dict[str, Slots] = {}

    async def apply(self, items: Sequence[Item]) -> None:
        """Definitions first, then the newest state of each contact. Raises Unavailable where a store is away."""
        await self._define([i for i in items if i.origin.topic == FIELDS])
        newest: dict[str, Item] = {}
        for item in items:
            if item.origin.topic == FIELDS:
                continue
            earlier = newest.pop(item.origin.key, None)
            # It goes last, as in the topic: whoever sees the last write of a transaction sees those before it.
            newest[item.origin.key] = earlier if earlier is not None and earlier.version >= item.version else item
        entries = [await self._entry(item) for item in newest.values()]
        for refused in await self._index.write(entries):
            reason = UnreadableMessage(f"the index does not take it: {refused.reason}")
            await self._dead_letters.put(newest[refused.id].origin, reason)

    async def _define(self, items: Sequence[Item]) -> None:
        by_channel: dict[str, list[FieldMessage]] = defaultdict(list)
        for item in items:
            match item.told:
                case ChannelMessage():
                    await self._store.save_channel(item.origin.channel, item.told.channel, item.told.version)
                case FieldMessage():
                    by_channel[item.origin.channel].append(item.told)
                case _:
                    await self._dead_letters.put(item.origin, UnreadableMessage("a definition has no tombstone"))
        for channel, told in by_channel.items():
            await self._store.save_fields(channel, [(t.field, t.version) for t in told])
            self._slots.pop(channel, None)

    async def _entry(self, item: Item) -> Entry:
        channel, subject = item.origin.channel, item.origin.subject
        told = item.told
        if not isinstance(told, ContactMessage) or told.contact.merged_into is not None or told.contact.hidden:
            return Entry(item.origin.key, item.version, tombstone(channel, subject, item.version))
        slots = await self._slots_for(channel, told.contact.profile.keys())
        return Entry(item.origin.key, item.version, document(channel, told.contact, slots))

    async def _slots_for(self, channel: str, wanted: Set[str]) -> Slots:
        """The channel's slots, the wanted keys' too: topics run side by side, and a contact may come before its field."""
        slots = self._slots.get(channel)
        if slots is None or wanted - slots.keys():
            slots = self._slots[channel] = (await self._store.fields(channel)).slots
        if wanted - slots.keys():
            missing = [d for d in await self._neighbours.fields(channel) if d.key.removeprefix("profile.") in wanted]
            # Version 0: whatever fields.v1 tells of the field later is newer.
            await self._store.save_fields(channel, [(d, 0) for d in missing if d.key.startswith("profile.")])
            slots = self._slots[channel] = (await self._store.fields(channel)).slots
        return slots
