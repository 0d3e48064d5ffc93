"""Which columns a file has, what they are called, and how a contact's values stand in them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from common.built_ins import value_at
from common.clock import from_wire
from common.errors import Unprocessable
from common.events.contacts import FieldDefinition
from common.language import ENGLISH, KOREAN, Language
from common.term_lists import write_list
from exports.events import Column
from exports.workbook.cells import Cell


def choose(keys: Sequence[str] | None, fields: Sequence[FieldDefinition], *, names: bool, language: Language) -> list[Column]:
    """The columns asked for, or the visible fields in the channel's order. Raises Unprocessable for an unknown key."""
    known = {field.key: field for field in fields}
    if keys is None:
        chosen = [field for field in fields if field.visible and not field.archived]
    else:
        chosen = []
        for n, key in enumerate(keys):
            field = known.get({"sessionCount": "sessionsCount"}.get(key, key))
            if field is None:
                raise Unprocessable(
                    "There is no such field. `GET /v1/fields` lists them.", code="unknownField", pointer=f"/columns/{n}"
                )
            if field.archived:
                raise Unprocessable(
                    "This field is archived. Restore it, or leave its column out.", code="archivedField", pointer=f"/columns/{n}"
                )
            chosen.append(field)
    if not chosen:
        raise Unprocessable("No field is visible, so the file would have no column. Name some in `columns`.", pointer="/columns")
    return [Column(key=f.key, type=f.type, heading=_heading(f, language) if names else f.key) for f in chosen]


def _heading(field: FieldDefinition, language: Language) -> str:
    other = ENGLISH if language == KOREAN else KOREAN
    return field.display_name.get(language) or field.display_name.get(other) or field.key


Row = Callable[[Mapping[str, Any]], list[Cell]]


def row_maker(columns: Sequence[Column], zone: str) -> Row:
    """Makes a contact (in the API's shape) a row: dates local in the zone, lists as `read_list` reads them."""
    local = ZoneInfo(zone)
    makers = [_reader(column, local) for column in columns]

    def row(contact: Mapping[str, Any]) -> list[Cell]:
        return [make(contact) for make in makers]

    return row


def _reader(column: Column, zone: ZoneInfo) -> Callable[[Mapping[str, Any]], Cell]:
    key = column.key
    if key.startswith("profile."):
        bare = key[8:]
        return lambda contact: _cell(contact["profile"].get(bare), column.type, zone)
    return lambda contact: _cell(value_at(contact, key), column.type, zone)


def _cell(value: Any, kind: str, zone: ZoneInfo) -> Cell:
    if value is None:
        return None
    match kind:
        case "Date":
            return _local(str(value), zone)
        case "List":
            return write_list(str(element) for element in value) or None
        case "Boolean" | "Number" if isinstance(value, bool | int | float):
            return value
        case _:
            return str(value)


def _local(text: str, zone: ZoneInfo) -> datetime | str:
    instant = from_wire(text)
    try:
        return instant.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return text
