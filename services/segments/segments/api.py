"""The routes of segments: definitions, members, the log of changes, and why."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Response
from pydantic import AfterValidator, Field

from common import cursor as cursors
from common import http, position
from common.answers import ETAG, POSITION, answers
from common.auth import Caller
from common.clock import Clock, from_millis, to_millis, to_wire
from common.erased import Answer, Question
from common.errors import Gone, NotFound
from common.given import Given
from common.health import Health
from common.http import At, AwaitedPosition, Cursor, IfMatch, Limit, Page, Wire, json_response, part, permit, tell
from common.ids import Id, parse_id
from common.invisible import shows_nothing
from common.shapes import FilterAsked
from segments.answers import (
    DefinedSegment,
    Definition,
    Member,
    Membership,
    NamingDestination,
    NamingSegment,
    Segment,
    Standing,
    UsedBy,
)
from segments.handlers import UNCHANGED, Segments
from segments.queries import Queries, SegmentView
from segments.store import Contact
from segments.waiting import Waiting

_MOST_NAMED = 10_000  # as many values as a filter may have
_LAST_MILLIS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z: later than that is never

READ, MANAGE = "contacts.read", "segments.manage"


ToldOf = Callable[[str, Sequence[UUID]], Awaitable[Mapping[UUID, Sequence[Mapping[str, Any]]] | None]]
"""The destinations that are told of segments of a channel; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work with."""

    commands: Segments
    queries: Queries
    waiting: Waiting
    told_of: ToldOf
    clock: Clock
    health: Health


Using = Annotated[Parts, Depends(part(Parts))]
Reader = Annotated[Caller, Depends(permit(READ))]
Looker = Annotated[Caller, Depends(permit(READ, MANAGE))]
Manager = Annotated[Caller, Depends(permit(MANAGE))]


def _existing(*permissions: str) -> Callable[..., Awaitable[SegmentView]]:
    """A dependency: the segment that the path names, after the permission and before the body is looked at."""

    async def existing(
        segment_id: str, caller: Annotated[Caller, Depends(permit(*permissions))], parts: Using, awaited: AwaitedPosition
    ) -> SegmentView:
        known = parse_id(segment_id)
        if known is None:
            raise _no_segment()
        found = await parts.queries.segment(caller.channel, known)
        if awaited is None:
            return found
        await caught_up(parts, caller, awaited)
        return await parts.queries.segment(caller.channel, known)

    return existing


Readable = Annotated[SegmentView, Depends(_existing(READ))]
"""Its members, why they are in, and its changes tell of contacts."""
Existing = Annotated[SegmentView, Depends(_existing(READ, MANAGE))]
"""Its definition and its counts."""
Managed = Annotated[SegmentView, Depends(_existing(MANAGE))]


async def caught_up(parts: Parts, caller: Caller, awaited: position.Position | None) -> None:
    """Wait until what the request wants to see is applied here. Raises Unavailable."""
    if awaited is None:
        return
    await parts.waiting.until_applied(caller.channel, awaited)


async def _contact(parts: Parts, caller: Caller, text: str) -> Contact:
    known = parse_id(text)
    if known is None:
        raise _no_contact()
    return await parts.queries.contact(caller.channel, known)


def _no_segment() -> NotFound:
    return NotFound("There is no such segment.")


def _no_contact() -> NotFound:
    return NotFound("There is no such contact.")


def _named(text: str) -> str:
    if shows_nothing(text):
        raise ValueError("A segment needs a name that is not blank.")
    return text.strip()


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_named)]


class NewSegment(Wire):
    """A segment to be made."""

    name: Name
    filter: FilterAsked


class SegmentChange(Wire):
    """What is to be another from now on."""

    name: Annotated[Name | None, Given()] = None
    filter: FilterAsked = None


router = http.router("/v1/segments", tags=["Segments"])
internal = http.router("/internal")


@internal.post("/erased")
async def erased(caller: Reader, body: Question, parts: Using) -> Answer:
    """Whether nothing is held here any more of these contacts."""
    ended = tuple(position.Applied("contact", str(contact.id), contact.version) for contact in body.contacts)
    return Answer(done=await parts.queries.has_applied(caller.channel, position.Position(ended)))


class Named(Wire):
    """Segments by id."""

    ids: list[Id] = Field(max_length=_MOST_NAMED)


@internal.post("/segments/read")
async def read_segments(caller: Reader, body: Named, parts: Using) -> Page[DefinedSegment]:
    """The definitions of these segments and of all that they refer to, of one instant; those that are not there are left out."""
    found = await parts.queries.with_referred(caller.channel, body.ids)
    return Page(items=[DefinedSegment(**_defined(view)) for view in found])


@router.post("", status_code=201, response_model=Segment, responses=answers(None, 201, headers=ETAG | POSITION))
async def create_segment(
    body: NewSegment, response: Response, parts: Using, caller: Manager, awaited: AwaitedPosition
) -> Segment:
    """Make a segment: a named filter, kept live."""
    await caught_up(parts, caller, awaited)
    made = await parts.commands.make(caller, body.name, body.filter)
    _written(response)
    return await _tagged(parts, caller, await parts.queries.segment(caller.channel, made), response)


@router.get("", response_model=Page[Segment])
async def list_segments(
    parts: Using, caller: Looker, awaited: AwaitedPosition, limit: Limit = 100, cursor: Cursor = None
) -> Page[Segment]:
    """List the segments in the order of making."""
    await caught_up(parts, caller, awaited)
    found = await parts.queries.segments(caller.channel, _after(cursor, "segments"), limit + 1)
    page = await _segments(parts, caller, found[:limit])
    return Page(items=page, next=_cursor("segments", page[-1].id) if len(found) > limit else None)


@router.get("/memberships", response_model=Page[Membership])
async def list_memberships(
    parts: Using, caller: Reader, awaited: AwaitedPosition, contact: str, limit: Limit = 100, cursor: Cursor = None
) -> Page[Membership]:
    """List the segments that a contact is in."""
    await caught_up(parts, caller, awaited)
    known = await _contact(parts, caller, contact)
    bound = f"memberships/{known.id}"
    now = to_millis(parts.clock.now())
    found = await parts.queries.memberships(caller.channel, known, _after(cursor, bound), limit + 1, now)
    page = [Membership(id=v.id, name=v.name, status=_status(v.status), since=from_millis(v.since)) for v in found[:limit]]
    return Page(items=page, next=_cursor(bound, page[-1].id) if len(found) > limit else None)


@router.get("/{segment_id}", response_model=Segment, responses=answers(None, headers=ETAG))
async def get_segment(segment: Existing, parts: Using, caller: Looker, response: Response) -> Segment:
    """Read one segment, with its exact count."""
    return await _tagged(parts, caller, segment, response)


@router.get("/{segment_id}/definitions", response_model=Page[Definition])
async def list_segment_definitions(
    segment: Existing, parts: Using, caller: Looker, limit: Limit = 100, cursor: Cursor = None
) -> Page[Definition]:
    """List what was made of a segment, every version, newest first."""
    bound = f"definitions/{segment.id}"
    before: int | None = _after(cursor, bound, cursors.number)
    found = await parts.queries.definitions(caller.channel, segment.id, before, limit + 1)
    page = [Definition(version=v.version, definition_version=v.definition_version, at=v.at, by=v.by, name=v.name, filter=v.filter)
            for v in found[:limit]]  # fmt: skip
    return Page(items=page, next=cursors.encode(bound, page[-1].version) if len(found) > limit else None)


@router.patch("/{segment_id}", response_model=Segment, responses=answers(None, headers=ETAG | POSITION))
async def change_segment(
    segment: Managed, body: SegmentChange, response: Response, parts: Using, caller: Manager, expected: IfMatch
) -> Segment:
    """Change a segment's name or filter; with another filter it is built anew."""
    name = body.name if "name" in body.model_fields_set else None
    raw = body.filter if "filter" in body.model_fields_set else UNCHANGED
    await parts.commands.change(caller, segment.id, name, raw, expected)
    _written(response)
    return await _tagged(parts, caller, await parts.queries.segment(caller.channel, segment.id), response)


