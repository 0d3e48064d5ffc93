"""Commands on field definitions."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from common import outbox
from common.auth import Caller
from common.clock import Clock
from common.errors import Conflict, NotFound, Unprocessable
from common.events.contacts import FieldDefinition, FieldTypeName
from common.postgres import Database
from contacts import publish, store
from contacts.channel import BUILT_IN_FIELDS
from contacts.contact import Write
from contacts.first_sight import Sighting, look
from contacts.profile_field import MOST_FIELDS, check_key, too_many_fields
from contacts.store import Tx


class Fields:
    """The commands on fields."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def define(
        self,
        caller: Caller,
        key: str,
        kind: FieldTypeName,
        *,
        display_name: Mapping[str, str],
        visible: bool,
        inbox_visible: bool,
        once: bool,
    ) -> FieldDefinition:
        """Define a profile field. Raises Unprocessable for a bad or the 201st key, Conflict for one that is there."""
        if not key.startswith("profile."):
            raise Unprocessable("A key of your own is written `profile.<key>`.", code="invalidKey", pointer="/key")
        check_key(key[8:], "/key")
        async with self._database.transaction() as tx:
            known = await _locked(tx, caller.channel)
            if key in known:
                raise Conflict("This field is defined already.", code="fieldExists")
            count = sum(k.startswith("profile.") for k in known)
            if count >= MOST_FIELDS:
                raise too_many_fields(key, "/key")
            names = {"ko": key[8:], "en": key[8:]} | dict(display_name)
            definition = FieldDefinition(
                key=key, type=kind, display_name=names, visible=visible, inbox_visible=inbox_visible,
                order=len(BUILT_IN_FIELDS) + count, once=once,
            )  # fmt: skip
            await self._save(tx, caller.channel, [(definition, 1)])
        return definition

    async def change(self, caller: Caller, key: str, updates: Mapping[str, object]) -> FieldDefinition:
        """Change how a field is shown. Raises NotFound."""
        async with self._database.transaction() as tx:
            known = await _locked(tx, caller.channel)
            if key not in known and key not in BUILT_IN_FIELDS:
                raise NotFound("There is no such field.")
            before, version = known.get(key, (BUILT_IN_FIELDS.get(key), 0))
            assert before is not None
            names = updates.get("display_name")
            merged = {**updates, "display_name": {**before.display_name, **names}} if isinstance(names, dict) else dict(updates)
            after = before.model_copy(update=merged)
            if after != before:
                await self._save(tx, caller.channel, [(after, version + 1)])
        return after

    async def reorder(self, caller: Caller, keys: Sequence[str]) -> None:
        """Put these fields first, in this order, and the others after them in theirs. Raises Unprocessable."""
        async with self._database.transaction() as tx:
            known = await _locked(tx, caller.channel)
            current = {key: (d, 0) for key, d in BUILT_IN_FIELDS.items()} | known
            for n, key in enumerate(keys):
                if key not in current:
                    raise Unprocessable("There is no such field.", code="unknownField", pointer=f"/keys/{n}")
            if len(set(keys)) != len(keys):
                raise Unprocessable("A field stands twice in the order.", pointer="/keys")
            rest = sorted(current.keys() - set(keys), key=lambda k: (current[k][0].order, k))
            changed = [
                (d.model_copy(update={"order": order}), version + 1)
                for order, key in enumerate([*keys, *rest])
                for d, version in [current[key]]
                if d.order != order
            ]
            await self._save(tx, caller.channel, changed)

    async def _save(self, tx: Tx, channel: str, changed: Sequence[tuple[FieldDefinition, int]]) -> None:
        await store.save_fields(tx, channel, changed)
        await outbox.put(tx, publish.field_messages(channel, changed, self._clock.now()))


async def _locked(tx: Tx, channel: str) -> dict[str, tuple[FieldDefinition, int]]:
    """The definitions, with the channel's row locked: definitions change one after the other."""
    await store.load_channel(tx, channel, lock=True)
    return await store.fields(tx, channel)


async def define_seen(tx: Tx, channel: str, writes: Sequence[Write], now: datetime) -> Sighting:
    """The definitions that these writes are judged by, those of keys seen for the first time made now."""
    sighting = _look(await store.fields(tx, channel), writes)
    if sighting.made:
        sighting = _look(await _locked(tx, channel), writes)
        changed = [(definition, 1) for definition in sighting.made]
        await store.save_fields(tx, channel, changed)
        await outbox.put(tx, publish.field_messages(channel, changed, now))
    return sighting


def _look(written: Mapping[str, tuple[FieldDefinition, int]], writes: Sequence[Write]) -> Sighting:
    known = {key[8:]: d for key, (d, _) in written.items() if key.startswith("profile.")}
    return look(known, writes, len(BUILT_IN_FIELDS) + len(known))
