"""The routes of links."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Response
from pydantic import Field, JsonValue

from common.answers import POSITION, answers
from common.auth import Caller
from common.given import Given
from common.http import Wire, json_response, part, permit, router, where_written
from common.ids import Id
from common.shapes import Filter, Like
from contacts.links import answers as shapes
from contacts.links.handlers import Links
from contacts.links.link import MOST_QUERY, MOST_SORTED

Reader = Annotated[Caller, Depends(permit("contacts.read"))]
Using = Annotated[Links, Depends(part(Links))]

routes = router("/v1", tags=["Links"])


class SortedBy(Wire):
    """One key to sort by."""

    key: Annotated[str, Field(min_length=1, max_length=200)]
    order: Literal["asc", "desc"] = "asc"


class LinkContent(Wire):
    """What somebody looks at, as `POST /v1/search` takes it. It is understood there, when it is opened."""

    segment: Annotated[Id | None, Given()] = None
    filter: Annotated[dict[str, Any] | None, Given(), Like(Filter)] = None
    query: Annotated[str | None, Field(max_length=MOST_QUERY), Given()] = None
    sort: Annotated[list[SortedBy] | None, Field(max_length=MOST_SORTED), Given()] = None

    def content(self) -> dict[str, JsonValue]:
        """What was given of it, ids and orders written out."""
        return {name: value for name, value in self.model_dump(mode="json", by_alias=True).items() if value is not None}


@routes.post("/links", status_code=201, responses=answers(shapes.Link, 200, 201, headers=POSITION))
async def create_link(caller: Reader, body: LinkContent, using: Using) -> Response:
    """Keep what somebody looks at under an id made of it: the same content has the same id (200 where it is there already)."""
    content = body.content()
    named, made = await using.keep(caller, content)
    # No reader waits for a link, so its writes stand nowhere in what they read.
    return json_response({"id": named, **content}, 201 if made else 200, where_written())


@routes.get("/links/{link_id}", responses=answers(shapes.Link))
async def get_link(link_id: str, caller: Reader, using: Using) -> Response:
    """What a link was made of. It is kept for a year after it was last opened."""
    return json_response({"id": link_id, **await using.open(caller, link_id)})
