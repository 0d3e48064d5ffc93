"""How large a contact and a visit may be, so that a message of Kafka's and a document of the index hold it with ease. Pure.

A message tells of a change with what was, what is, and the whole contact after it: three times the contact at the most.
"""

from collections.abc import Sequence

import orjson
from msgspec.structs import fields

from common.built_ins import BUILT_INS
from common.envelope import SAFE_BYTES
from common.errors import Unprocessable
from common.events.contacts import Change, Contact
from common.fields import FieldType

MOST_CONTACT = SAFE_BYTES // 4
MOST_VISIT = SAFE_BYTES // 2
_KIB = 1024
_GIVEN = [
    member.name
    for member in fields(Contact)
    if (built_in := BUILT_INS.get(member.encode_name)) is not None and built_in.given and built_in.type is not FieldType.BOOLEAN
]
_KEYS = 16 * _KIB  # of 200 profile keys, of 64 characters at most


def weight(value: object) -> int:
    """The bytes of JSON values as they are written."""
    return len(orjson.dumps(value))


def size(contact: Contact) -> int:
    """The bytes of all that was given of a contact. What the system itself knows of it is short."""
    return weight([contact.profile, *(getattr(contact, attribute) for attribute in _GIVEN)])


def may_be_too_large(before: Contact | None, changes: Sequence[Change]) -> bool:
    """Whether a contact with these changes has to be looked at closely; never wrong when it says no."""
    return (size(before) if before is not None else 0) + weight([c.to for c in changes]) + _KEYS > MOST_CONTACT


def check_contact(before: Contact | None, after: Contact, detail: str, pointer: str) -> None:
    """Raises Unprocessable where a contact has grown beyond the limit; taking something away is allowed to any."""
    now = size(after)
    if now > MOST_CONTACT and (before is None or now > size(before)):
        most = f"A contact holds {MOST_CONTACT // _KIB} KiB at most, all its values together. {detail}"
        raise Unprocessable(most, code="tooLarge", pointer=pointer, extra={"most": MOST_CONTACT})


def check_visit(given: object, pointer: str) -> int:
    """The bytes of what was given of a visit. Raises Unprocessable where they are beyond the limit."""
    if (now := weight(given)) > MOST_VISIT:
        most = f"A visit has {MOST_VISIT // _KIB} KiB at most, all its properties together. Send less with it."
        raise Unprocessable(most, code="tooLarge", pointer=pointer, extra={"most": MOST_VISIT})
    return now
