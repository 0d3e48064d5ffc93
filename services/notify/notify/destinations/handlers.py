"""A manager makes, changes, tries and deletes destinations."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from common.auth import Caller
from common.clock import Clock
from common.errors import Unprocessable, check_expected
from common.ids import Ids
from common.language import Language
from common.postgres import Database, Tx
from notify.announcing import trial
from notify.deliveries import store as deliveries
from notify.deliveries.courier import Courier
from notify.deliveries.delivery import Delivery, shown
from notify.destinations.destination import MOST_DESTINATIONS, Destination, check, no_destination, switched_off
from notify.destinations.neighbours import Segments, no_segment
from notify.destinations.store import Destinations as Store
from notify.destinations.store import Seen
from notify.kinds.kind import Kind
from notify.sending.address import Allowed, admitted
from notify.sending.answer import Answer
from notify.sending.connection import Lookup, NotFound, addresses_of


@dataclass(frozen=True, slots=True)
class Asked:
    """A destination that somebody wants."""

    kind: Kind
    url: str | None
    secret: str | None
    events: tuple[str, ...]
    segment_id: UUID | None
    language: Language


Change = Callable[[Destination, datetime], Destination]
"""What somebody wants another in a destination, at this moment."""


class Destinations:
    """The commands."""

    def __init__(
        self, database: Database, store: Store, segments: Segments, courier: Courier, allowed: Allowed, lookup: Lookup,
        clock: Clock, ids: Ids,
    ) -> None:  # fmt: skip
        self._database = database
        self._store = store
        self._segments = segments
        self._courier = courier
        self._allowed = allowed
        self._lookup = lookup
        self._clock = clock
        self._ids = ids

    async def make(self, caller: Caller, asked: Asked) -> Seen:
        """A new destination. Raises Unprocessable, and Unavailable where its segment can't be asked for."""
        made = check(
            Destination(
                self._ids(), caller.channel, 1, asked.kind, asked.url, asked.secret, asked.events, asked.segment_id,
                asked.language, self._clock.now(), caller.subject,
            )
        )  # fmt: skip
        name = await self._looked_up(made)
        async with self._database.transaction() as tx:
            if await self._store.count(tx, caller.channel) >= MOST_DESTINATIONS:
                detail = f"A channel has {MOST_DESTINATIONS} destinations at most. Delete one that is not used any more."
                raise Unprocessable(detail, code="tooManyDestinations", extra={"most": MOST_DESTINATIONS})
            await self._check_segment(tx, made, name)
            await self._keep(tx, made, name)
        return Seen(made)

    async def change(self, caller: Caller, destination_id: UUID, change: Change, expected: int | None) -> Seen:
        """Some of a destination. Raises NotFound, Unprocessable, StaleVersion, Unavailable."""
        # What the outside must be asked is asked before anything is locked.
        async with self._database.connection() as connection:
            seen = await self._existing(connection, caller, destination_id)
        now = self._clock.now()
        wanted = check(change(seen.destination, now))
        name = await self._looked_up(wanted, seen.destination)
        async with self._database.transaction() as tx:
            await self._check_segment(tx, wanted, name)
            before = await self._store.load(tx, caller.channel, destination_id, lock=True)
            if before is None:
                raise no_destination()
            check_expected(expected, before.version)
            after = check(change(before, now))
            if after != before:
                await self._keep(tx, replace(after, version=before.version + 1), name)
                if after.active and (not before.active or (after.url, after.secret) != (before.url, before.secret)):
                    await deliveries.at_once(tx, caller.channel, destination_id, now)
            return await self._existing(tx, caller, destination_id)

    async def delete(self, caller: Caller, destination_id: UUID, expected: int | None) -> None:
        """It goes, with all that is on its way to it. Raises NotFound, StaleVersion."""
        async with self._database.transaction() as tx:
            before = await self._store.load(tx, caller.channel, destination_id, lock=True)
            if before is None:
                raise no_destination()
            check_expected(expected, before.version)
            await self._store.delete(tx, caller.channel, destination_id)
            await self._store.unwatch(tx, caller.channel)

    async def test(self, caller: Caller, destination_id: UUID) -> tuple[bool, dict[str, object]]:
        """Send a message to see whether it arrives: whether it did, and what came back. Raises NotFound."""
        async with self._database.connection() as connection:
            destination = (await self._existing(connection, caller, destination_id)).destination
        now, known = self._clock.now(), self._ids()
        delivery = Delivery(known, f"test/{known}", now, trial(), 0, now)
        async with self._courier.to(destination) as route:
            answer: Answer = (await route.bring(delivery)).answer
        answered = self._clock.now()
        told = shown(answer, answered)
        async with self._database.transaction() as tx:
            await self._store.answered(tx, destination, told)
            if answer.delivered and destination.active:
                await deliveries.at_once(tx, caller.channel, destination_id, answered)
        return answer.delivered, told

    async def exists(self, caller: Caller, destination_id: UUID) -> None:
        """Raises NotFound where there is no such destination."""
        async with self._database.connection() as connection:
            await self._existing(connection, caller, destination_id)

    async def _existing(self, tx: Tx, caller: Caller, destination_id: UUID) -> Seen:
        seen = await self._store.seen(tx, caller.channel, destination_id)
        if seen is None:
            raise no_destination()
        return seen

    async def _check_segment(self, tx: Tx, wanted: Destination, name: str | None) -> None:
        """Raises Unprocessable where the segment that was there when its name was asked for is gone by now.

        Before any destination is locked, as whoever ends what is told of a segment does it.
        """
        if wanted.segment_id is not None and name is not None:
            await self._store.alone(tx, wanted.channel, wanted.segment_id)
            if await self._store.is_gone(tx, wanted.channel, wanted.segment_id):
                raise no_segment()

    async def _keep(self, tx: Tx, destination: Destination, name: str | None) -> None:
        await self._store.keep(tx, destination)
        if destination.segment_id is not None and name is not None:
            await self._store.watch(tx, destination.channel, destination.segment_id, name)
        await self._store.unwatch(tx, destination.channel)

    async def _looked_up(self, wanted: Destination, before: Destination | None = None) -> str | None:
        """Sees whether its address may be asked, and answers the name of its segment; what stays is not looked up."""
        if wanted.url is not None and (before is None or wanted.url != before.url):
            await self._check_reachable(wanted)
        begins = before is None or wanted.segment_id != before.segment_id or (wanted.active and not before.active)
        if wanted.segment_id is not None and begins:
            return await self._segments.name(wanted.channel, wanted.segment_id)
        return None

    async def _check_reachable(self, destination: Destination) -> None:
        """Raises Unprocessable where its address may not be asked. A name that is not found today may be tomorrow."""
        target = destination.target
        try:
            addresses = await addresses_of(target, self._lookup)
        except NotFound:
            addresses = []
        if target.plain and target.host not in self._allowed.hosts and not admitted(self._allowed, target, addresses):
            detail = "An address begins with https://, unless the operator's list allows its host without."
            raise Unprocessable(detail, code="notHttps", pointer="/url")
        if addresses and not admitted(self._allowed, target, addresses):
            raise Unprocessable(
                "This address does not lead to a public host, and the operator's list does not allow it.",
                code="addressNotPublic",
                pointer="/url",
            )


def turned(destination: Destination, *, on: bool, by: str, now: datetime) -> Destination:
    """The destination switched on or off by somebody; as it was where it is so already."""
    if on == destination.active:
        return destination
    if on:
        return replace(destination, disabled_at=None, disabled_by=None, problem=None)
    return replace(switched_off(destination, now, by), version=destination.version)