@router.delete("/{segment_id}", status_code=204, responses=answers(None, 204, headers=POSITION))
async def delete_segment(segment: Managed, parts: Using, caller: Manager, expected: IfMatch) -> Response:
    """Delete a segment and its log."""
    await parts.commands.delete(caller, segment.id, expected)
    response = Response(status_code=204)
    _written(response)
    return response


@router.get("/{segment_id}/members", response_model=Page[Member])
async def list_segment_members(
    segment: Readable, parts: Using, caller: Reader, at: At, limit: Limit = 100, cursor: Cursor = None
) -> Page[Member]:
    """List the members, now or as of an instant."""
    millis = None if at is None else to_millis(at)
    bound = f"members/{segment.id}/{millis}"
    found = await parts.queries.members(caller.channel, segment.id, _after_member(cursor, bound, segment), limit + 1, millis)
    page = [Member(contact_id=v.contact_id, since=from_millis(v.since)) for v in found[:limit]]
    more = len(found) > limit
    return Page(items=page, next=cursors.encode(bound, segment.definition_version, str(page[-1].contact_id)) if more else None)


@router.get("/{segment_id}/members/{contact_id}", response_model=Standing)
async def get_membership(segment_id: str, contact_id: str, parts: Using, caller: Reader, awaited: AwaitedPosition) -> Response:
    """Read whether a contact is in a segment, since when, and when the clock alone will change that."""
    segment, contact = parse_id(segment_id), parse_id(contact_id)
    if segment is None:
        raise _no_segment()
    if awaited is not None or contact is None:
        await parts.queries.segment(caller.channel, segment)
        await caught_up(parts, caller, awaited)
    if contact is None:
        raise _no_contact()
    found = await parts.queries.standing(caller.channel, segment, contact, to_millis(parts.clock.now()))
    return json_response({"member": found.member, "since": _wire(found.since), "nextChangeAt": _wire(found.next_change)})


