"""A contact's past: what it was at any instant, and each change as a person reads it, both from its events alone. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from common.clock import to_wire
from common.events.contacts import Contact, ContactAbsorbed, ContactCreated, ContactEvent, ContactMerged, ContactVisited
from common.recorded import Recorded
from contacts.contact import created, evolve, is_told


def fold(rows: Sequence[Recorded], member_id: str | None) -> Contact:
    """The contact that the events make, from its first on; of visits, all but the last may be left out.

    `member_id` is whom it was at first: None for a lead, though it may have been identified since.
    """
    events = [_event(row) for row in rows]
    first = events[0]
    assert isinstance(first, ContactCreated), "a stream begins with the contact's making"
    state = created(rows[0].stream, member_id, first, rows[0].at)
    for row, event in zip(rows[1:], events[1:], strict=True):
        # A visit's event says all that visits have made of the contact, so those before it add nothing but their number.
        state = evolve(replace(state, version=row.version - 1), event, row.at)
    return state


def item(row: Recorded, archived: Collection[str]) -> dict[str, Any]:
    """One change as the history lists it; values of archived fields (by bare key) are left out."""
    event = _event(row)
    changes: Sequence[Mapping[str, Any]] = event.members().get("changes", [])
    shown: dict[str, Any] = {
        "version": row.version,
        "at": to_wire(row.at),
        "by": row.by,
        "cause": row.cause,
        "changes": [c for c in changes if is_told(c["key"], archived)],
        "type": row.type,
    }
    if isinstance(event, ContactVisited):
        shown["visit"] = {"id": event.visit_id, "at": event.visited_at}
    elif isinstance(event, ContactMerged):
        shown["absorbed"] = str(event.absorbed)
    elif isinstance(event, ContactAbsorbed):
        shown["mergedInto"] = str(event.into)
    return shown


def _event(row: Recorded) -> ContactEvent:
    event: ContactEvent = msgspec.convert(row.data, ContactEvent, strict=False)
    return event
