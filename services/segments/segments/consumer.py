"""Kafka into segments: every version of every contact is judged, and fields and settings change what segments mean."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from common.clock import Clock, to_millis
from common.envelope import MOST_VERSION, Delivered, UnreadableMessage
from common.events.contacts import ChannelMessage, Contact, ContactUnread, FieldMessage, field_message
from common.events.wire import read, read_values
from common.health import Health
from common.ids import Ids, parse_id
from common.loop import Turns, repeat
from common.postgres import Database, Tx, away_is_unavailable
from common.topics import CONTACTS, FIELDS
from segments import definition_store as definitions
from segments import due_store, ledger_store, offsets, store
from segments.definition import reconsidered
from segments.ledger import Ledger, Place
from segments.membership import Known
from segments.offsets import Fenced
from segments.reach import Reach, judged, reach
from segments.rules import Rules
from segments.ruling import Ruling

GROUP = "segments"

_WATCH_SECONDS = 2.0
_TURN_SECONDS = 0.004
MOST_WORK = 10_000
"""So many judgements are one transaction: some tenths of a second, in which contacts are locked."""

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ContactFact:
    """One version of one contact."""

    partition: Partition
    offset: int
    channel: str
    contact_id: UUID
    known: Known
    merged_into: UUID | None


@dataclass(frozen=True, slots=True)
class FieldFact:
    """A field's definition, or a channel's settings."""

    partition: Partition
    offset: int
    channel: str
    told: FieldMessage | ChannelMessage


Fact = ContactFact | FieldFact


def fact_of(record: Delivered) -> Fact:
    """What a message tells. Raises UnreadableMessage."""
    partition = (record.topic, record.partition)
    if record.topic == FIELDS:
        return FieldFact(partition, record.offset, record.channel, field_message(record))
    contact_id = parse_id(record.subject)
    if contact_id is None or not record.channel:
        raise UnreadableMessage("the key does not name a channel and a contact")
    known, merged_into = _known(record)
    return ContactFact(partition, record.offset, record.channel, contact_id, known, merged_into)


def _known(record: Delivered) -> tuple[Known, UUID | None]:
    """The contact at the message's version, and whom it was merged into. Raises UnreadableMessage."""
    at = to_millis(record.time)
    if record.value is None:
        return Known(record.version, at, None, erased=True), None
    told = read(ContactUnread, record)
    if not 0 <= told.version <= MOST_VERSION:
        raise UnreadableMessage("ContactUnread: version: more than a version can be")
    known = Known(told.version, at, bytes(told.contact))
    try:
        # Checked as a contact, judged and kept as it was written: the evaluator reads the wire's own form.
        contact = read_values(Contact, known.doc)
    except orjson.JSONDecodeError:
        raise UnreadableMessage("Contact: no JSON that can be read") from None
    gone = contact.merged_into is not None or contact.hidden
    return Known(told.version, at, None) if gone else known, contact.merged_into


