"""The shape of what links answer, for the OpenAPI document."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import JsonValue

from common.answers import Shape, left_out
from common.shapes import Filter, Like


class LinkSort(Shape):
    """One key that a list is sorted by."""

    key: str
    order: Literal["asc", "desc"]


class Link(Shape):
    """What somebody looks at, as `POST /v1/search` takes it; what was not given is left out."""

    id: str
    segment: UUID = left_out()
    filter: Annotated[JsonValue, Like(Filter)] = left_out()
    query: str = left_out()
    sort: list[LinkSort] = left_out()
