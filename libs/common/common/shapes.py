"""The shapes of filters and of their explanations, for the OpenAPI document: they are read by the parser, never through these."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field, GetJsonSchemaHandler, JsonValue, RootModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from common.answers import Shape, left_out
from common.clock import Instant
from common.filters import FieldType, Operator

_TYPES = ", ".join(f"`{kind.value}`" for kind in FieldType if kind is not FieldType.SEGMENT)


class Like:
    """Marks what is read by code of our own: documented as this shape."""

    def __init__(self, shape: type[BaseModel]) -> None:
        self._shape = shape

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The shape's schema."""
        return handler(self._shape.__pydantic_core_schema__)


class Window(Shape):
    """So many units of time."""

    n: Annotated[int, Field(ge=0, le=100_000)]
    unit: Literal["minutes", "hours", "days", "weeks"]


class Size(Shape):
    """A comparison with the number of a list's elements."""

    op: Literal["eq", "gt", "gte", "lt", "lte"]
    n: Annotated[int, Field(ge=0)]


FilterValue: TypeAlias = str | bool | float | Window | Size


class FilterCondition(Shape):
    """One condition over one field. More than one value means any of them, under a negative operator none of them."""

    key: Annotated[str, Field(description="A built-in field (`tags`), one of your own (`profile.grade`), or `segment`.")]
    operator: Annotated[Operator | str, Field(description="An operator of the field's type, with or without a leading `$`.")]
    values: Annotated[list[FilterValue], Field(description="Left out under `exists`, `notExists` and with `termSet`.")] = (
        left_out()
    )
    type: str = left_out(f"The field's type, checked where it is given: {_TYPES}.")
    missing: Annotated[Literal["include", "exclude"], Field(description="What becomes of contacts without the value.")] = (
        left_out()
    )
    term_set: str = left_out("The id of a term set, in place of `values`.")


class FilterAnd(Shape):
    """All of them; of none: everyone."""

    and_: Annotated[list["Filter"], Field(alias="and")]


class FilterOr(Shape):
    """Any of them; of none: no one."""

    or_: Annotated[list["Filter"], Field(alias="or")]


class FilterNot(Shape):
    """The complement."""

    not_: Annotated["Filter", Field(alias="not")]


class Filter(RootModel[FilterAnd | FilterOr | FilterNot | FilterCondition]):
    """A filter: `and`, `or`, `not`, or a condition."""


class _Judged(Shape):
    truth: bool
    next_change_at: Annotated[Instant | None, Field(description="When the clock alone turns the truth; null is never.")]


class ExplainedCondition(_Judged):
    """A condition as it was read, the value it saw, and its truth."""

    key: str
    operator: Operator
    type: str = left_out()
    values: list[FilterValue] = left_out()
    missing: Literal["include", "exclude"] = left_out()
    term_set: str = left_out()
    value: Annotated[
        JsonValue,
        Field(description="What the contact has; of segments the ids of those that it is in. Null where it has nothing."),
    ]
    segments: Annotated[list["ExplainedSegment"], Field(description="Of a condition on `segment`: each that it names.")] = (
        left_out()
    )


class ExplainedSegment(_Judged):
    """A segment that a filter names, and its own filter."""

    id: str
    name: str
    tree: Annotated["Explanation", Field(description="Left out where the segment was explained before in the same answer.")] = (
        left_out()
    )


class ExplainedAnd(_Judged):
    """All of them."""

    and_: Annotated[list["Explanation"], Field(alias="and")]


class ExplainedOr(_Judged):
    """Any of them."""

    or_: Annotated[list["Explanation"], Field(alias="or")]


class ExplainedNot(_Judged):
    """The complement."""

    not_: Annotated["Explanation", Field(alias="not")]


class Explanation(RootModel[ExplainedAnd | ExplainedOr | ExplainedNot | ExplainedCondition]):
    """A filter as it was read, each node with its truth for one contact and when the clock alone will change that."""


FilterAsked: TypeAlias = Annotated[Any, Like(Filter)]
"""A filter in a body, to be read by the parser."""
