"""What happened, written down: the events, the states after them and the messages that tell of them, for every command alike."""

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from uuid import UUID

from common import eventstore, outbox
from common.clock import from_wire
from common.envelope import Message
from common.events.contacts import Contact
from common.position import Position
from common.postgres import Tx
from contacts import publish, store
from contacts.fields import store as field_store
from contacts.managed_users import store as managed_users_store
from contacts.managed_users.limit import hide, moves
from contacts.publish import Step

_AT_ONCE = 100
"""Messages made before PostgreSQL has its turn: some hundred microseconds."""


async def append(tx: Tx, channel: str, steps: Sequence[Step], by: str, cause: str, unchanged: Sequence[Contact] = ()) -> Position:
    """Append the steps of any number of contacts, whose rows the caller holds locked, each contact's in their order."""
    return (await write(tx, channel, steps, by, cause, unchanged))[0]


async def write(
    tx: Tx,
    channel: str,
    steps: Sequence[Step],
    by: str,
    cause: str,
    unchanged: Sequence[Contact] = (),
    made: Collection[UUID] = (),
) -> tuple[Position, frozenset[UUID]]:
    """As `append`; answers also who of those made here is hidden by the managed-user limit, in each of their states.

    The position stands for the steps and for the contacts that the command met `unchanged`: whoever repeats a write because
    the first answer was lost waits for the first one's effect. Whose rows were `made` as the steps say need not be written again.

    Which fields' values are withheld is read with the rows already locked: whoever turns that later finds these contacts
    when it tells of their values anew, and what was turned before is seen here.
    """
    hidden: frozenset[UUID] = frozenset()
    if steps:
        hidden = await managed_users_store.move(tx, channel, moves(steps), from_wire(steps[-1].after.updated_at))
        steps = hide(steps, hidden)
        latest = {s.after.id: s for s in steps}
        appending = eventstore.append(tx, publish.recorded(channel, steps, by, cause))
        messages = await _messages(channel, steps, await field_store.withheld_keys(tx, channel), appending)
        saved = [s for i, s in latest.items() if i not in made or i in hidden]
        await store.save(tx, channel, [(s.after, s.after_json) for s in saved], by)
        await outbox.put(tx, messages)
    met = publish.where_told(channel, reversed(unchanged))
    wrote = publish.where_told(channel, (step.after for step in reversed(steps))).wrote()
    return wrote.after(met, channel), hidden


async def _messages(channel: str, steps: Sequence[Step], withheld: Collection[str], appending: Awaitable[None]) -> list[Message]:
    """The steps' messages, made while PostgreSQL takes their events where these are many. Raises what the appending raises."""
    if len(steps) <= _AT_ONCE:
        await appending
        return publish.contact_messages(channel, steps, withheld)

    async def make() -> list[Message]:
        messages: list[Message] = []
        for begin in range(0, len(steps), _AT_ONCE):
            messages += publish.contact_messages(channel, steps[begin : begin + _AT_ONCE], withheld)
            await asyncio.sleep(0)
        return messages

    return (await asyncio.gather(appending, make()))[1]
