"""The whole life of a channel's segments, at random, on the real PostgreSQL: whoever is in is whom a plain reading finds.

Contacts come, change, come late and twice, are merged, hidden and erased; definitions are made, changed, built a step at a time,
deleted, name one another and term sets; fields are archived and restored; the zone changes; the clock stands on every edge;
processes are started anew and the read model is rebuilt. The feed alternates and folds to the membership throughout.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.clock import from_millis, to_millis, to_wire
from common.envelope import Delivered
from common.errors import Conflict
from common.events.contacts import Contact, ContactChanged, ContactMessage
from common.filters import FilterRefused, fold
from common.ids import new_id
from common.postgres import Database
from common.topics import CONTACTS, FIELDS
from localstack.stack import Stack
from segments.consumer import Judge
from segments.rebuild import rebuild
from tests.segments.support import MINUTE
from tests.segments.world import CHANNEL, KIM, World
from tests.support import oracle
from tests.support.filter_cases import filled, shapes, single_conditions
from tests.support.filter_values import FIELDS as PROFILE
from tests.support.filter_values import LISTED, TERM_SETS, TYPES, population
from tests.support.postgres import fresh_database

T = TypeVar("T")
PLACES = [(CONTACTS, 0), (FIELDS, 0)]
WORDS = {"string": "String", "number": "Number", "boolean": "Boolean", "date": "Date", "list": "List"}
DAY = 24 * 60 * MINUTE
STEPS = [0, 1, 999, MINUTE, 30 * MINUTE, 9 * 60 * MINUTE, DAY - 1, DAY, 7 * DAY, 31 * DAY]
FEW = 6
"""So many contacts and segments at most: each is compared with each."""


class Life:
    """One channel. What was told is kept as Kafka keeps it, so that all of it can come again."""

    def __init__(self, database: Database, data: st.DataObject) -> None:
        self.world = World(database)
        self.topic: list[Delivered] = []
        self.newest: dict[UUID, Contact | None] = {}
        self.versions: dict[UUID, tuple[int, int]] = {}
        self.segments: dict[UUID, Any] = {}
        self.field_versions = dict.fromkeys(PROFILE, 1)
        self.archived: set[str] = set()
        self.zone = "Asia/Seoul"
        self.settings_version = 0
        self.term_sets: dict[str, str] = {}
        self._data = data
        self._chance = random.Random(data.draw(st.integers(0, 2**32), label="seed"))

    async def begin(self) -> None:
        """A channel with its fields and term sets, and a few contacts and segments."""
        await _empty(self.world.database)
        await self.world.judge.positions(PLACES)
        await self._tell(*(self.world.field(key, _word(key), 1) for key in PROFILE))
        for name, key in TERM_SETS.items():
            self.term_sets[str(self.world.term_sets.make(key, *map(fold, LISTED[name])))] = name
        for _ in range(FEW // 2):
            await self._write(new_id(), 0)
            await self._make()

    async def go_on(self) -> None:
        """One thing happens."""
        happens: list[Callable[[], Awaitable[None]]] = [
            self.contacts_come_or_change, self.contacts_come_or_change, self.contacts_come_or_change, self.a_contact_goes,
            self.messages_come_again, self.a_segment_is_made_or_changed, self.a_segment_is_deleted,
            self.a_field_is_archived_or_restored, self.the_zone_changes, self.time_passes, self.time_passes, self.a_build_goes_on,
            self.the_timer_comes, self.the_consumer_is_started_anew, self.all_is_rebuilt, self.everything_catches_up,
            self.everything_catches_up,
        ]  # fmt: skip
        await self._draw(happens, "happens")()
        await self.the_feed_folds_to_the_membership()

    # What the customers do.

    async def contacts_come_or_change(self) -> None:
        """Other states of contacts: of an old one a few members are others."""
        for _ in range(self._draw([1, 2, 3], "contacts")):
            new = len(self.newest) < FEW and self._draw([True, False], "new")
            one = new_id() if new else self._draw(sorted(self.newest), "contact")
            await self._write(one, self._draw([0, 0, 0, 1, MINUTE, DAY], "late"))

    async def a_contact_goes(self) -> None:
        """Erased for good, merged into another, or hidden until it is written again."""
        one = self._draw(sorted(self.newest), "contact")
        version, at = self._next(one, 0)
        self.newest[one] = None
        match self._draw(["erased", "merged", "hidden"], "how"):
            case "erased":
                await self._tell(self.world.erased(one, version, at))
            case "merged":
                await self._tell(self.world.contact(one, version, at, merged_into=UUID(int=1)))
            case _:
                await self._tell(self.world.contact(one, version, at, hidden=True))

    async def messages_come_again(self) -> None:
        """Kafka delivers at least once: some of what was told, with offsets of its own."""
        again = self._data.draw(st.lists(st.integers(0, len(self.topic) - 1), min_size=1, max_size=4), label="again")
        await self.world.tell(*(self._anew(self.topic[number]) for number in again))

    # What the managers do.

    async def a_segment_is_made_or_changed(self) -> None:
        """A filter over anything, other segments and term sets included."""
        known = sorted(self.segments)
        if not known or (len(known) < FEW and self._draw([True, False], "new")):
            await self._make()
            return
        raw, segment = self._filter(), self._draw(known, "segment")
        if str(segment) in _named(raw, self.segments):
            with pytest.raises(FilterRefused, match="leads back"):
                await self.world.commands.change(KIM, segment, None, raw)
            return
        await self.world.commands.change(KIM, segment, None, raw)
        self.segments[segment] = raw

    async def a_segment_is_deleted(self) -> None:
        """Unless another names it."""
        if not self.segments:
            return
        segment = self._draw(sorted(self.segments), "segment")
        if any(str(segment) in _named(raw, {}) for other, raw in self.segments.items() if other != segment):
            with pytest.raises(Conflict):
                await self.world.commands.delete(KIM, segment)
            return
        await self.world.commands.delete(KIM, segment)
        del self.segments[segment]

    async def a_field_is_archived_or_restored(self) -> None:
        """Which breaks the segments that use it, or mends them."""
        key = self._draw(sorted(self.archived or PROFILE), "field")
        self.archived ^= {key}
        self.field_versions[key] += 1
        await self._tell(self.world.field(key, _word(key), self.field_versions[key], archived=key in self.archived))

    async def the_zone_changes(self) -> None:
        """And with it what a day is."""
        self.zone = self._draw(["Asia/Seoul", "America/New_York", "Pacific/Apia"], "zone")
        self.settings_version += 1
        await self._tell(self.world.settings(self.settings_version, time_zone=self.zone))

    # What the processes and the clock do.

    async def time_passes(self) -> None:
        """To an edge of some filter, or by so much."""
        edges: list[int] = []
        present = [contact for contact in self.newest.values() if contact is not None]
        aiming: bool = self._draw([True, False], "to an edge")
        if aiming and present and self.segments:
            contact, raw = self._draw(present, "whose"), self.segments[self._draw(sorted(self.segments), "in which")]
            edges = oracle.turning_points(raw, _doc(contact), self.world.now, self.world.now + 31 * DAY, self._plain())
        if edges:
            self.world.now = max(self.world.now, self._draw(edges, "edge") + self._draw([-1, 0, 1], "beside"))
        else:
            self.world.now += self._draw(STEPS, "step")

    async def a_build_goes_on(self) -> None:
        """By a chunk."""
        await self.world.builder(chunk=self._draw([1, 2, 4], "chunk")).advance()

    async def the_timer_comes(self) -> None:
        """And tells what is due."""
        await self.world.tick()

    async def the_consumer_is_started_anew(self) -> None:
        """It goes on where the database says."""
        self.world.judge = Judge(self.world.database, self.world.clock, new_id)
        await self.world.judge.positions(PLACES)

    async def all_is_rebuilt(self) -> None:
        """Everything is read once more, from the first offset."""
        await rebuild(self.world.database, self.world.clock)
        await self.the_consumer_is_started_anew()
        await self.world.tell(*self.topic)

    async def everything_catches_up(self) -> None:
        """Then whoever is in is whom a plain reading of the filter finds, and nothing is found wrong."""
        await self.world.build()
        await self.world.tick()
        for segment, raw in self.segments.items():
            if (await self.world.shown(segment)).status == "broken":
                assert self._uses_archived(segment)
                continue
            found = {contact for contact, state in self.newest.items() if state is not None and self._is_in(raw, state)}
            assert await self.world.members(segment) == found, raw
            await self.world.check(segment)
        assert not await self.world.verifier().channel(CHANNEL)

    async def the_feed_folds_to_the_membership(self) -> None:
        """Entered and left take turns, and what they come to is who is in and how many; what deleted ones left goes by and by."""
        there = "segment_id in (select id from segment)"
        async with self.world.database.connection() as connection:
            log = await connection.fetch(
                f"select segment_id, contact_id, change from change where {there} order by segment_id, position"
            )
            members = await connection.fetch(f"select segment_id, contact_id from membership where member and {there}")
            counts = await connection.fetch("select segment_id, members from tally")
        inside: dict[UUID, set[UUID]] = {segment: set() for segment in self.segments}
        for segment, contact, change in log:
            assert (contact in inside[segment]) == (change == "left")
            inside[segment] ^= {contact}
        assert {(segment, contact) for segment, found in inside.items() for contact in found} == {tuple(row) for row in members}
        assert dict(map(tuple, counts)) == {segment: len(found) for segment, found in inside.items()}

    def _draw(self, among: Sequence[T], label: str) -> T:
        return self._data.draw(st.sampled_from(among), label=label)

    async def _make(self) -> None:
        raw = self._filter()
        self.segments[await self.world.make(raw, built=False)] = raw

    async def _write(self, one: UUID, late: int) -> None:
        """Another state of a contact, of whom something happened lately as a rule."""
        (state,) = population(self._chance, 1)
        for holder, key in ((state, "lastSeenAt"), (state["profile"], "bought")):
            if self._chance.random() < 0.7:
                holder[key] = to_wire(from_millis(self.world.now - self._chance.choice(STEPS)))
        if (before := self.newest.get(one)) is not None:
            state = _partly(before.members(), state, self._chance)
        version, at = self._next(one, late)
        contact = Contact.of({**state, "id": str(one), "version": version, "mergedInto": None, "hidden": False})
        self.newest[one] = contact
        told = ContactMessage(event=ContactChanged(changes=[]), contact=contact, version=version)
        await self._tell(self.world.record(CONTACTS, str(one), version, at, told))

    def _next(self, one: UUID, late: int) -> tuple[int, int]:
        """The next version of a contact, and when it happened: not before its version before."""
        version, at = self.versions.get(one, (0, 0))
        self.versions[one] = version + 1, max(at, self.world.now - late)
        return self.versions[one]

    async def _tell(self, *records: Delivered) -> None:
        self.topic += records
        await self.world.tell(*records)

    def _anew(self, record: Delivered) -> Delivered:
        at = to_millis(record.time)
        again = self.world.record(record.topic, record.key.partition("/")[2], record.version, at, None)
        return Delivered(again.topic, again.partition, again.offset, again.key, record.value, again.headers)

    def _filter(self) -> Any:
        present = [None, *(contact for contact in self.newest.values() if contact is not None)]
        around = self._draw(present, "around")
        aimed = population(self._chance, 1)[0] if around is None else _doc(around)
        keys = [key for key in TYPES if key.removeprefix("profile.") not in self.archived]
        leaves = single_conditions(keys, aimed) | _recent([key for key in keys if key in ("lastSeenAt", "profile.bought")])
        leaves |= self._term_set()
        if whole := [str(segment) for segment in sorted(self.segments) if not self._uses_archived(segment)]:
            leaves |= st.builds(_in_segment, st.sampled_from(["in", "notIn"]), st.sampled_from(whole))
        return self._data.draw(_filters(leaves), label="filter")

    def _term_set(self) -> st.SearchStrategy[Any]:
        return st.builds(
            lambda operator, term_set: {"key": TERM_SETS[self.term_sets[term_set]], "operator": operator, "termSet": term_set},
            st.sampled_from(["in", "notIn"]), st.sampled_from(sorted(self.term_sets)),
        )  # fmt: skip

    def _uses_archived(self, segment: UUID) -> bool:
        used = {oracle.plain_key(c["key"]) for c in oracle.conditions(self.segments[segment], self._plain())}
        return any(f"profile.{key}" in used for key in self.archived)

    def _plain(self) -> oracle.World:
        lists = {term_set: LISTED[name] for term_set, name in self.term_sets.items()}
        named = {str(segment): raw for segment, raw in self.segments.items()}
        return oracle.World(zone=self.zone, fields=PROFILE, segments=named, term_sets=lists)

    def _is_in(self, raw: Any, contact: Contact) -> bool:
        return oracle.holds(raw, _doc(contact), self.world.now, self._plain())


def _word(key: str) -> Any:
    return WORDS[PROFILE[key]]


def _doc(contact: Contact) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(contact.encode())
    return read


def _partly(before: dict[str, Any], drawn: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The contact with a few members as they were drawn: what most events are."""
    changed = {key: drawn[key] for key in chance.sample(sorted(drawn), chance.randint(0, 3)) if key not in ("id", "profile")}
    profile = before["profile"] | {key: drawn["profile"][key] for key in chance.sample(sorted(PROFILE), chance.randint(0, 2))}
    return before | changed | {"profile": {key: value for key, value in profile.items() if value is not None}}


