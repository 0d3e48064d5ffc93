"""The clock and the builds: contacts enter and leave when it is time, and new definitions are judged over everyone."""

import asyncio
from dataclasses import replace
from uuid import UUID

from common.clock import Clock, to_millis
from common.health import Health
from common.ids import Ids
from common.loop import Turns, repeat
from common.postgres import Database, Tx
from common.telemetry import log
from segments import definition_store as definitions
from segments import store
from segments.ledger import Ledger, Place
from segments.membership import absent, define, settle
from segments.rules import Rules

_BATCH = 1000
_TICK_SECONDS = 0.1
_PURGE_SECONDS = 600.0
_KEEP_SPENT_MS = 24 * 60 * 60 * 1000


class Timer:
    """Settles what is due. Several may run: rows that one holds are skipped by the others."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, health: Health) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._health = health
        health.beat("timer")
        self._rules = Rules()

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        loop = asyncio.get_running_loop()
        purge_at = loop.time() + _PURGE_SECONDS

        async def tick() -> bool:
            nonlocal purge_at
            found = await self.fire()
            if loop.time() > purge_at:
                await self.purge()
                purge_at = loop.time() + _PURGE_SECONDS
            return found == _BATCH

        await repeat(tick, stop, every=_TICK_SECONDS, name="timer", health=self._health)

    async def purge(self) -> None:
        """Drop the rows that have said nothing for a day: later than that, a late version is judged by its own time."""
        async with self._database.transaction() as tx:
            await store.purge(tx, to_millis(self._clock.now()) - _KEEP_SPENT_MS)

    async def fire(self) -> int:
        """Settle one batch of contacts up to now; answers how many were found due."""
        now = to_millis(self._clock.now())
        async with self._database.connection() as connection:
            due = await store.due(connection, now, _BATCH)
        if due:
            async with self._database.transaction() as tx:
                await self._settle(tx, due, now)
        return len(due)

    async def _settle(self, tx: Tx, due: list[tuple[str, UUID]], now: int) -> None:
        channels = {channel for channel, _ in due}
        await definitions.judge_together(tx, channels)
        rules = await self._rules.of(tx, channels)
        contacts = await store.lock_contacts(tx, due, skip_locked=True)
        standings = await store.standings(tx, contacts)
        ledger = Ledger()
        turns = Turns()
        for key, contact in contacts.items():
            for segment_id, stored in standings.get(key, {}).items():
                await turns.give()
                rule = rules[key[0]].get(segment_id)
                if rule is None or stored.next_change is None or stored.next_change > now:
                    continue
                place = Place(key[0], segment_id, key[1])
                judged = settle(stored, rule, contact.known, now)
                ledger.note(place, judged)
                ledger.close(place, stored, judged[0], rule, contact.known)
        ledger.changes.sort(key=lambda told: told[1].at)  # all are the clock's, so each contact's are in this order already
        await store.write(tx, ledger, self._ids)


class Builder:
    """Judges new definitions over everyone, chunk by chunk. A chunk done twice changes nothing: a kill does no harm."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, health: Health, *, chunk: int = _BATCH) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._health = health
        health.beat("builder")
        self._chunk = chunk
        self._rules = Rules()

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        await repeat(self.advance, stop, every=_TICK_SECONDS, name="builder", health=self._health)

    async def advance(self) -> bool:
        """Judge the next chunk of a segment that is building, or put it live at the end; answers whether there was one."""
        async with self._database.connection() as connection:
            building = await store.building(connection)
        moved = False
        for channel, segment_id in building:
            moved = await self._advance(channel, segment_id) or moved
        return moved

    async def _advance(self, channel: str, segment_id: UUID) -> bool:
        async with self._database.transaction() as tx:
            await definitions.judge_together(tx, [channel])
            claimed = await store.claim_build(tx, channel, segment_id)
            rule = (await self._rules.of(tx, [channel]))[channel].get(segment_id)
            if claimed is None or rule is None:
                return False
            contacts = await store.lock_next_contacts(tx, channel, claimed.built_to, self._chunk)
            if contacts:
                keys = [(c.channel, c.id) for c in contacts]
                standings = await store.standings(tx, keys, segment_id)
                ledger = Ledger()
                turns = Turns()
                for contact in contacts:
                    await turns.give()
                    stored = standings.get((channel, contact.id), {}).get(segment_id)
                    if stored is not None and stored.build == rule.build:
                        continue  # a version that came meanwhile has brought this judgement with it
                    place = Place(channel, segment_id, contact.id)
                    judged = define(stored or absent(rule), rule, contact.known)
                    ledger.note(place, judged)
                    # Unlike a version's, this judgement can be repeated with the same result, so no row need mark it as done.
                    ledger.close(place, stored, judged[0], replace(rule, building=False), contact.known)
                await store.built(tx, channel, segment_id, contacts[-1].id, len(contacts))
                await store.write(tx, ledger, self._ids)
                return True
        await self._go_live(channel, segment_id, claimed.build)
        return True

    async def _go_live(self, channel: str, segment_id: UUID, build: int) -> None:
        async with self._database.transaction() as tx:
            await definitions.change_alone(tx, [channel])
            if await store.go_live(tx, channel, segment_id, build):
                await definitions.touch(tx, channel)
                log.info("a segment is live", segment=str(segment_id))
