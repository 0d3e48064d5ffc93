"""The routes of the rooms."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from common.answers import EVENTS, POSITION, Shape, answers, content
from common.clock import Instant
from common.http import AnyCaller, Cursor, Limit, Wire, json_response, part, router, where_written
from common.ids import Id
from common.language import language_of
from common.listening import Listening
from notify.room.handlers import Rooms
from notify.room.queries import Queries

routes = router("/v1", tags=["Room"])


class RoomMessage(Shape):
    """A message in a manager's own room; `readAt` is null until it is read."""

    id: UUID
    at: Instant
    from_: Annotated[str, Field(alias="from")]
    text: str
    link: str | None
    kind: str
    read_at: Instant | None


class RoomMessages(Shape):
    """A page of a room, newest first, and how many of all its messages are unread."""

    items: list[RoomMessage]
    next: str | None
    unread: int


class Read(Wire):
    """How far the room was read: up to this message, which is among them."""

    until: Id


class Unread(Shape):
    """How many messages are still unread."""

    unread: int


@routes.get("/rooms/me/messages", responses={200: {"model": RoomMessages, **content(EVENTS)[200]}})
async def list_messages(
    request: Request,
    caller: AnyCaller,
    reads: Annotated[Queries, Depends(part(Queries))],
    listening: Annotated[Listening, Depends(part(Listening))],
    limit: Limit = 100,
    cursor: Cursor = None,
    accept_language: Annotated[str | None, Header(description="Of the texts: Korean where it is left out.")] = None,
    last_event_id: Annotated[str | None, Header(description="The `id` of the last message that was seen.")] = None,
) -> Response:
    """List the messages in one's own room (나와의 대화방), newest first.

    With `Accept: text/event-stream` you hear each new one as it comes, for as long as you listen.
    """
    language = language_of(accept_language)
    if EVENTS not in request.headers.get("accept", ""):
        room = await reads.own_room(caller, limit, cursor, language)
        return json_response({"items": room.items, "next": room.next, "unread": room.unread})
    lines = await reads.follow(caller, last_event_id, language, listening.of(caller))
    return StreamingResponse(lines, media_type=EVENTS, headers={"Cache-Control": "no-store"})


@routes.post("/rooms/me/read", responses=answers(Unread, headers=POSITION))
async def read_messages(caller: AnyCaller, body: Read, commands: Annotated[Rooms, Depends(part(Rooms))]) -> Response:
    """Note that one has read one's room up to a message."""
    return json_response({"unread": await commands.read(caller, body.until)}, headers=where_written())