def _recent(keys: list[str]) -> st.SearchStrategy[Any]:
    """Windows that end while somebody looks."""
    windows = st.builds(lambda n, unit: {"n": n, "unit": unit}, st.sampled_from([1, 2, 30]), st.sampled_from(["minutes", "days"]))
    operators = st.sampled_from(["withinLast", "notWithinLast", "withinNext"])
    return st.builds(
        lambda key, operator, window: {"key": key, "operator": operator, "values": [window]},
        st.sampled_from(keys), operators, windows,
    )  # fmt: skip


def _in_segment(operator: str, segment: str) -> dict[str, Any]:
    return {"key": "segment", "operator": operator, "values": [segment]}


@st.composite
def _filters(draw: st.DrawFn, leaves: st.SearchStrategy[Any]) -> Any:
    return filled(draw(shapes(4, False)), draw, leaves)


def _named(raw: Any, segments: dict[UUID, Any]) -> set[str]:
    """The segments that a filter names; with `segments`, those too that these name."""
    found: set[str] = set()
    ahead = [raw]
    while ahead:
        for condition in oracle.conditions(ahead.pop(), oracle.World(segments=_Nothing())):
            if condition["key"] == "segment":
                new = set(condition["values"]) - found
                found |= new
                ahead += [segments[UUID(name)] for name in new if UUID(name) in segments]
    return found


