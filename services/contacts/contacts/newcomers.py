"""New leads, and new members whose first state follows from their row alone: it is written at once, not reserved first. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from common.errors import Unprocessable
from common.events.contacts import ContactCreated, FieldDefinition
from common.ids import Ids
from contacts.contact import Write, created, decide
from contacts.fields.first_sight import Known, look
from contacts.member_id import check_new_member_id
from contacts.publish import Step
from contacts.rows import LeadRow, Row, RowResult


def newcomers(known: Known, rows: Sequence[Row], there: Collection[str], ids: Ids, now: datetime) -> dict[str, Step]:
    """What makes each of the rows' members who are not `there`, by the member's id.

    Nobody for whom more than that counts: where a row names a lead or a member twice, where it defines a field (which depends on
    the rows before it), and where it is refused.
    """
    if len({row.member_id for row in rows}) < len(rows) or any(row.lead is not None for row in rows):
        return {}
    made: dict[str, Step] = {}
    for row in rows:
        if row.member_id not in there and (event := _made(known, row)) is not None:
            made[row.member_id] = Step(event, created(ids(), row.member_id, event, now))
    return made


def _made(known: Known, row: Row) -> ContactCreated | None:
    try:
        check_new_member_id(row.member_id, row.named_at)
        if look(known, row.write) is not known:
            return None
        event = decide(None, row.write, known.fields)
    except Unprocessable:
        return None
    assert isinstance(event, ContactCreated), "a contact that is not there yet is always made"
    return event


def made_lead(lead_id: UUID, write: Write, fields: Mapping[str, FieldDefinition], now: datetime) -> Step:
    """What makes the lead. Raises Unprocessable."""
    event = decide(None, write, fields)
    assert isinstance(event, ContactCreated), "a contact that is not there yet is always made"
    return Step(event, created(lead_id, None, event, now))


def made_leads(known: Known, rows: Iterable[LeadRow], now: datetime) -> tuple[Known, list[tuple[LeadRow, Step]], list[RowResult]]:
    """The steps that make those rows' leads that are accepted, what is known after them, and the refusals of the others."""
    made: list[tuple[LeadRow, Step]] = []
    refused: list[RowResult] = []
    for row in rows:
        try:
            seen = look(known, row.write)
            made.append((row, made_lead(row.id, row.write, seen.fields, now)))
        except Unprocessable as problem:
            refused.append(RowResult(row.index, problem=problem))
        else:
            known = seen
    return known, made, refused
