"""Holds the live membership against a fresh judgement of everyone, and against the search index, and reports what differs."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal
from uuid import UUID

import asyncpg
from prometheus_client import Gauge

from common.errors import NotFound, Unavailable, Unprocessable
from common.postgres import Database, away_is_unavailable
from common.telemetry import REGISTRY, log
from segments import store
from segments.queries import Queries, SegmentView
from segments.verify import Repaired, Verifier
from segments.wholeness import SegmentBroken, SegmentBuilding

DIFFERENCES = Gauge(
    "dangol_segment_differences",
    "Contacts that the last sweep found in only one of membership and search, up to 10,000 of a segment.",
    ["kind"],
    registry=REGISTRY,
)
SWEPT = Gauge("dangol_segments_swept", "Segments that the last sweep compared.", registry=REGISTRY)

Kind = Literal["missing", "surplus"]
"""`missing`: search finds the contact, but it is no member; `surplus`: a member that search does not find."""

Found = Callable[[str, UUID], AsyncGenerator[UUID, None]]
"""Whom a channel's segment finds in the index, in the order of ids; raises Unavailable, NotFound, Unprocessable."""

MOST_DIFFERENCES = 10_000
"""So many of a segment are looked for: where an index is lost, everybody would be one."""

_PAGE = 1000
_SHOWN = 100
_ONE_AT_A_TIME = "select pg_try_advisory_lock(hashtext('sweep ' || current_schema()))"
_DONE = "select pg_advisory_unlock(hashtext('sweep ' || current_schema()))"


@dataclass(slots=True)
class Report:
    """What a sweep found: how many segments it compared with search, of each the first differences, and what was repaired."""

    swept: int = 0
    differences: dict[UUID, dict[UUID, Kind]] = field(default_factory=dict[UUID, dict[UUID, Kind]])
    counts: Counter[Kind] = field(default_factory=Counter[Kind])
    repaired: Repaired = field(default_factory=Repaired)

    def add(self, segment_id: UUID, differing: Mapping[UUID, Kind]) -> None:
        """One segment's differences."""
        self.differences[segment_id] = dict(islice(differing.items(), _SHOWN))
        self.counts.update(differing.values())


async def compare(members: AsyncIterator[UUID], found: AsyncIterator[UUID], most: int = MOST_DIFFERENCES) -> dict[UUID, Kind]:
    """The ids that only one of two ascending streams has, the first `most` of them."""
    differing: dict[UUID, Kind] = {}
    member, hit = await anext(members, None), await anext(found, None)
    while (member is not None or hit is not None) and len(differing) < most:
        if hit is None or (member is not None and member < hit):
            assert member is not None
            differing[member] = "surplus"
            member = await anext(members, None)
        elif member is None or hit < member:
            differing[hit] = "missing"
            hit = await anext(found, None)
        else:
            member, hit = await anext(members, None), await anext(found, None)
    return differing


class Sweeper:
    """Verifies all channels and compares all live segments, one sweep at a time however many workers there are.

    Membership and search follow the same events at their own pace: only what differs in two looks, `settle` seconds apart, is a
    difference. Whom it concerns is judged afresh then, so that what is wrong here is put right; the index is not changed.
    """

    def __init__(self, database: Database, verifier: Verifier, found: Found, *, settle: float = 10.0) -> None:
        self._database = database
        self._verifier = verifier
        self._queries = Queries(database)
        self._found = found
        self._settle = settle

    async def run(self, stop: asyncio.Event, *, every: float) -> None:
        """Sweep every so many seconds, until told to stop; what can't be asked now is asked the next time."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every)
                return
            sweeping = asyncio.create_task(self._patiently())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([sweeping, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in (sweeping, stopping):
                task.cancel()
            for result in await asyncio.gather(sweeping, stopping, return_exceptions=True):
                if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                    raise result

    async def _patiently(self) -> None:
        try:
            with away_is_unavailable():
                await self.sweep()
        except Unavailable as error:
            log.warning("the sweep was broken off", reason=error.detail)

    async def sweep(self) -> Report | None:
        """Verify and compare every live segment; None where another process is at it. Raises Unavailable."""
        async with self._database.connection() as connection:
            if not await connection.fetchval(_ONE_AT_A_TIME):
                return None
            try:
                return await self._sweep(connection)
            finally:
                await connection.execute(_DONE)

    async def _sweep(self, connection: "asyncpg.Connection[asyncpg.Record]") -> Report:
        report = Report()
        live = await store.live(connection)
        for channel in sorted({channel for channel, _ in live}):
            report.repaired.add(await self._verifier.channel(channel))
        for channel, segment_id in live:
            differing = await self._differing(channel, segment_id)
            if differing is None:
                continue
            report.swept += 1
            if differing:
                report.add(segment_id, differing)
                self._tell(segment_id, differing)
                report.repaired.add(await self._verifier.contacts(channel, list(differing)))
        SWEPT.set(report.swept)
        for kind in ("missing", "surplus"):
            DIFFERENCES.labels(kind).set(report.counts[kind])
        log.info("swept", segments=report.swept, missing=report.counts["missing"], surplus=report.counts["surplus"],
                 repaired=len(report.repaired.standings), recounted=len(report.repaired.counts))  # fmt: skip
        return report

    def _tell(self, segment_id: UUID, differing: dict[UUID, Kind]) -> None:
        kinds = list(differing.values())
        log.error(
            "membership and search differ", segment=str(segment_id), missing=kinds.count("missing"),
            surplus=kinds.count("surplus"), and_more=len(differing) == MOST_DIFFERENCES,
            contacts={str(c): kind for c, kind in islice(differing.items(), _SHOWN)},
        )  # fmt: skip

    async def _differing(self, channel: str, segment_id: UUID) -> dict[UUID, Kind] | None:
        """What differs in two looks at the segment; None where it is not live, or not the same, throughout."""
        try:
            return await self._differing_twice(channel, segment_id)
        except (SegmentBuilding, SegmentBroken):
            return None
        except (NotFound, Unprocessable) as refusal:
            log.warning("search does not know this segment as it is here", segment=str(segment_id), code=refusal.code)
            return None

    async def _differing_twice(self, channel: str, segment_id: UUID) -> dict[UUID, Kind] | None:
        before = await self._live(channel, segment_id)
        first: dict[UUID, Kind] = dict(await self._look(channel, segment_id)) if before is not None else {}
        if first:
            await asyncio.sleep(self._settle)
            second = await self._look(channel, segment_id)
            first = {contact: kind for contact, kind in first.items() if second.get(contact) == kind}
        after = await self._live(channel, segment_id)
        same = before is not None and after is not None and before.definition_version == after.definition_version
        return first if same else None

    async def _live(self, channel: str, segment_id: UUID) -> SegmentView | None:
        try:
            shown = await self._queries.segment(channel, segment_id)
        except NotFound:
            return None
        return shown if shown.status == "live" else None

    async def _look(self, channel: str, segment_id: UUID) -> dict[UUID, Kind]:
        async with (
            contextlib.aclosing(self._members(channel, segment_id)) as members,
            contextlib.aclosing(self._found(channel, segment_id)) as found,
        ):
            return await compare(members, found)

    async def _members(self, channel: str, segment_id: UUID) -> AsyncGenerator[UUID, None]:
        after: UUID | None = None
        while page := await self._queries.members(channel, segment_id, after, _PAGE):
            for member in page:
                yield member.contact_id
            after = page[-1].contact_id
