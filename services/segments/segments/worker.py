"""The clock and the builds: contacts enter and leave when it is time, and new definitions are judged over everyone."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from common.clock import Clock, to_millis
from common.health import Health
from common.ids import Ids
from common.loop import Turns, repeat
from common.postgres import Database, Tx
from common.telemetry import log
from segments import definition_store as definitions
from segments import due_store, ledger_store, offsets, store
from segments.ledger import Ledger, Place
from segments.membership import Rule
from segments.reach import Reach, built, settled, turned
from segments.rules import Rules
from segments.ruling import Ruling

MOST_DUE = 256
"""So many contacts are settled at a time: who waits for one of them, or for a segment's log, waits no longer than these take."""
_CHUNK, _CHUNK_BESIDE_EVENTS = 1000, 200
"""So many contacts are judged at a time by what is being built, and so many while events arrive, which wait for them."""
_MOST_BUILDS = 100
_MOST_JUDGED = 20_000
"""So many judgements are one transaction of a build: some tenths of a second, in which contacts are locked."""
_TICK_SECONDS = 0.1
_PURGE_SECONDS, _MOST_PURGED = 600.0, 5000
_KEEP_SPENT_MS = 24 * 60 * 60 * 1000


def _over() -> asyncio.Event:
    over = asyncio.Event()
    over.set()
    return over


class Timer:
    """Settles what is due, the longest due first. Several may run: whom one has in hand the others pass over."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, health: Health, *, rules: Rules | None = None) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._health = health
        health.beat("timer")
        self._rules = rules or Rules()
        self._claiming = asyncio.Lock()
        self._before = _over()
        self._many = False

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop. Where much is due, a piece is judged while PostgreSQL writes the one before."""
        lanes = (self.fire, self._fire_beside)
        await asyncio.gather(*(repeat(lane, stop, every=_TICK_SECONDS, name="timer", health=self._health) for lane in lanes))

    async def _fire_beside(self) -> int:
        return await self.fire() if self._many else 0

    async def tidy(self, stop: asyncio.Event) -> None:
        """Purge every ten minutes, until told to stop: beside the clock, which waits for nothing."""
        await repeat(self.purge, stop, every=_PURGE_SECONDS, name="purge")

    async def purge(self) -> bool:
        """Drop what deleted segments have left, and rows that have said nothing for a day.

        Later than that, a late version is judged by its own time. Answers whether there may be more.
        """
        async with self._database.transaction() as tx:
            left = await store.purge_deleted(tx, _MOST_PURGED)
        async with self._database.transaction() as tx:
            spent = await store.purge(tx, to_millis(self._clock.now()) - _KEEP_SPENT_MS, _MOST_PURGED)
        return left or spent == _MOST_PURGED

    async def fire(self) -> int:
        """Settle one piece of what is due up to now; answers how many contacts it looked at, there or not."""
        now = to_millis(self._clock.now())
        async with self._database.connection() as connection:
            channels = await due_store.channels_due(connection, now, MOST_DUE)
        if not channels:
            self._many = False
            return 0
        over = asyncio.Event()
        try:
            async with self._database.transaction() as tx:
                async with self._claiming:
                    await definitions.judge_together(tx, channels)
                    rules = await self._rules.of(tx, channels)
                    contacts = await due_store.claim(tx, channels, now, MOST_DUE)
                    self._many = len(contacts) == MOST_DUE
                    before = self._before
                    if contacts:
                        self._before = over
                if not contacts:
                    return await due_store.drop_strays(tx, channels, now, MOST_DUE)
                await self._settle(tx, rules, contacts, now, before)
        finally:
            over.set()
        return len(contacts)

    async def _settle(
        self, tx: Tx, rules: Mapping[str, Ruling], contacts: Sequence[store.Contact], now: int, before: asyncio.Event
    ) -> None:
        """Settle these; they are written when the piece `before` is over, so that a log is in the order of what was due."""
        turns = Turns()
        reached: list[tuple[store.Contact, Reach]] = []
        for contact in contacts:
            await turns.give()
            reached.append((contact, turned(rules[contact.channel], contact.known, contact.due, now)))
        places = [Place(contact.channel, segment, contact.id) for contact, each in reached for segment in each.segments]
        standings = await store.some_standings(tx, places, {})
        ledger = Ledger()
        for contact, each in reached:
            key, ruling = (contact.channel, contact.id), rules[contact.channel]
            for _ in settled(ledger, ruling, key, standings.get(key, {}), contact.known, each, now):
                await turns.give()
        await before.wait()
        await due_store.put_looks(tx, {(contact.channel, contact.id): each.due for contact, each in reached})
        ledger.changes.sort(key=lambda told: told[1].at)  # all are the clock's, so each contact's are in this order already
        await ledger_store.write(tx, ledger, self._ids)