async def _segments(parts: Parts, caller: Caller, views: Sequence[SegmentView]) -> list[Segment]:
    told = await parts.told_of(caller.channel, [view.id for view in views]) if views else {}
    return [Segment(**_defined(view), used_by=_used_by(view, None if told is None else told[view.id])) for view in views]


def _used_by(view: SegmentView, told: Sequence[Mapping[str, Any]] | None) -> UsedBy:
    segments = [NamingSegment.model_validate(user) for user in view.used_by]
    if told is None:
        return UsedBy(segments=segments)
    return UsedBy(segments=segments, destinations=[NamingDestination.model_validate(each) for each in told])


def _defined(view: SegmentView) -> dict[str, Any]:
    return {
        "id": view.id, "name": view.name, "filter": view.filter, "status": _status(view.status), "problem": view.problem,
        "count": view.count, "definition_version": view.definition_version, "version": view.version,
    }  # fmt: skip


async def _tagged(parts: Parts, caller: Caller, view: SegmentView, response: Response) -> Segment:
    response.headers["ETag"] = f'"{view.version}"'
    [segment] = await _segments(parts, caller, [view])
    return segment


def _status(word: str) -> Literal["building", "live", "broken"]:
    match word:
        case "building" | "live" | "broken":
            return word
        case _:
            raise AssertionError(word)


def _wire(millis: int | None) -> str | None:
    return None if millis is None or millis > _LAST_MILLIS else to_wire(from_millis(millis))


def _written(response: Response) -> None:
    """Definitions are read where they are written, so there is nothing to wait for: an empty position."""
    tell(response, position.NOWHERE)


def _cursor(bound: str, last: UUID) -> str:
    return cursors.encode(bound, str(last))


def _after(cursor: str | None, bound: str, kind: Callable[[object], Any] = cursors.identifier) -> Any:
    """What a cursor of this very request stands at, an id mostly; None without one. Raises Unprocessable."""
    if cursor is None:
        return None
    made_for, last = cursors.decode(cursor, cursors.text, kind)
    if made_for != bound:
        raise cursors.bad_cursor()
    return last


def _after_member(cursor: str | None, bound: str, segment: SegmentView) -> UUID | None:
    """The member that a cursor stands at. Raises Unprocessable, and Gone where the members were another definition's."""
    if cursor is None:
        return None
    made_for, definition, last = cursors.decode(cursor, cursors.text, cursors.number, cursors.identifier)
    if made_for != bound:
        raise cursors.bad_cursor()
    if definition != segment.definition_version:
        raise Gone("The segment was given another filter since. Begin again without the cursor.", code="cursorExpired")
    known: UUID = last
    return known
