"""Keys seen for the first time: which fields the rows of a writing define, each after those accepted before it. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from common.errors import Unprocessable
from common.events.contacts import FieldDefinition
from common.pointer import escape
from contacts.contact import Write
from contacts.fields.built_in import BUILT_IN_FIELDS
from contacts.profile_field import MOST_FIELDS, check_key, first_seen, is_nothing, too_many_fields


@dataclass(frozen=True, slots=True)
class Known:
    """The definitions by bare key that rows are judged by; `made` are those among them that accepted rows have defined."""

    fields: Mapping[str, FieldDefinition]
    made: tuple[FieldDefinition, ...] = ()


def known_of(defined: Mapping[str, FieldDefinition]) -> Known:
    """What is known where these are defined, by keys as the API writes them."""
    return Known({key[8:]: definition for key, definition in defined.items() if key.startswith("profile.")})


def look(known: Known, write: Write) -> Known:
    """What is known with this row, whose new fields count only where the row is accepted.

    Raises Unprocessable for a bad key, a value that no field can have, and the 201st field.
    """
    if known.fields.keys() >= write.profile.keys() and known.fields.keys() >= write.profile_once.keys():
        return known
    new: dict[str, FieldDefinition] = {}
    for key, value, pointer in _given(write):
        if key in known.fields or key in new:
            continue
        check_key(key, pointer)
        if is_nothing(value):
            continue
        there = len(known.fields) + len(new)
        if there >= MOST_FIELDS:
            raise too_many_fields(f"profile.{key}", pointer)
        new[key] = first_seen(key, value, len(BUILT_IN_FIELDS) + there, pointer)
    return Known({**known.fields, **new}, (*known.made, *new.values())) if new else known


def may_define(known: Known, writes: Iterable[Write]) -> bool:
    """Whether any row has a new field and is not refused for what it has: others may define more meanwhile, and it still is."""
    return any(_defines(known, write) for write in writes)


def _defines(known: Known, write: Write) -> bool:
    try:
        return look(known, write) is not known
    except Unprocessable:
        return False


def _given(write: Write) -> Iterator[tuple[str, object, str]]:
    for member, given in (("profile", write.profile), ("profileOnce", write.profile_once)):
        for key, value in given.items():
            yield key, value, f"{write.pointer}/{member}/{escape(key)}"