class Builder:
    """Judges new definitions over everyone, chunk by chunk. A chunk done twice changes nothing: a kill does no harm.

    All that is built in a channel is judged in one walk over its contacts: whatever has come least far goes ahead alone until it
    meets the next, and from there they go on together. So a contact is read once for all definitions that wait.
    """

    def __init__(
        self, database: Database, clock: Clock, ids: Ids, health: Health, *, chunk: int = _CHUNK, rules: Rules | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._health = health
        health.beat("builder")
        self._chunk = chunk
        self._rules = rules or Rules()
        self._arrived = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        await repeat(self.advance, stop, every=_TICK_SECONDS, name="builder", health=self._health)

    async def advance(self) -> bool:
        """Take each channel's builds one chunk on, or put live what has come to the end; answers whether there was any."""
        async with self._database.connection() as connection:
            building = await store.building(connection)
            arrived = await offsets.total(connection) if building else self._arrived
        chunk = self._chunk if arrived == self._arrived else min(self._chunk, _CHUNK_BESIDE_EVENTS)
        self._arrived = arrived
        moved = False
        for channel in building:
            moved = await self._advance(channel, chunk) or moved
        return moved

    async def _advance(self, channel: str, chunk: int) -> bool:
        async with self._database.transaction() as tx:
            await definitions.judge_together(tx, [channel])
            claimed = await store.claim_builds(tx, channel, _MOST_BUILDS)
            rules = (await self._rules.of(tx, [channel]))[channel].rules
            if not claimed:
                return False
            begin = claimed[0].built_to
            least = [build for build in claimed if build.built_to == begin]
            meeting = next((build.built_to for build in claimed if build.built_to != begin), None)
            most = max(1, min(chunk, _MOST_JUDGED // len(least)))
            contacts = await store.lock_next_contacts(tx, channel, begin, meeting, most)
            if contacts:
                await self._judge(tx, channel, {build.segment_id: rules[build.segment_id] for build in least}, contacts)
            if contacts or meeting is not None:
                reached = meeting if meeting is not None and len(contacts) < most else contacts[-1].id
                await store.built(tx, channel, [build.segment_id for build in least], reached, len(contacts))
                return True
        for build in least:
            await self._go_live(channel, build)
        return True

    async def _judge(self, tx: Tx, channel: str, rules: Mapping[UUID, Rule], contacts: Sequence[store.Contact]) -> None:
        """Judge the contacts, given in the order of their ids."""
        standings = await store.standings_between(tx, channel, rules, contacts[0].id, contacts[-1].id)
        ledger = Ledger()
        turns = Turns()
        for segment_id, rule in rules.items():
            for contact in contacts:
                await turns.give()
                stored = standings.get((segment_id, contact.id))
                if stored is not None and stored.build == rule.build:
                    continue  # a version that came meanwhile has brought this judgement with it
                built(ledger, rule, Place(channel, segment_id, contact.id), stored, contact.known)
        await due_store.wake_by(tx, ledger.dues)
        await ledger_store.write(tx, ledger, self._ids)

    async def _go_live(self, channel: str, build: store.Build) -> None:
        async with self._database.transaction() as tx:
            await definitions.change_alone(tx, [channel])
            if await store.go_live(tx, channel, build.segment_id, build.build):
                await definitions.touch(tx, channel)
                log.info("a segment is live", segment=str(build.segment_id))
