"""Keys seen for the first time: which fields a writing defines before it is judged, row by row: no row spoils another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from common.errors import Unprocessable
from common.events.contacts import FieldDefinition
from common.pointer import escape
from common.position import NOWHERE, Position
from contacts.contact import Write, decide
from contacts.profile_field import MOST_FIELDS, check_key, first_seen, is_nothing, too_many_fields


@dataclass(frozen=True, slots=True)
class Sighting:
    """The definitions by bare key that the rows are judged by, those made now among them, and what is refused by row."""

    fields: Mapping[str, FieldDefinition]
    made: Sequence[FieldDefinition]
    refused: Mapping[int, Unprocessable] = field(default_factory=dict[int, Unprocessable])
    position: Position = NOWHERE


def look(known: Mapping[str, FieldDefinition], writes: Sequence[Write], order: int) -> Sighting:
    """Define what each row names for the first time, unless the row is refused; new fields come after `order` others."""
    fields = dict(known)
    made: list[FieldDefinition] = []
    refused: dict[int, Unprocessable] = {}
    for index, write in enumerate(writes):
        try:
            new = _of_one(fields, write, order + len(made))
            decide(None, write, {**fields, **new} if new else fields)
        except Unprocessable as refusal:
            refused[index] = refusal
            continue
        fields |= new
        made += new.values()
    return Sighting(fields, made, refused)


def _of_one(fields: Mapping[str, FieldDefinition], write: Write, order: int) -> dict[str, FieldDefinition]:
    new: dict[str, FieldDefinition] = {}
    for member, given in (("profile", write.profile), ("profileOnce", write.profile_once)):
        for key, value in given.items():
            if key in fields or key in new:
                continue
            pointer = f"{write.pointer}/{member}/{escape(key)}"
            check_key(key, pointer)
            if is_nothing(value):
                continue
            if len(fields) + len(new) >= MOST_FIELDS:
                raise too_many_fields(f"profile.{key}", pointer)
            new[key] = first_seen(key, value, order + len(new), pointer)
    return new
