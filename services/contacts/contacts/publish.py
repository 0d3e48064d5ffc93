"""The messages that tell of what was written, made from the events and the states after them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from common.envelope import Message, message
from common.events.contacts import (
    Contact,
    ContactChanged,
    ContactCreated,
    ContactEvent,
    ContactMerged,
    ContactMessage,
    ContactRestored,
)  # fmt: skip
from common.position import Applied
from common.recorded import Recorded, as_data
from common.telemetry import trace_headers
from common.topics import CONTACTS
from contacts.contact import is_told, without_archived

NAMES = UUID("6f1f7b0c-53a5-4f0e-9d55-9d5a1e6c3c77")


@dataclass(frozen=True, slots=True)
class Step:
    """One event of one contact, and the contact after it; the event happened at the `updated_at` of that."""

    event: ContactEvent
    after: Contact


def recorded(channel: str, steps: Sequence[Step], by: str, cause: str) -> list[Recorded]:
    """The steps as rows of the event store."""
    return [
        Recorded(channel, s.after.id, s.after.version, s.event.type, as_data(s.event.encode()), s.after.updated_at, by, cause)
        for s in steps
    ]


def contact_messages(channel: str, steps: Sequence[Step], withheld: Collection[str]) -> list[Message]:
    """One message per step, with the whole state after it; the values of withheld fields (by bare key) are in none."""
    trace = trace_headers()
    return [
        message(
            CONTACTS, channel=channel, subject=str(s.after.id), source="contacts", type=s.event.type,
            id=uuid5(NAMES, f"{channel}/{s.after.id}/{s.after.version}"), version=s.after.version, at=s.after.updated_at,
            value=_value(s, withheld), trace=trace,
        )
        for s in steps
    ]  # fmt: skip


def _value(step: Step, withheld: Collection[str]) -> bytes:
    event, contact = _told(step.event, withheld), without_archived(step.after, withheld)
    return ContactMessage(event=event, contact=contact, version=contact.version).encode()


def _told(event: ContactEvent, withheld: Collection[str]) -> ContactEvent:
    if not withheld or not isinstance(event, ContactCreated | ContactChanged | ContactMerged | ContactRestored):
        return event
    return event.model_copy(update={"changes": [c for c in event.changes if is_told(c.key, withheld)]})


def applied(contact: Contact) -> Applied:
    """The contact's version as a position names it."""
    return Applied("contact", str(contact.id), contact.version)
