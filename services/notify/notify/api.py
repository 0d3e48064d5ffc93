"""The routes of the rooms."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import Field

from common.answers import Shape, answers
from common.clock import Instant
from common.http import AnyCaller, Cursor, Limit, Page, json_response, router
from notify.queries import Queries

routes = router("/v1", tags=["Room"])


class RoomMessage(Shape):
    """A message in a manager's own room."""

    id: UUID
    at: Instant
    from_: Annotated[str, Field(alias="from")]
    text: str
    link: str | None
    kind: str


def queries(request: Request) -> Queries:
    """The reads."""
    found: Queries = request.app.state.queries
    return found


@routes.get("/rooms/me/messages", responses=answers(Page[RoomMessage]))
async def list_messages(
    caller: AnyCaller,
    reads: Annotated[Queries, Depends(queries)],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The messages in the caller's own room (나와의 대화방), newest first."""
    items, following = await reads.own_room(caller, limit, cursor)
    return json_response({"items": items, "next": following})
