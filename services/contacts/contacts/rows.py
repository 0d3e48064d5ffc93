"""The rows of a request or a file that writes many contacts: before they are read, read, and what each came to. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias
from uuid import UUID

from msgspec import structs

from common.errors import Problem, Unprocessable
from common.events.contacts import Contact
from common.ids import parse_id
from contacts.contact import Write, read_write, without_archived
from contacts.member_id import check_member_id
from contacts.not_written import NotWritten

Raw: TypeAlias = tuple[int, str, object, str]
"""A row before it is read: its number, the member's id, the body, and where that stands."""
_ROW_MEMBERS = frozenset({"memberId", "leadId"})


@dataclass(frozen=True, slots=True)
class Lead:
    """The lead that an upsert names: who the member was until now."""

    id: UUID
    pointer: str


def read_named(raw: object, pointer: str) -> str:
    """The id of the member whom a row names. Raises Unprocessable."""
    if not isinstance(raw, dict):
        raise Unprocessable("A contact must be an object.", pointer=pointer)
    if raw.get("memberId") is None:
        detail = "`memberId` is missing. Send the id of the person."
        raise Unprocessable(detail, code="invalidMemberId", pointer=f"{pointer}/memberId")
    return check_member_id(raw["memberId"], f"{pointer}/memberId")


def read_lead(raw: Mapping[str, object], pointer: str) -> Lead | None:
    """The lead that an upsert's body names, if it does. Raises Unprocessable where it is no id."""
    value = raw.get("leadId")
    if value is None:
        return None
    lead_id = parse_id(value) if isinstance(value, str) else None
    if lead_id is None:
        raise Unprocessable("There is no such lead.", code="unknownLead", pointer=f"{pointer}/leadId")
    return Lead(lead_id, f"{pointer}/leadId")


def lead_named(raw: object) -> UUID | None:
    """The lead that a body names, if it names any that can be one; to look at it before the body is read."""
    value = raw.get("leadId") if isinstance(raw, dict) else None
    return parse_id(value) if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Row:
    """One upsert, read: of which member, what, and which lead it was until now. `named_at` points to the member's id."""

    index: int
    member_id: str
    named_at: str
    write: Write
    lead: Lead | None


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead to be made, read: under which id, and with what."""

    index: int
    id: UUID
    write: Write


@dataclass(frozen=True, slots=True)
class RowResult:
    """What one row of a batch came to: the contact, or the problem."""

    index: int
    contact: Contact | None = None
    created: bool = False
    changed: bool = False
    problem: Problem | None = None
    not_written: tuple[NotWritten, ...] = ()

    def hidden_by(self, hidden: Collection[UUID]) -> "RowResult":
        """The result, told that the managed-user limit hides these contacts."""
        if self.contact is None or self.contact.id not in hidden:
            return self
        return replace(self, contact=structs.replace(self.contact, hidden=True))

    def without(self, keys: Collection[str]) -> "RowResult":
        """The result as it is shown: without the values of archived fields."""
        shown = None if self.contact is None else without_archived(self.contact, keys)
        return self if shown is self.contact else replace(self, contact=shown)


def parsed(rows: Sequence[Raw], country: str, *, alone: bool) -> tuple[list[Row], list[RowResult]]:
    writes: list[Row] = []
    refused: list[RowResult] = []
    for index, member_id, raw, pointer in rows:
        try:
            write = read_write(raw, country, pointer, _ROW_MEMBERS)
            lead = read_lead(raw, pointer) if isinstance(raw, dict) else None
            writes.append(Row(index, member_id, "" if alone else f"{pointer}/memberId", write, lead))
        except Unprocessable as problem:
            refused.append(RowResult(index, problem=problem))
    return writes, refused


def parsed_leads(rows: Sequence[tuple[int, UUID, object]], country: str) -> tuple[list[LeadRow], list[RowResult]]:
    writes: list[LeadRow] = []
    refused: list[RowResult] = []
    for index, lead_id, raw in rows:
        try:
            writes.append(LeadRow(index, lead_id, read_write(raw, country)))
        except Unprocessable as problem:
            refused.append(RowResult(index, problem=problem))
    return writes, refused
