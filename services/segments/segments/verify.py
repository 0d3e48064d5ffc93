"""Holds every stored standing and count against the filters, judged afresh over all contacts, and puts right what is wrong."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from prometheus_client import Counter

from common.clock import Clock, to_millis
from common.ids import Ids
from common.loop import Turns
from common.postgres import Database, Tx
from common.telemetry import REGISTRY, log
from segments import definition_store as definitions
from segments import due_store, ledger_store, store, verify_store
from segments.fault import Fault, Told, fault, is_judged, mended
from segments.ledger import Ledger, Place
from segments.membership import Known, Rule, absent, turning
from segments.rules import Rules

REPAIRS = Counter(
    "dangol_segment_repairs_total", "Standings and counts of segments that were found wrong and put right.", ["kind"],
    registry=REGISTRY,
)  # fmt: skip
KINDS: tuple[Fault | Literal["count"], ...] = ("missing", "surplus", "overdue", "count")
for _kind in KINDS:
    REPAIRS.labels(_kind)

_MOST_CONTACTS = 1000
_MOST_JUDGEMENTS = 50_000
"""So many are one transaction: some tenths of a second, in which the channel's definitions stand still."""
_SHOWN = 100


@dataclass(slots=True)
class Repaired:
    """What was put right: standings, and segments whose count was another than their members."""

    standings: dict[Place, Fault] = field(default_factory=dict[Place, Fault])
    counts: set[UUID] = field(default_factory=set[UUID])

    def add(self, other: "Repaired") -> None:
        """Both."""
        self.standings |= other.standings
        self.counts |= other.counts

    def __bool__(self) -> bool:
        return bool(self.standings or self.counts)


class Verifier:
    """Judges everyone afresh. What differs at a first look is judged again with the contact locked: a fault is what differs then.

    A fault is told (log and metric) and repaired in the same transaction; who enters or leaves by it does so with cause `repair`.
    `share` is how much of the time a walk may work, for it runs beside the clock's worker.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        *,
        share: float = 1.0,
        most_contacts: int = _MOST_CONTACTS,
        rules: Rules | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._share = share
        self._most_contacts = most_contacts
        self._rules = rules or Rules()

    async def channel(self, channel: str) -> Repaired:
        """Everyone in every live segment of a channel, then the counts. Raises Unavailable."""
        repaired = Repaired()
        after: UUID | None = None
        while True:
            began = time.monotonic()
            doubtful, after = await self._look(channel, after)
            if doubtful:
                repaired.add(await self.contacts(channel, doubtful))
            if after is None:
                break
            await self._rest(began)
        repaired.add(await self._counts(channel))
        return repaired

    async def contacts(self, channel: str, wanted: Sequence[UUID]) -> Repaired:
        """These contacts in every live segment, some at a time; also those that are not known here. Raises Unavailable."""
        repaired, left = Repaired(), deque(sorted(set(wanted)))
        while left:
            began = time.monotonic()
            repaired.add(await self._repaired(channel, left))
            await self._rest(began)
        return repaired

    async def _repaired(self, channel: str, left: deque[UUID]) -> Repaired:
        """The first of these contacts, locked meanwhile; they are taken off."""
        repaired = Repaired()
        async with self._database.transaction() as tx:
            await definitions.judge_together(tx, [channel])
            rules = await self._judged(tx, channel)
            wanted = [left.popleft() for _ in range(min(len(left), self._portion(rules)))]
            known = await due_store.with_looks(tx, await store.lock_contacts(tx, [(channel, contact) for contact in wanted]))
            standings = await store.standings(tx, [(channel, contact) for contact in wanted])
            now = to_millis(self._clock.now())
            turns = Turns()
            for contact in wanted:
                key = (channel, contact)
                held, due = (known[key].known, known[key].due) if key in known else (None, None)
                for segment_id, rule in rules.items():
                    await turns.give()
                    standing = turning(standings.get(key, {}).get(segment_id) or absent(rule), due)
                    if (found := fault(standing, rule, held, now)) is not None:
                        repaired.standings[Place(channel, segment_id, contact)] = found
            ledger = Ledger()
            told = await verify_store.last_told(tx, repaired.standings)
            for place in repaired.standings:
                key, rule = (channel, place.contact_id), rules[place.segment_id]
                stored = standings.get(key, {}).get(place.segment_id)
                held = known[key].known if key in known else None
                judged = mended(stored or absent(rule), rule, held, told.get(place, Told()), now)
                ledger.note(place, judged)
                ledger.close(place, stored, judged[0], rule, held or Known(0, now, None))
            await due_store.wake_by(tx, ledger.dues)
            await ledger_store.write(tx, ledger, self._ids)
        self._tell(repaired)
        return repaired

    async def _look(self, channel: str, after: UUID | None) -> tuple[list[UUID], UUID | None]:
        """Who is in doubt among the next contacts, and the last of these; None where none follow."""
        doubtful: list[UUID] = []
        async with self._database.transaction() as tx:
            await definitions.judge_together(tx, [channel])
            rules = await self._judged(tx, channel)
            most = self._portion(rules)
            contacts = await verify_store.next_contacts(tx, channel, after, most) if rules else []
            standings = await store.standings(tx, [(channel, contact.id) for contact in contacts])
        now = to_millis(self._clock.now())
        turns = Turns()
        for contact in contacts:
            stands = standings.get((channel, contact.id), {})
            for segment_id, rule in rules.items():
                await turns.give()
                standing = turning(stands.get(segment_id) or absent(rule), contact.due)
                if fault(standing, rule, contact.known, now) is not None:
                    doubtful.append(contact.id)
                    break
        return doubtful, contacts[-1].id if len(contacts) == most else None

    def _portion(self, rules: Mapping[UUID, Rule]) -> int:
        """How many contacts are judged in one transaction."""
        return max(1, min(self._most_contacts, _MOST_JUDGEMENTS // max(1, len(rules))))

    async def _rest(self, began: float) -> None:
        await asyncio.sleep((time.monotonic() - began) * (1 / self._share - 1))

    async def _judged(self, tx: Tx, channel: str) -> Mapping[UUID, Rule]:
        rules = (await self._rules.of(tx, [channel]))[channel].rules
        return {segment_id: rule for segment_id, rule in rules.items() if is_judged(rule)}

    async def _counts(self, channel: str) -> Repaired:
        """The counts that are kept, held against the members."""
        repaired = Repaired()
        async with self._database.connection() as connection:
            wrong = await verify_store.wrong_counts(connection, channel)
        for segment_id in wrong:
            async with self._database.transaction() as tx:
                if await verify_store.count_anew(tx, channel, segment_id):
                    repaired.counts.add(segment_id)
        self._tell(repaired)
        return repaired

    def _tell(self, repaired: Repaired) -> None:
        faults = list(repaired.standings.items())
        for _, kind in faults:
            REPAIRS.labels(kind).inc()
        for _ in repaired.counts:
            REPAIRS.labels("count").inc()
        if faults:
            some = [{"segment": str(p.segment_id), "contact": str(p.contact_id), "kind": kind} for p, kind in faults[:_SHOWN]]
            log.error("standings were wrong and are repaired", count=len(faults), some=some)
        if repaired.counts:
            log.error("counts were wrong and are repaired", segments=sorted(map(str, repaired.counts)))