class _Nothing(dict[str, Any]):
    """Every segment has an empty filter: a filter's own conditions alone are of interest."""

    def __missing__(self, _: str) -> Any:
        return {"and": []}


_PATIENT = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example]


async def _empty(database: Database) -> None:
    async with database.connection() as connection:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = current_schema()")
        names = ", ".join(row["tablename"] for row in tables if not row["tablename"].endswith("migrations"))
        await connection.execute(f"truncate {names} restart identity cascade")


def _live(servers: Stack, lives: int, steps: int) -> None:
    async def live(database: Database, data: st.DataObject) -> None:
        life = Life(database, data)
        await life.begin()
        for _ in range(steps):
            await life.go_on()
        await life.everything_catches_up()

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        database = runner.run(stack.enter_async_context(fresh_database(servers.postgres_dsn(None), ["common", "segments"])))

        @settings(max_examples=lives, deadline=None, suppress_health_check=_PATIENT)
        @given(st.data())
        def random_lives(data: st.DataObject) -> None:
            runner.run(live(database, data))

        try:
            random_lives()
        finally:
            runner.run(stack.aclose())


def test_whoever_is_in_is_whom_a_plain_reading_finds(servers: Stack) -> None:
    _live(servers, lives=8, steps=40)


@pytest.mark.deep
def test_whoever_is_in_is_whom_a_plain_reading_finds_in_many_lives(servers: Stack) -> None:
    _live(servers, lives=300, steps=60)
