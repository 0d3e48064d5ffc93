"""The messages that tell again what is."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from common.clock import WireInstant, to_wire
from common.envelope import Batch, Message
from common.events.contacts import Contact, ContactToldAgain, contact_value
from common.ids import written
from contacts.contact import without_archived
from contacts.publish import message_id

_AGAIN = ContactToldAgain()
_AGAIN_JSON = _AGAIN.encode()


def told_again(batch: Batch, contact: Contact, at: WireInstant, withheld: Collection[str]) -> Message:
    """The contact's newest state; the values of withheld fields (by bare key) are not in it."""
    subject, version = written(contact.id), contact.version
    value = contact_value(_AGAIN_JSON, without_archived(contact, withheld).encode(), version)
    return batch.message(
        subject,
        type=_AGAIN.type,
        id=message_id(f"{batch.channel}/{subject}/{version}/again"),
        version=version,
        at=at,
        value=value,
    )


def gone(batch: Batch, contact_id: UUID, version: int, at: datetime) -> Message:
    """A tombstone: of one that was erased, or that a restore of the database took away."""
    return batch.message(
        written(contact_id), type="contact.erased", id=f"{contact_id}/{version}", version=version, at=to_wire(at), value=None
    )
