"""Contacts put into the index as the consumer would, without Kafka and without any neighbour."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4, uuid5

from common.envelope import Delivered, UnreadableMessage, message
from common.errors import Unavailable
from common.events.contacts import Contact, ContactCreated, ContactMessage
from common.events.contacts import FieldDefinition as Defined
from common.filters import Context, FieldDefinition, FieldType
from common.postgres import Database
from common.topics import CONTACTS
from search.bulk import Entry
from search.consumer import Projector
from search.document import Slots, document
from search.index import Index
from search.neighbours import Neighbours
from search.projection import Item, Projection, decode
from search.quick import quick
from search.request import sort_of
from search.store import Fields, Store
from tests.support.filter_values import FIELDS

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
BEGAN = "2026-11-24T03:00:00.000Z"
_OFFSETS = count()
_NAMES = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def contact_id(channel: str, called: object) -> str:
    """The id of the contact that a test calls so."""
    return str(uuid5(_NAMES, f"{channel}/{called}"))


def contact(channel: str, called: object, /, **members: Any) -> Contact:
    """A contact by the name that the test gives it; whatever is not named has its first value."""
    first = {"id": contact_id(channel, called), "version": 1, "createdAt": BEGAN, "updatedAt": BEGAN}
    return Contact.of(first | members)


def slots_of(fields: Mapping[str, str]) -> Slots:
    """Slots for profile fields, given their type words by bare key: each type counts its own, as in the store."""
    given: Counter[str] = Counter()
    slots: dict[str, tuple[FieldType, int]] = {}
    for key, word in fields.items():
        slots[key] = (FieldType(word), given[word])
        given[word] += 1
    return slots


def fields_of(fields: Mapping[str, str] = FIELDS, *, country: str = "KR", zone: str = "Asia/Seoul") -> Fields:
    """What the store would know of a channel with these profile fields."""
    known = {key: FieldDefinition(FieldType(word)) for key, word in fields.items()}
    return Fields(Context(country=country, zone=zone, fields=known, segments=None), slots_of(fields))


def entries(channel: str, contacts: Iterable[Contact], fields: Mapping[str, str] = FIELDS) -> list[Entry]:
    """The documents of these contacts."""
    slots = slots_of(fields)
    return [Entry(f"{channel}/{c.id}", c.version, document(channel, c, slots)) for c in contacts]


async def put(index: Index, channel: str, contacts: Sequence[Contact], fields: Mapping[str, str] = FIELDS) -> None:
    """Make these contacts searchable."""
    assert await index.write(entries(channel, contacts, fields)) == []
    await index.refresh()


class Kept:
    """Dead letters in a list."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str]] = []

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        self.letters.append((record.key, str(reason)))


class Away(Kept):
    """Dead letters in a list that takes none at the times told, counted from 0, as if Kafka were away."""

    def __init__(self, *times: int) -> None:
        super().__init__()
        self._times = times
        self._calls = count()

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        if next(self._calls) in self._times:
            raise Unavailable("Kafka does not answer.")
        await super().put(record, reason)


def delivered(topic: str, channel: str, subject: str, kind: str, version: int, value: bytes | None) -> Delivered:
    sent = message(
        topic,
        channel=channel,
        subject=subject,
        source="contacts",
        type=kind,
        id=uuid4(),
        version=version,
        at=AT,
        value=value,
        trace={},
    )
    return Delivered(topic, 0, next(_OFFSETS), sent.key, sent.value, sent.headers)


def changed(channel: str, told: Contact) -> Delivered:
    """The message of a contact's state."""
    body = ContactMessage(event=ContactCreated(), contact=told, version=told.version).encode()
    return delivered(CONTACTS, channel, str(told.id), "contact.changed", told.version, body)


def state(channel: str, told: Contact) -> Item:
    """The same as the projector gets it."""
    return decode(changed(channel, told))


def projector_of(database: Database, index: Index, neighbours: Neighbours, dead: Kept) -> Projector:
    """A projector over these tables and this index; `dead` gets what it puts aside."""
    store = Store(database)
    return Projector(store, index, Projection(store, neighbours), dead)


async def shown(index: Index, channel: str) -> dict[str, dict[str, Any]]:
    """What a search of the channel shows, by id."""
    await index.refresh()
    query = {"bool": {"filter": [{"term": {"channel": channel}}, {"term": {"deleted": False}}]}}
    hits = await index.search(query, [{"id": "asc"}], 1000)
    return {source["source"]["id"]: source["source"] for source in hits.sources}


async def quickly(index: Index, channel: str, typed: str) -> list[dict[str, object]]:
    """What the quick search shows of the channel for what is typed, the best first."""
    query = quick(typed, "KR")
    assert query is not None
    within = {"bool": {"filter": [{"term": {"channel": channel}}], "must": [query]}}
    hits = await index.search(within, sort_of(None, {}, {}, ranked=True), 100)
    return [source["source"] for source in hits.sources]


class FixedNow:
    """The clock of tests that need none in particular."""

    NOW = AT

    def now(self) -> datetime:
        return self.NOW


async def define(store: Store, channel: str, fields: Mapping[str, str]) -> None:
    """Have the store know these profile fields, given their type words by bare key."""
    for key, word in fields.items():
        told = {"key": f"profile.{key}", "type": word.capitalize()}
        await store.save_fields(channel, [(Defined.of(told), 1)])
