"""The routes of views."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from common.answers import ETAG, POSITION, answers
from common.auth import Caller
from common.http import Change, Cursor, IfMatch, Limit, Page, Wire, json_response, part, permit, router, where_written
from common.ids import parse_id
from contacts.views import answers as shapes
from contacts.views.handlers import Views
from contacts.views.view import View, Wish, check_may_change, no_view

Reader = Annotated[Caller, Depends(permit("contacts.read"))]
Using = Annotated[Views, Depends(part(Views))]

routes = router("/v1", tags=["Views"])


async def view_id(view_id: str, _: Reader) -> UUID:
    """The id in a path. Raises NotFound where it can be none."""
    parsed = parse_id(view_id)
    if parsed is None:
        raise no_view()
    return parsed


async def seen(view_id: Annotated[UUID, Depends(view_id)], caller: Reader, using: Using) -> View:
    """The view that a path names. Raises NotFound, for another's own too."""
    return await using.read(caller, view_id)


Seen = Annotated[View, Depends(seen)]


async def changeable(view: Seen, caller: Reader) -> View:
    """The view that a path names, to be changed. Raises Forbidden for one that is another's."""
    check_may_change(view, caller)
    return view


Changeable = Annotated[View, Depends(changeable)]


class NewView(Wire):
    """A view to be made: `link` is the id of a link; without `columns` it has those of the channel's fields."""

    name: str
    shared: bool = False
    link: str
    columns: list[str] = []  # noqa: RUF012 - a pydantic default is copied


class ViewChange(Change):
    """What is not named stays; no columns at all are those of the channel's fields."""

    name: str | None = None
    shared: bool | None = None
    link: str | None = None
    columns: list[str] | None = None


def _answer(view: View, status: int = 200, *, written: bool = False) -> Response:
    # No reader waits for a view, so its writes stand nowhere in what they read.
    position = where_written() if written else {}
    return json_response(view.members(), status, {"ETag": f'"{view.version}"', **position})


@routes.get("/views", responses=answers(Page[shapes.View]))
async def list_views(caller: Reader, using: Using, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The caller's own views and those that others share, the newest first."""
    page = await using.listed(caller, limit, cursor)
    return json_response({"items": page.items, "next": page.next})


@routes.post("/views", status_code=201, responses=answers(shapes.View, 201, headers=ETAG | POSITION))
async def create_view(caller: Reader, body: NewView, using: Using) -> Response:
    """Keep a list as the caller likes to see it, for themselves or shared with everybody who reads contacts."""
    view = await using.make(caller, body.name, body.link, tuple(body.columns), shared=body.shared)
    return _answer(view, 201, written=True)


@routes.get("/views/{view_id}", responses=answers(shapes.View, headers=ETAG))
async def get_view(view: Seen) -> Response:
    """One view."""
    return _answer(view)


@routes.patch("/views/{view_id}", responses=answers(shapes.View, headers=ETAG | POSITION))
async def change_view(view: Changeable, caller: Reader, body: ViewChange, using: Using, expected: IfMatch) -> Response:
    """Change a view: its maker may, and a shared one whoever manages the channel."""
    wish = Wish(body.name, body.shared, body.link, None if body.columns is None else tuple(body.columns))
    return _answer(await using.change(caller, view.id, wish, expected), written=True)


@routes.delete("/views/{view_id}", status_code=204, responses=answers(None, 204, headers=POSITION))
async def delete_view(view: Changeable, caller: Reader, using: Using, expected: IfMatch) -> Response:
    """Delete a view: its maker may, and a shared one whoever manages the channel."""
    await using.delete(caller, view.id, expected)
    return Response(status_code=204, headers=where_written())
