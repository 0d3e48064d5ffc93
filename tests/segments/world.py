"""The segments service on a schema of a test's own: facts in, the clock set by hand, and what came of it read back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson

from common.auth import Caller
from common.clock import EPOCH, FixedClock, from_millis, to_millis, to_wire
from common.envelope import Delivered
from common.errors import NotFound
from common.events.contacts import (
    Channel,
    ChannelChanged,
    ChannelMessage,
    Contact,
    ContactChanged,
    ContactMessage,
    FieldChanged,
    FieldDefinition,
    FieldMessage,
    FieldTypeName,
)
from common.events.wire import Body
from common.health import Health
from common.ids import new_id
from common.postgres import Database
from common.topics import CONTACTS, FIELDS
from segments.changes.bookmark import Bookmark
from segments.changes.queries import ChangeView, Log
from segments.consumer import Judge
from segments.handlers import Segments
from segments.queries import Queries, SegmentView
from segments.term_sets.term_set import TermSet
from segments.verify import Verifier
from segments.worker import Builder, Timer
from tests.segments.support import NOON

CHANNEL = "c"
KIM = Caller("kim", CHANNEL, frozenset({"*"}))
Told = tuple[str, str, int]
_MOST_PIECES = 500


class TermSets:
    """Search, as far as segments asks it for term sets."""

    def __init__(self) -> None:
        self.made: dict[UUID, TermSet] = {}
        self.asked: list[UUID] = []

    def make(self, key: str, *terms: str) -> UUID:
        """A new term set of terms as they are compared."""
        made = TermSet.of(new_id(), key, terms)
        self.made[made.id] = made
        return made.id

    async def term_set(self, channel: str, term_set: UUID) -> TermSet | None:
        """The term set."""
        assert channel == CHANNEL
        self.asked.append(term_set)
        return self.made.get(term_set)


class Past:
    """Contacts, as far as segments asks it for what was."""

    def __init__(self) -> None:
        self.known: dict[tuple[UUID, datetime], Mapping[str, Any]] = {}

    async def contact(self, channel: str, contact_id: UUID, at: datetime) -> Mapping[str, Any]:
        """The contact as it was."""
        assert channel == CHANNEL
        try:
            return self.known[contact_id, at]
        except KeyError:
            raise NotFound("There was no such contact at that time.") from None


class World:
    """One consumer, one worker and the handlers over one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FixedClock(from_millis(NOON))
        self.judge = Judge(database, self.clock, new_id)
        self.term_sets = TermSets()
        self.past = Past()
        self.told_of: Mapping[UUID, Sequence[Mapping[str, Any]]] | None = {}
        """What notify says of who is told of segments; None where it does not say."""
        self.commands = Segments(database, self.term_sets, self.clock, new_id)
        self.queries = Queries(database)
        self.log = Log(database)
        self._offsets: dict[tuple[str, int], int] = {}

    @property
    def now(self) -> int:
        """The present, in milliseconds."""
        return to_millis(self.clock.now())

    @now.setter
    def now(self, millis: int) -> None:
        self.clock.instant = from_millis(millis)

    def timer(self) -> Timer:
        """A timer of its own."""
        return Timer(self.database, self.clock, new_id, Health({}))

    def builder(self, chunk: int = 1000) -> Builder:
        """A builder of its own."""
        return Builder(self.database, self.clock, new_id, Health({}), chunk=chunk)

    def verifier(self) -> Verifier:
        """A verifier of its own."""
        return Verifier(self.database, self.clock, new_id)

    def record(self, topic: str, key: str, version: int, at: int, value: Body | None, partition: int = 0) -> Delivered:
        """The next message of a partition."""
        place = (topic, partition)
        offset = self._offsets.get(place, 0)
        self._offsets[place] = offset + 1
        headers = {"ce_type": "t", "ce_id": str(uuid4()), "ce_version": str(version), "ce_time": to_wire(from_millis(at))}
        encoded = None if value is None else value.encode()
        return Delivered(topic, partition, offset, f"{CHANNEL}/{key}", encoded, headers)

    def contact(
        self, id_: UUID, version: int, at: int, *, seen: int | None = None, merged_into: UUID | None = None, partition: int = 0,
        **fields: Any,
    ) -> Delivered:  # fmt: skip
        """A contact at a version."""
        state = Contact(
            id=id_, version=version, created_at=to_wire(EPOCH), updated_at=to_wire(from_millis(at)), merged_into=merged_into,
            last_seen_at=None if seen is None else to_wire(from_millis(seen)), **fields,
        )  # fmt: skip
        told = ContactMessage(event=ContactChanged(changes=[]), contact=state, version=version)
        return self.record(CONTACTS, str(id_), version, at, told, partition)

    def erased(self, id_: UUID, version: int, at: int) -> Delivered:
        """The tombstone of a contact."""
        return self.record(CONTACTS, str(id_), version, at, None)

    def field(self, key: str, kind: FieldTypeName, version: int, *, archived: bool = False) -> Delivered:
        """A field's definition."""
        definition = FieldDefinition(key=f"profile.{key}", type=kind, archived=archived)
        return self.record(FIELDS, f"profile.{key}", version, self.now, FieldMessage(
            event=FieldChanged(), field=definition, version=version,
        ))  # fmt: skip

    def settings(self, version: int, **settings: Any) -> Delivered:
        """The channel's settings."""
        told = ChannelMessage(event=ChannelChanged(), channel=Channel(**settings), version=version)
        return self.record(FIELDS, "@channel", version, self.now, told)

    async def tell(self, *records: Delivered, judge: Judge | None = None) -> None:
        """A batch arrives."""
        by = judge or self.judge
        await by.apply([by.decode(record) for record in records])

    async def make(self, raw: object, name: str = "s", *, built: bool = True) -> UUID:
        """A new segment."""
        made = await self.commands.make(KIM, name, raw)
        if built:
            await self.build()
        return made

    async def build(self) -> None:
        """All builds, to their end."""
        builder = self.builder()
        while await builder.advance():
            pass

    async def tick(self, at: int | None = None) -> None:
        """The timer, until nothing is due."""
        if at is not None:
            self.now = at
        timer = self.timer()
        for _ in range(_MOST_PIECES):
            if not await timer.fire():
                return
        raise AssertionError("the clock finds something due again and again")

    async def shown(self, segment: UUID) -> SegmentView:
        """A segment as it is shown."""
        return await self.queries.segment(CHANNEL, segment)

    async def changes(self, segment: UUID) -> list[ChangeView]:
        """The whole log."""
        return list((await self.log.following(CHANNEL, segment, Bookmark(0), 1_000_000)).items)

    async def told(self, segment: UUID) -> list[Told]:
        """The whole log in short."""
        return [(c.change, c.cause, c.at) for c in await self.changes(segment)]

    async def members(self, segment: UUID) -> set[UUID]:
        """Who is in."""
        return {m.contact_id for m in await self.queries.members(CHANNEL, segment, None, 1_000_000)}

    async def sent(self) -> list[dict[str, Any]]:
        """The events that wait in the outbox, in their order."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("select value from outbox order by id")
        return [orjson.loads(row["value"])["event"] for row in rows]

    async def value(self, statement: str, *arguments: object) -> Any:
        """One value of the database."""
        async with self.database.connection() as connection:
            return await connection.fetchval(statement, *arguments)

    async def check(self, segment: UUID) -> None:
        """What holds of every segment at any time: the sum of the log is the count is the members, positions have no gap."""
        log = await self.changes(segment)
        assert [c.position for c in log] == list(range(1, len(log) + 1))
        inside: set[UUID] = set()
        for change in log:
            assert (change.contact_id in inside) == (change.change == "left")
            inside ^= {change.contact_id}
        assert inside == await self.members(segment)
        assert (await self.shown(segment)).count == len(inside)
        sent = [e for e in await self.sent() if e.get("segmentId") == str(segment) and "contactId" in e]
        assert [(e["position"], e["contactId"], e["type"]) for e in sorted(sent, key=lambda e: int(e["position"]))] == [
            (c.position, str(c.contact_id), f"segment.{c.change}") for c in log
        ]