class Judge:
    """Applies facts. Where each partition goes on is written with the effect, and nobody else may have moved it meanwhile."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._rules = Rules()
        self._applied: dict[Partition, int] = {}
        self._read: dict[Partition, int] = {}

    async def positions(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """Where the database says these partitions go on; to be asked whenever partitions are assigned."""
        async with self._database.transaction() as tx:
            known = await offsets.offsets(tx, partitions)
        for partition, offset in known.items():
            self._applied[partition] = max(offset, self._applied.get(partition, 0))
        return known

    async def watch(self, health: Health, stop: asyncio.Event) -> None:
        """Look now and then, until told to stop, whether a rebuild has moved the offsets back. Raises Fenced where it has."""
        await repeat(self.look, stop, every=_WATCH_SECONDS, name="watch", health=health)

    async def look(self) -> None:
        """Raises Fenced where the database has read less than this process has: then all must be read again."""
        applied = dict(self._applied)  # as it was before the database is asked, which can only know more by then
        with away_is_unavailable():
            async with self._database.connection() as connection:
                known = await offsets.all_offsets(connection)
        if any(known.get(partition, 0) < offset for partition, offset in applied.items()):
            raise Fenced("the offsets were moved back: everything is to be read again")

    def decode(self, record: Delivered) -> Fact:
        """Read a message, and remember that it was seen, readable or not. Raises UnreadableMessage."""
        self._read[record.topic, record.partition] = record.offset + 1
        return fact_of(record)

    async def apply(self, facts: Sequence[Fact], beat: Callable[[], None] = lambda: None) -> None:
        """Judge a batch, by pieces of bounded work, each a transaction; `beat` is told of each.

        Raises Unavailable where PostgreSQL is away, Fenced where these partitions are somebody else's now. What was applied until
        then stays, and is passed over when the batch comes again.
        """
        new = [f for f in facts if f.offset >= self._applied.get(f.partition, 0)]
        with away_is_unavailable():
            # Fields first: a definition is never newer than the contacts that were written with it in the batch.
            await self._apply_fields([f for f in new if isinstance(f, FieldFact)])
            await self._apply_contacts([f for f in new if isinstance(f, ContactFact)], beat)

    def _moves(self, topic: str, left: Sequence[ContactFact] = ()) -> list[offsets.Move]:
        """Up to all that was read, or to the first of what is left."""
        following = dict(self._read)
        for fact in reversed(left):
            following[fact.partition] = fact.offset
        return [
            offsets.Move(*partition, self._applied.get(partition, 0), offset)
            for partition, offset in sorted(following.items())
            if partition[0] == topic and offset > self._applied.get(partition, 0)
        ]

    def _done(self, moves: Sequence[offsets.Move]) -> None:
        for m in moves:
            self._applied[m.topic, m.partition] = m.next

    async def _apply_fields(self, facts: Sequence[FieldFact]) -> None:
        moves = self._moves(FIELDS)
        if not moves:
            return
        async with self._database.transaction() as tx:
            await offsets.move(tx, moves)
            channels = sorted({f.channel for f in facts})
            await definitions.change_alone(tx, channels)
            for channel in channels:
                await self._redefine(tx, channel, [f for f in facts if f.channel == channel])
        self._done(moves)

    async def _redefine(self, tx: Tx, channel: str, facts: Sequence[FieldFact]) -> None:
        before, was = await self._rules.meant(tx, channel)
        for fact in facts:
            match fact.told:
                case FieldMessage(field=field, version=version):
                    await definitions.put_field(tx, channel, field.key, field.type, field.archived, version)
                case ChannelMessage(channel=settings, version=version):
                    await definitions.put_settings(tx, channel, settings.country, settings.time_zone, version)
        after = await definitions.load_channel(tx, channel, before)
        if (after.fields, after.country, after.zone) == (before.fields, before.country, before.zone):
            return
        now = to_millis(self._clock.now())
        for segment in await asyncio.to_thread(reconsidered, before, after, now, was):
            await definitions.update_segment(tx, channel, segment)
        await definitions.touch(tx, channel)

    async def _apply_contacts(self, facts: Sequence[ContactFact], beat: Callable[[], None]) -> None:
        async with self._database.connection() as connection:
            work = await store.work(connection, {f.channel for f in facts})
        for piece, left in pieces(facts, work):
            moves = self._moves(CONTACTS, left)
            if not moves:
                continue
            async with self._database.transaction() as tx:
                await offsets.move(tx, moves)
                if piece:
                    await self._judge(tx, piece)
            self._done(moves)
            beat()

    async def _judge(self, tx: Tx, facts: Sequence[ContactFact]) -> None:
        channels = {f.channel for f in facts}
        await definitions.judge_together(tx, channels)
        rules = await self._rules.of(tx, channels)
        versions: dict[tuple[str, UUID], list[ContactFact]] = {}
        for fact in facts:
            versions.setdefault((fact.channel, fact.contact_id), []).append(fact)
        stored = await due_store.with_looks(tx, await store.lock_contacts(tx, versions))
        news: list[_News] = []
        turns = Turns(_TURN_SECONDS)
        for key, told in versions.items():
            await turns.give()
            contact = stored.get(key)
            prior = None if contact is None else contact.known
            if fresh := _in_order(told, prior):
                within = reach(rules[key[0]], prior, None if contact is None else contact.due, [fact.known for fact in fresh])
                news.append(_News(key, rules[key[0]], prior, fresh, within, None if contact is None else contact.looks))
        standings = await store.some_standings(
            tx,
            [Place(each.key[0], segment, each.key[1]) for each in news for segment in each.reach.segments],
            {each.key: each.reach.settled_after for each in news if each.ruling.rules},
        )
        ledger = Ledger()
        for each in news:
            known = [fact.known for fact in each.versions]
            for _ in judged(ledger, each.ruling, each.key, standings.get(each.key, {}), each.prior, each.reach, known):
                await turns.give()
        if news:
            await store.put_contacts(tx, [each.contact() for each in news])
            await due_store.look_by(tx, {each.key: due for each in news if (due := each.sooner()) is not None})
            await due_store.put_looks(tx, {each.key: None for each in news if each.is_left()})
        await ledger_store.write(tx, ledger, self._ids)


@dataclass(frozen=True, slots=True)
class _News:
    """What is new of a contact, and which segments that concerns."""

    key: tuple[str, UUID]
    ruling: Ruling
    prior: Known | None
    versions: Sequence[ContactFact]
    reach: Reach
    looks: int | None

    def sooner(self) -> int | None:
        """When it is due, where the clock would look at it later or never."""
        due = self.reach.due
        return due if due is not None and (self.looks is None or self.looks > due) else None

    def is_left(self) -> bool:
        """Whether the clock would look at one who is gone."""
        return self.looks is not None and self.versions[-1].known.json is None

    def contact(self) -> store.Contact:
        """Its newest state."""
        last = self.versions[-1]
        return store.Contact(*self.key, last.known, last.merged_into, self.reach.due)


def pieces(
    facts: Sequence[ContactFact], works: Mapping[str, int]
) -> Iterator[tuple[Sequence[ContactFact], Sequence[ContactFact]]]:
    """The facts in their order, by so much work as one transaction does, each time with those left after it; at least once.

    `works` is how many judgements a version is worth, by channel.
    """
    first, work = 0, 0
    for number, fact in enumerate(facts):
        more = 1 + works.get(fact.channel, 0)
        if number > first and work + more > MOST_WORK:
            yield facts[first:number], facts[number:]
            first, work = number, 0
        work += more
    yield facts[first:], ()


def _in_order(told: Sequence[ContactFact], prior: Known | None) -> list[ContactFact]:
    """Each version that is newer than the one before, once."""
    known = 0 if prior is None else prior.version
    by_version = {f.known.version: f for f in told if f.known.version > known}
    return [by_version[version] for version in sorted(by_version)]
