"""The route that compares who was in a segment at two instants."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from common import cursor as cursors
from common import http
from common.clock import from_millis, to_millis, to_wire
from common.errors import WrongOrder
from common.http import Cursor, Limit, part
from common.query import InstantAsked, not_later
from segments.answers import Member
from segments.api import Readable, Reader, Using
from segments.comparing.answers import Comparison
from segments.comparing.queries import Comparing, Sizes, Which

router = http.router("/v1/segments", tags=["Segments"])


@router.get("/{segment_id}/compare")
async def compare_segment_members(
    segment: Readable,
    parts: Using,
    caller: Reader,
    comparing: Annotated[Comparing, Depends(part(Comparing))],
    begin: Annotated[InstantAsked, Query(alias="from")],
    end: Annotated[InstantAsked | None, Query(alias="to")] = None,
    which: Annotated[Which | None, Query(description="Whom to list; without it the counts alone are told.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Comparison:
    """Compare who was in at one instant with who was in at another, by default now: how many, and page by page who.

    The counts, and the end where none is given, are those of the first page.
    """
    now = parts.clock.now()
    first, last = to_millis(not_later(begin, now, "from")), to_millis(not_later(end or now, now, "to"))
    if first > last:
        raise WrongOrder
    bound = f"compare/{segment.id}/{first}/{None if end is None else last}/{which}"
    after: UUID | None = None
    if cursor is not None:
        sizes, last, after = _going_on(cursor, bound, first)
    else:
        sizes = await comparing.sizes(caller.channel, segment.id, first, last)
    found = [] if which is None else await comparing.page(caller.channel, segment.id, first, last, which, after, limit + 1)
    items = [Member(contact_id=v.contact_id, since=from_millis(v.since)) for v in found[:limit]]
    told = (sizes.only_then, sizes.both, sizes.only_now)
    until = from_millis(last)
    following = cursors.encode(bound, *told, to_wire(until), str(items[-1].contact_id)) if len(found) > limit else None
    return _comparison(from_millis(first), until, sizes, items, following)


def _going_on(cursor: str, bound: str, first: int) -> tuple[Sizes, int, UUID]:
    """The counts, the end and the contact that a cursor carries. Raises Unprocessable."""
    number = cursors.number
    made_for, then, both, now, end, contact = cursors.decode(
        cursor, cursors.text, number, number, number, cursors.instant, cursors.identifier
    )
    last = to_millis(end)
    if made_for != bound or last < first:
        raise cursors.bad_cursor()
    return Sizes(then, both, now), last, contact


def _comparison(begin: datetime, end: datetime, sizes: Sizes, items: list[Member], following: str | None) -> Comparison:
    return Comparison.model_validate(
        {
            "from": begin, "to": end, "onlyThen": sizes.only_then, "both": sizes.both, "onlyNow": sizes.only_now,
            "items": items, "next": following,
        }
    )  # fmt: skip
