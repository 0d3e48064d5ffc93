"""The messages that tell of what was written, made from the events and the states after them."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from common.clock import from_wire
from common.envelope import Batch, Message
from common.events.contacts import (
    Contact,
    ContactChanged,
    ContactCreated,
    ContactEvent,
    ContactMerged,
    ContactRestored,
    contact_value,
)  # fmt: skip
from common.ids import named_ids, written
from common.partition import SHARDS, partition_of
from common.position import Applied, Position
from common.recorded import Recorded
from common.telemetry import trace_headers
from common.topics import CONTACTS
from contacts.contact import is_told, without_archived

message_id = named_ids(UUID("6f1f7b0c-53a5-4f0e-9d55-9d5a1e6c3c77"))
"""A message's id is made of what it tells of, so that it is one however often it is made."""


class Step(Struct, frozen=True, gc=False):
    """One event of one contact, and the contact after it; the event happened at the `updated_at` of that.

    As JSON each is written once, for the event's row, the contact's row and the message alike.
    """

    event: ContactEvent
    after: Contact
    _event_json: bytes = b""
    _after_json: bytes = b""

    @property
    def event_json(self) -> bytes:
        """The event as it goes on the wire."""
        if not self._event_json:
            force_setattr(self, "_event_json", self.event.encode())
        return self._event_json

    @property
    def after_json(self) -> bytes:
        """The contact as it goes on the wire."""
        if not self._after_json:
            force_setattr(self, "_after_json", self.after.encode())
        return self._after_json


def recorded(channel: str, steps: Sequence[Step], by: str, cause: str) -> list[Recorded]:
    """The steps as rows of the event store."""
    return [
        Recorded(channel, s.after.id, s.after.version, s.event.type, s.event_json, from_wire(s.after.updated_at), by, cause)
        for s in steps
    ]


def contact_messages(channel: str, steps: Sequence[Step], withheld: Collection[str]) -> list[Message]:
    """One message per step, with the whole state after it; the values of withheld fields (by bare key) are in none."""
    batch = Batch(CONTACTS, channel, "contacts", trace_headers())
    return [_message(batch, step, withheld) for step in steps]


def _message(batch: Batch, step: Step, withheld: Collection[str]) -> Message:
    after = step.after
    subject, version = written(after.id), after.version
    return batch.message(
        subject,
        type=step.event.type,
        id=message_id(f"{batch.channel}/{subject}/{version}"),
        version=version,
        at=after.updated_at,
        value=_value(step, withheld),
    )


def _value(step: Step, withheld: Collection[str]) -> bytes:
    event, contact = _told(step.event, withheld), without_archived(step.after, withheld)
    return contact_value(
        step.event_json if event is step.event else event.encode(),
        step.after_json if contact is step.after else contact.encode(),
        contact.version,
    )


def _told(event: ContactEvent, withheld: Collection[str]) -> ContactEvent:
    if not withheld or not isinstance(event, ContactCreated | ContactChanged | ContactMerged | ContactRestored):
        return event
    return replace(event, changes=[c for c in event.changes if is_told(c.key, withheld)])


def where_told(channel: str, latest_first: Iterable[Contact]) -> Position:
    """Where these are seen, of which the last written come first: the last of each partition, and nobody after all have one."""
    last: dict[int, Applied] = {}
    for contact in latest_first:
        subject = written(contact.id)
        last.setdefault(partition_of(f"{channel}/{subject}"), Applied("contact", subject, contact.version))
        if len(last) == SHARDS:
            break
    return Position(tuple(last.values()))
