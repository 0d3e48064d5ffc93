"""The receipt of an erasure: which stores held the contact, which are done, and the last moment by which each is. Pure.

Rows are rewritten at once. A file that was sent to be imported is deleted when its import ends, and after a day at the latest.
The readers follow the tombstone within moments; it waits a week for one that is away, and an export's
file lives no longer than that anyway. Term sets are what managers pasted, and go when nobody uses them any more.
Topics forget by Kafka's own means, whose limits are in `common.topics`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common.clock import to_wire
from common.errors import NotFound
from common.topics import CONTACTS, VISITS
from contacts.imports.files import IMPORT_FILES_KEPT

READERS = ("search", "segments", "exports")
IMPORTS = "imports"
_IMPORTS_WITHIN = IMPORT_FILES_KEPT + timedelta(hours=1)
_READERS_WITHIN = timedelta(days=7)
_BY_TIME_WITHIN: Mapping[str, timedelta] = {
    "termSets": timedelta(days=31),  # deleted 30 days after their last use, which is noted once a day
    CONTACTS: timedelta(days=9),  # compacted within 8 days, and the cleaner's time
    VISITS: timedelta(days=15),  # kept for 14 days, in files of half a day
    "deadLetters": timedelta(days=32),  # kept for 30 days, in files of a day
}


@dataclass(frozen=True, slots=True)
class Erased:
    """One id of the contact, and the version that says it is no more."""

    id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """A contact that was erased with all the leads it had taken in: by whom, and when."""

    id: UUID
    contact_id: UUID
    erased: tuple[Erased, ...]
    at: datetime
    by: str


def receipt(erasure: Erasure, done: Mapping[str, bool], now: datetime) -> dict[str, object]:
    """The receipt as the API shows it; `done` tells of the imports' files and of each reader whether nothing is held any more."""
    stores: list[tuple[str, bool, datetime]] = [("contacts", True, erasure.at)]
    stores.append((IMPORTS, done.get(IMPORTS, False), erasure.at + _IMPORTS_WITHIN))
    stores += [(reader, done.get(reader, False), erasure.at + _READERS_WITHIN) for reader in READERS]
    for store, within in _BY_TIME_WITHIN.items():
        stores.append((store, now >= erasure.at + within, erasure.at + within))
    return {
        "receiptId": str(erasure.id),
        "contactId": str(erasure.contact_id),
        "requestedAt": to_wire(erasure.at),
        "requestedBy": erasure.by,
        "status": "done" if all(is_done for _, is_done, _ in stores) else "pending",
        "finalBy": to_wire(max(final for _, _, final in stores)),
        "stores": [
            {"store": name, "status": "done" if is_done else "pending", "finalBy": to_wire(final)}
            for name, is_done, final in stores
        ],
    }


def no_receipt() -> NotFound:
    """The same words for another channel's receipt as for one that never was."""
    return NotFound("There is no such receipt.")
