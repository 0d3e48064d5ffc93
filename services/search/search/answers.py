"""The shapes of what search answers, for the OpenAPI document."""

from typing import Annotated
from uuid import UUID

from pydantic import JsonValue

from common.answers import Shape, ShownContact
from common.shapes import Filter, Like


class CountAnswer(Shape):
    """How many match, and what stands for that."""

    total: int
    fingerprint: str


class NodeShown(Shape):
    """How many match a node of the filter alone, and all nodes of its group up to it."""

    pointer: str
    alone: int
    up_to: int


class CountedAnswer(CountAnswer):
    """The same; `nodes` where they were asked for, in the order of writing."""

    nodes: list[NodeShown] | None = None


class ValueShown(Shape):
    """A value as it is written most often, and how many have it."""

    value: str | bool
    count: int


class ValuesAnswer(Shape):
    """The commonest values; whether there are more, and how many contacts have none."""

    items: list[ValueShown]
    more: bool
    without: int


class FilterExplained(Shape):
    """The filter's tree for a contact, each node with `truth` and `nextChangeAt`; null for one that no search finds."""

    contact_id: UUID
    tree: dict[str, JsonValue] | None


class ExplainedAnswer(Shape):
    """One for each contact, in their order."""

    items: list[FilterExplained]


class FoundPage(CountAnswer):
    """A page of contacts; `next` and `previous` are the cursors of the pages after and before it, null where there is none."""

    items: list[ShownContact]
    next: str | None
    previous: str | None


class FoundId(Shape):
    """One line of an answer of ids."""

    id: UUID
    version: int


class FilterAnswer(Shape):
    """The filter as it is understood."""

    filter: Annotated[dict[str, JsonValue], Like(Filter)]
