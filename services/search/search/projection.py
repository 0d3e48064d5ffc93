"""What messages mean for the index, for whoever writes to it: the consumer, a rebuild, a dead letter tried again."""

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import orjson

from common.envelope import Delivered, UnreadableMessage
from common.events.contacts import ChannelMessage, Contact, ContactState, FieldMessage, contact_state, field_message
from common.loop import Turns
from common.topics import FIELDS
from search.bulk import Entry
from search.document import Slots, document, tombstone
from search.neighbours import Neighbours
from search.store import Store


@dataclass(frozen=True, slots=True)
class Item:
    """A decoded message with its origin: a contact's state, None for one that is erased, or a definition."""

    origin: Delivered
    told: ContactState | FieldMessage | ChannelMessage | None
    version: int


def decode(message: Delivered) -> Item:
    """Read a message of either topic. Raises UnreadableMessage."""
    told = field_message(message) if message.topic == FIELDS else contact_state(message)
    if not message.channel or not message.subject:
        raise UnreadableMessage("the key is not channel/subject")
    if isinstance(told, ContactState) and str(told.contact.id) != message.subject:
        raise UnreadableMessage("the key names another contact")
    if isinstance(told, ContactState) and not _is_writable(told.contact):
        raise UnreadableMessage("a number is too large, or a value too deep, to be written again")
    return Item(message, told, message.version)


def _is_writable(contact: Contact) -> bool:
    """Whether its values can be JSON again: whole numbers beyond 64 bits can be read, and lists in lists a thousand deep."""
    counts = [contact.version, contact.sessions_count, *(each.sessions_count for each in (contact.web, contact.mobile) if each)]
    try:
        orjson.dumps([[counts, contact.profile]])  # as deep as in the document
    except orjson.JSONEncodeError:
        return False
    return True


def newest(items: Sequence[Item]) -> dict[str, Item]:
    """Of contacts' messages the newest of each contact, by key, in the order of the last of each."""
    found: dict[str, Item] = {}
    for item in items:
        earlier = found.pop(item.origin.key, None)
        # It goes last, as in the topic: whoever sees the last write of a transaction sees those before it.
        found[item.origin.key] = earlier if earlier is not None and earlier.version >= item.version else item
    return found


class Projection:
    """Knows each channel's slots, and learns them from definitions."""

    def __init__(self, store: Store, neighbours: Neighbours) -> None:
        self._store = store
        self._neighbours = neighbours
        self._slots: dict[str, Slots] = {}

    async def define(self, items: Sequence[Item]) -> None:
        """Keep what messages of fields.v1 tell."""
        by_channel: dict[str, list[FieldMessage]] = defaultdict(list)
        for item in items:
            match item.told:
                case ChannelMessage():
                    await self._store.save_channel(item.origin.channel, item.told.channel, item.told.version)
                case FieldMessage():
                    by_channel[item.origin.channel].append(item.told)
                case _:
                    continue
        for channel, told in by_channel.items():
            await self._store.save_fields(channel, [(t.field, t.version) for t in told])
            self._slots.pop(channel, None)

    async def entries(self, items: Sequence[Item]) -> list[Entry]:
        """The documents of contacts' messages. Raises Unavailable where a field is not known and nobody can tell of it."""
        turns = Turns()
        made: list[Entry] = []
        for item in items:
            await turns.give()
            made.append(Entry(item.origin.key, item.version, await self._body(item)))
        return made

    async def _body(self, item: Item) -> dict[str, Any] | bytes:
        channel, told = item.origin.channel, item.told
        if not isinstance(told, ContactState) or told.contact.merged_into is not None or told.contact.hidden:
            return tombstone(channel, item.origin.subject, item.version, erased=told is None)
        wanted = told.contact.profile.keys()
        slots = self._slots.get(channel)
        if slots is None or wanted - slots.keys():
            slots = await self._slots_for(channel, wanted)
        return document(channel, told.contact, slots)

    async def _slots_for(self, channel: str, wanted: Set[str]) -> Slots:
        """The channel's slots, the wanted keys' too: topics run side by side, and a contact may come before its field."""
        slots = self._slots[channel] = (await self._store.fields(channel)).slots
        if wanted - slots.keys():
            missing = [d for d in await self._neighbours.fields(channel) if d.key.removeprefix("profile.") in wanted]
            # Version 0: whatever fields.v1 tells of the field later is newer.
            await self._store.save_fields(channel, [(d, 0) for d in missing if d.key.startswith("profile.")])
            slots = self._slots[channel] = (await self._store.fields(channel)).slots
        return slots
