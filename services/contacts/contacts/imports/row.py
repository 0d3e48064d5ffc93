"""A row of a file as a write of a contact, and a refusal of it as the report tells it. Pure."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from common.errors import Problem, Unprocessable
from common.events.contacts import Channel, FieldDefinition, FieldTypeName
from contacts.contact import check_read, read_write
from contacts.imports.mapping import MEMBER_ID
from contacts.imports.order import Order, Outcome, RowStatus
from contacts.imports.source import Row, rows
from contacts.imports.tables.table import Line
from contacts.imports.values import Inference, key_of, row_of
from contacts.member_id import check_member_id, check_new_member_id
from contacts.profile_field import PRESETS

SAMPLED = 5
_PRESET_TYPES: Mapping[str, FieldTypeName] = {f"profile.{key}": preset[0] for key, preset in PRESETS.items()}


def types_of(defined: Mapping[str, FieldDefinition]) -> dict[str, FieldTypeName]:
    """The types of the fields that are defined, and of those that would be as presets.

    What comes for an archived one is dropped unjudged, so it may be any text.
    """
    return {**_PRESET_TYPES, **{key: "String" if not d.collected else d.type for key, d in defined.items()}}


def body_of(order: Order, row: Row, types: Mapping[str, FieldTypeName], zone: ZoneInfo) -> dict[str, Any]:
    """The body of the row's write, a member's with its `memberId`. Raises Unprocessable."""
    if row.wide and order.layout is not None:  # in a workbook nothing moves a cell under the wrong heading
        raise Unprocessable(
            "More cells than there are headings. Check the delimiters and quotation marks of this row.", code="tooManyCells"
        )
    body = row_of(zip(order.headed.used, row.cells, strict=True), types, zone)
    if order.kind == "members":
        body[MEMBER_ID] = check_member_id(body.get(MEMBER_ID), f"/{MEMBER_ID}")
    elif not body:
        raise Unprocessable("None of the columns that are read has a value in this row.", code="nothing")
    return body


def erased_meanwhile() -> Unprocessable:
    """The refusal of a row whose member was erased after the file had been sent."""
    return Unprocessable(
        "This member was erased after the file was sent. Send the row again if the member is to be made anew.",
        code="erased",
        pointer=f"/{MEMBER_ID}",
    )


def refused(order: Order, number: int, problem: Problem) -> Outcome:
    """What the report says of a row that was refused; never what stands in it."""
    key = key_of(problem.pointer)
    heading = next((column.heading for column in order.headed.used if key in column.keys), None)
    return Outcome(number, RowStatus.REFUSED, None, problem.code, problem.detail, heading)


def sample(order: Order, head: Sequence[Line], fields: Mapping[str, FieldDefinition], settings: Channel) -> list[dict[str, Any]]:
    """The first rows as they would be written, or why they would be refused; new fields' types are guessed from these alone."""
    zone = ZoneInfo(settings.time_zone)
    found = list(islice(rows(head, order.headed), SAMPLED))
    types = types_of(fields)
    for n, column in enumerate(order.headed.used):
        for key in column.keys:
            if key.startswith("profile.") and key not in types:
                inference = Inference(zone)
                for row in found:
                    inference.see(row.cells[n])
                types[key] = inference.type(key) or "String"
    return [_sampled(order, row, types, zone, settings.country) for row in found]


def _sampled(order: Order, row: Row, types: Mapping[str, FieldTypeName], zone: ZoneInfo, country: str) -> dict[str, Any]:
    try:
        body = body_of(order, row, types, zone)
        write = read_write(body, country, also=frozenset({MEMBER_ID}))
        check_read(write)
        check_new_member_id(str(body.get(MEMBER_ID, "")), f"/{MEMBER_ID}")
    except Unprocessable as problem:
        told = refused(order, row.number, problem)
        return {"row": row.number, "problem": {"code": told.code, "detail": told.detail, "column": told.heading}}
    return {"row": row.number, "contact": {**body, **write.values}}
