"""The routes of a segment's log: read both ways, followed, and counted."""

import re
from typing import Annotated, Literal

from fastapi import Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator, Field

from common import http
from common.answers import EVENTS, content
from common.clock import from_millis, to_millis
from common.errors import Unprocessable
from common.http import Limit, Page, part
from common.listening import Listening
from common.query import InstantAsked
from segments.api import Existing, Looker, Readable, Reader, Using
from segments.changes import bookmark
from segments.changes.answers import Change, Changes, Count
from segments.changes.bookmark import HIGHEST, LOWEST, Bookmark
from segments.changes.queries import ChangeView, Log
from segments.changes.stream import follow
from segments.steps import Step

router = http.router("/v1/segments", tags=["Segments"])

Logs = Annotated[Log, Depends(part(Log))]
After = Annotated[
    int | None, Query(ge=LOWEST, le=HIGHEST, description="The `next` of the answer before; without it, from the beginning.")
]


def _place(value: object) -> object:
    """Of a number that can't be and a word that is none the same is said."""
    if value != "latest" and not re.fullmatch(r"\d{1,19}", str(value), re.ASCII):
        raise ValueError("must be the `previous` of an answer, as you got it, or `latest`")
    return value


Before = Annotated[
    Annotated[int, Field(ge=0, le=HIGHEST)] | Literal["latest"] | None,
    BeforeValidator(_place),
    Query(description="The `previous` of an answer, or `latest`: the changes right before it, the oldest of them first."),
]


@router.get("/{segment_id}/changes", response_model=Changes, responses=content(EVENTS))
async def list_segment_changes(
    request: Request,
    segment: Readable,
    parts: Using,
    caller: Reader,
    log: Logs,
    after: After = None,
    before: Before = None,
    limit: Limit = 100,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response | Changes:
    """Follow who entered and left, oldest first; with `Accept: text/event-stream` for as long as you listen.

    The log is kept for some months. One whose oldest changes are not kept any more begins with a snapshot: an `entered` of each
    member at its own position, with cause `definition`, so that what is read from the beginning always adds up to who is in. What
    came after a place before that is a 410 `changesGone`: start over. A stream ends with an event `gone` then, and with `deleted`
    where the segment is deleted.
    """
    if after is not None and before is not None:
        raise Unprocessable("`after` and `before` lead two ways. Send one of them.", code="notTogether")
    if "text/event-stream" in request.headers.get("accept", ""):
        if before is not None:
            raise Unprocessable("A stream goes forward alone. Leave `before` out, or ask for no stream.", code="notTogether")
        begin = _last_event(last_event_id) if last_event_id is not None else _bookmark(after or 0, "after")
        await log.following(caller.channel, segment.id, begin, 1)
        goes_on = Listening(parts.health, parts.clock).of(caller)
        lines = follow(goes_on, log, caller.channel, segment.id, begin, _line)
        return StreamingResponse(lines, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    if before is not None:
        page = await log.preceding(caller.channel, segment.id, HIGHEST if before == "latest" else before, limit)
    else:
        page = await log.following(caller.channel, segment.id, _bookmark(after or 0, "after"), limit)
    items = [_change(view) for view in page.items]
    return Changes(items=items, next=bookmark.write(page.next), previous=page.previous)


@router.get("/{segment_id}/counts", response_model=Page[Count])
async def count_segment_changes(
    segment: Existing,
    parts: Using,
    caller: Looker,
    log: Logs,
    begin: Annotated[InstantAsked | None, Query(alias="from")] = None,
    end: Annotated[InstantAsked | None, Query(alias="to")] = None,
    step: Step = "day",
) -> Page[Count]:
    """Count who entered and left, and the size at the end, step by step: each whole step that has to do with the time asked for.

    By default the last 30 that are kept. Days and weeks, which begin on Monday, are the channel's zone's.
    """
    last = to_millis(end or parts.clock.now())
    found = await log.counts(caller.channel, segment.id, step, None if begin is None else to_millis(begin), last)
    return Page(items=[Count(at=from_millis(v.at), entered=v.entered, left=v.left, size=v.size) for v in found])


def _bookmark(number: int, name: str) -> Bookmark:
    """Raises Unprocessable for a number that was never answered."""
    try:
        return bookmark.read(number)
    except ValueError:
        words = f"`{name}` must be a `next`, or the `id` of an event, as you got it. Leave it out to begin anew."
        raise Unprocessable(words, code="invalid", extra={"parameter": name}) from None


def _last_event(text: str) -> Bookmark:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise Unprocessable(
            "`Last-Event-ID` must be the `id` of an event that you got. Leave it out to begin anew.", code="invalid"
        )
    return _bookmark(int(text), "Last-Event-ID")


def _change(view: ChangeView) -> Change:
    return Change.model_validate(
        {
            "position": view.position,
            "at": from_millis(view.at),
            "contactId": view.contact_id,
            "change": view.change,
            "cause": view.cause,
        }
    )


def _line(view: ChangeView) -> bytes:
    return _change(view).model_dump_json(by_alias=True).encode()
