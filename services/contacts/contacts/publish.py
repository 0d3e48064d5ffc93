"""The messages that tell of what was written, made from the events and the states after them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from common.envelope import Message, message
from common.events.contacts import (
    CHANNEL_SUBJECT,
    Channel,
    ChannelChanged,
    ChannelMessage,
    Contact,
    ContactChanged,
    ContactCreated,
    ContactEvent,
    ContactMerged,
    ContactMessage,
    ContactRestored,
    FieldChanged,
    FieldDefined,
    FieldDefinition,
    FieldMessage,
    Visit,
    VisitMessage,
    VisitRecorded,
)  # fmt: skip
from common.partition import partition_of
from common.position import Applied, Position, last_by_partition
from common.recorded import Recorded, as_data
from common.telemetry import trace_headers
from common.topics import CONTACTS, FIELDS, VISITS
from contacts.contact import is_shown, shown

_NAMES = UUID("6f1f7b0c-53a5-4f0e-9d55-9d5a1e6c3c77")


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


def contact_messages(channel: str, steps: Sequence[Step], archived: Collection[str]) -> list[Message]:
    """One message per step, with the whole state after it; the values of archived fields (by bare key) are in none."""
    trace = trace_headers()
    return [
        message(
            CONTACTS, channel=channel, subject=str(s.after.id), source="contacts", type=s.event.type,
            id=uuid5(_NAMES, f"{channel}/{s.after.id}/{s.after.version}"), version=s.after.version, at=s.after.updated_at,
            value=_value(s, archived), trace=trace,
        )
        for s in steps
    ]  # fmt: skip


def _value(step: Step, archived: Collection[str]) -> bytes:
    event, contact = _told(step.event, archived), shown(step.after, archived)
    return ContactMessage(event=event, contact=contact, version=contact.version).encode()


def _told(event: ContactEvent, archived: Collection[str]) -> ContactEvent:
    if not archived or not isinstance(event, ContactCreated | ContactChanged | ContactMerged | ContactRestored):
        return event
    return event.model_copy(update={"changes": [c for c in event.changes if is_shown(c.key, archived)]})


def visit_messages(channel: str, visits: Sequence[Visit]) -> list[Message]:
    """One message per visit; `ce_time` is the visit's own instant."""
    trace = trace_headers()
    return [
        message(
            VISITS, channel=channel, subject=str(v.contact_id), source="contacts", type="visit.recorded",
            id=uuid5(_NAMES, f"{channel}/visit/{v.id}"), version=1, at=v.at,
            value=VisitMessage(event=VisitRecorded(), visit=v).encode(), trace=trace,
        )
        for v in visits
    ]  # fmt: skip


def field_messages(channel: str, changed: Sequence[tuple[FieldDefinition, int]], at: datetime) -> list[Message]:
    """One message per definition at its new version."""
    trace = trace_headers()
    told: list[Message] = []
    for definition, version in changed:
        event = FieldDefined() if version == 1 else FieldChanged()
        told.append(
            message(
                FIELDS, channel=channel, subject=definition.key, source="contacts", type=event.type,
                id=uuid5(_NAMES, f"{channel}/{definition.key}/{version}"), version=version, at=at,
                value=FieldMessage(event=event, field=definition, version=version).encode(), trace=trace,
            )
        )  # fmt: skip
    return told


def channel_message(channel: str, settings: Channel, version: int, at: datetime) -> Message:
    """The channel's settings, for all who read filters."""
    return message(
        FIELDS, channel=channel, subject=CHANNEL_SUBJECT, source="contacts", type="channel.changed",
        id=uuid5(_NAMES, f"{channel}/{CHANNEL_SUBJECT}/{version}"), version=version, at=at,
        value=ChannelMessage(event=ChannelChanged(), channel=settings, version=version).encode(), trace=trace_headers(),
    )  # fmt: skip


def fields_position(channel: str, changed: Sequence[tuple[FieldDefinition, int]]) -> Position:
    """The definitions' versions as a position names them."""
    return last_by_partition((partition_of(f"{channel}/{d.key}"), Applied("field", d.key, version)) for d, version in changed)


def channel_position(version: int) -> Position:
    """The settings' version as a position names it."""
    return Position((Applied("field", CHANNEL_SUBJECT, version),))


def applied(contact: Contact) -> Applied:
    """The contact's version as a position names it."""
    return Applied("contact", str(contact.id), contact.version)
