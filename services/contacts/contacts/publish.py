"""The messages that tell of what was written, made from the events and the states after them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID, uuid5

from msgspec.structs import replace

from common.clock import from_wire
from common.envelope import Message, message
from common.events.contacts import (
    Contact,
    ContactChanged,
    ContactCreated,
    ContactEvent,
    ContactMerged,
    ContactRestored,
    contact_value,
)  # fmt: skip
from common.position import Applied
from common.recorded import Recorded
from common.telemetry import trace_headers
from common.topics import CONTACTS
from contacts.contact import is_told, without_archived

NAMES = UUID("6f1f7b0c-53a5-4f0e-9d55-9d5a1e6c3c77")


@dataclass(frozen=True)
class Step:
    """One event of one contact, and the contact after it; the event happened at the `updated_at` of that.

    As JSON each is written once, for the event's row, the contact's row and the message alike.
    """

    event: ContactEvent
    after: Contact

    @cached_property
    def event_json(self) -> bytes:
        """The event as it goes on the wire."""
        return self.event.encode()

    @cached_property
    def after_json(self) -> bytes:
        """The contact as it goes on the wire."""
        return self.after.encode()


def recorded(channel: str, steps: Sequence[Step], by: str, cause: str) -> list[Recorded]:
    """The steps as rows of the event store."""
    return [
        Recorded(channel, s.after.id, s.after.version, s.event.type, s.event_json, from_wire(s.after.updated_at), by, cause)
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
    return contact_value(
        step.event_json if event is step.event else event.encode(),
        step.after_json if contact is step.after else contact.encode(),
        contact.version,
    )


def _told(event: ContactEvent, withheld: Collection[str]) -> ContactEvent:
    if not withheld or not isinstance(event, ContactCreated | ContactChanged | ContactMerged | ContactRestored):
        return event
    return replace(event, changes=[c for c in event.changes if is_told(c.key, withheld)])


def applied(contact: Contact) -> Applied:
    """The contact's version as a position names it."""
    return Applied("contact", str(contact.id), contact.version)
