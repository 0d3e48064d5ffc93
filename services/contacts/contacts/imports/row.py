"""A row of a file as a write of a contact, and a refusal of it as the report tells it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from common.errors import Problem, Unprocessable
from common.events.contacts import Contact, FieldDefinition, FieldTypeName
from contacts.contact import decide, read_write
from contacts.fields.first_sight import Known, look
from contacts.imports.mapping import MEMBER_ID, Column
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


def body_of(
    order: Order, columns: Sequence[Column], row: Row, types: Mapping[str, FieldTypeName], zone: ZoneInfo
) -> dict[str, Any]:
    """The body of the row's write, a member's with its `memberId`; `columns` are those that are read. Raises Unprocessable."""
    if row.wide and order.layout is not None:  # in a workbook nothing moves a cell under the wrong heading
        raise Unprocessable(
            "More cells than there are headings. Check the delimiters and quotation marks of this row.", code="tooManyCells"
        )
    body = row_of(zip(columns, row.cells, strict=True), types, zone)
    if order.kind == "members":
        body[MEMBER_ID] = check_member_id(body.get(MEMBER_ID), f"/{MEMBER_ID}")
    elif not body:
        raise Unprocessable("None of the columns that are read has a value in this row.", code="nothing")
    return body


@dataclass(frozen=True, slots=True)
class Bodies:
    """Rows as the bodies of their writes by their numbers, as fields of these `types` and in this zone; the others' refusals."""

    types: Mapping[str, FieldTypeName]
    zone: str
    bodies: Sequence[tuple[int, dict[str, Any]]] = ()
    refused: Mapping[int, Outcome] = field(default_factory=dict[int, Outcome])

    def and_of(self, order: Order, rows: Iterable[Row]) -> "Bodies":
        """These, and further rows read alike."""
        zone, columns, bodies, outcomes = ZoneInfo(self.zone), order.headed.used, list(self.bodies), dict(self.refused)
        for row in rows:
            try:
                bodies.append((row.number, body_of(order, columns, row, self.types, zone)))
            except Unprocessable as problem:
                outcomes[row.number] = refused(order, row.number, problem)
        return Bodies(self.types, self.zone, bodies, outcomes)


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


@dataclass(frozen=True, slots=True)
class First:
    """One of the first rows: the body of its write, or why it can be none."""

    number: int
    body: Mapping[str, Any]
    problem: Unprocessable | None = None

    @property
    def member_id(self) -> str | None:
        """The member that it is about."""
        return self.body.get(MEMBER_ID)


def first_rows(order: Order, head: Sequence[Line], fields: Mapping[str, FieldDefinition], zone: ZoneInfo) -> list[First]:
    """The first rows, read; new fields' types are guessed from these alone."""
    found = list(islice(rows(head, order.headed), SAMPLED))
    types = types_of(fields)
    for n, column in enumerate(order.headed.used):
        for key in column.keys:
            if key.startswith("profile.") and key not in types:
                inference = Inference(zone)
                for row in found:
                    inference.see(row.cells[n])
                types[key] = inference.type(key) or "String"
    return [_first(order, row, types, zone) for row in found]


def _first(order: Order, row: Row, types: Mapping[str, FieldTypeName], zone: ZoneInfo) -> First:
    try:
        return First(row.number, body_of(order, order.headed.used, row, types, zone))
    except Unprocessable as problem:
        return First(row.number, {}, problem)


def sampled(order: Order, first: First, members: Mapping[str, Contact], known: Known, country: str) -> dict[str, Any]:
    """A row as it would be written, or why it would be refused. `members` are those that are there, by their ids."""
    try:
        if first.problem is not None:
            raise first.problem
        member = members.get(first.member_id or "")
        write = read_write(first.body, country, also=frozenset({MEMBER_ID}))
        if first.member_id is not None and member is None:
            check_new_member_id(first.member_id, f"/{MEMBER_ID}")
        decide(member, write, look(known, write).fields)
    except Unprocessable as problem:
        told = refused(order, first.number, problem)
        return {"row": first.number, "problem": {"code": told.code, "detail": told.detail, "column": told.heading}}
    return {"row": first.number, "contact": {**first.body, **write.values}}
