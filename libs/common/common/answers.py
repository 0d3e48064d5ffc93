"""How a route documents an answer that it writes itself: its shape is for the document alone, nothing is read through it."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import NODEFAULT
from msgspec.structs import FieldInfo, fields
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model
from pydantic.alias_generators import to_camel

from common.built_ins import FACTS, FROM_THE_START
from common.events.contacts import Contact, DeviceFacts
from common.events.wire import Body
from common.fields import MOBILE, WEB
from common.position import HEADER

Documented = dict[int | str, dict[str, Any]]

_TEXT = {"type": "string"}
ETAG: dict[str, Any] = {"ETag": {"description": "The version, quoted; for `If-Match`.", "schema": _TEXT}}
FILE_TAG: dict[str, Any] = {"ETag": {"description": "Of the file; for `If-Range`.", "schema": _TEXT}}
POSITION: dict[str, Any] = {
    HEADER: {"description": "What this write stands for; a later request that carries it back sees the write.", "schema": _TEXT}
}

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"


def one_of(words: type[StrEnum]) -> WithJsonSchema:
    """Documents a word of a list in its place: two services may call two lists by one name, such as `Status`."""
    return WithJsonSchema({"type": "string", "enum": [word.value for word in words]})


def left_out(description: str | None = None) -> Any:
    """The default of a member that is left out where it has nothing to say, and is never null; what it says may be described."""
    return Field(default_factory=dict, description=description)


class Shape(BaseModel):
    """What is answered, in camelCase; more members may come, so nothing says that there are no others."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Problem(BaseModel):
    """A refusal."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(description="What to do about it.")]
    code: Annotated[str, Field(description="A fixed word for programs.")]
    pointer: Annotated[str, Field(description="JSON pointer into the body, where one place is to blame.")] = left_out()


def answers(model: type[BaseModel] | None, *statuses: int, headers: Mapping[str, Any] | None = None) -> Documented:
    """JSON of this shape, under these statuses (200 where none is named), with these headers."""
    return {
        status: ({} if model is None else {"model": model}) | ({} if headers is None else {"headers": dict(headers)})
        for status in statuses or (200,)
    }


def content(kind: str, *, binary: bool = False, status: int = 200, headers: Mapping[str, Any] | None = None) -> Documented:
    """An answer that is no JSON: of this media type."""
    schema = _TEXT | ({"format": "binary"} if binary else {})
    return {status: {"content": {kind: {"schema": schema}}, **({} if headers is None else {"headers": dict(headers)})}}


def lines(model: type[BaseModel]) -> Documented:
    """An answer of lines, each JSON of this shape."""
    schema = {**_TEXT, "description": "JSON lines.", "contentSchema": model.model_json_schema(mode="serialization")}
    return {200: {"content": {LINES: {"schema": schema}}}}


def contact_shown(contact: Contact) -> dict[str, Any]:
    """The contact as every service shows it; of devices the facts that are fields, whether or not it was ever seen on one."""
    shown = contact.members()
    for member in _UNSEEN:
        del shown[member]
    for kind, at_first in _NEVER_SEEN.items():
        told = shown[kind]
        shown[kind] = at_first.copy() if told is None else {name: told[name] for name in at_first}
    return shown


def members_of(body: type[Body]) -> dict[str, Any]:
    """The members of a published body, to make a shape of: the same names, types and defaults."""
    return {field.name: (field.type, _default(field)) for field in fields(body)}


def _default(field: FieldInfo) -> Any:
    if field.default_factory is not NODEFAULT:
        return Field(default_factory=field.default_factory)
    return ... if field.required else field.default


_UNSEEN = ("mergedInto",)
_NEVER_SEEN: dict[str, dict[str, Any]] = {
    kind: {name: FROM_THE_START.get(f"{kind}.{name}") for name, fact in FACTS.items() if kind in fact.kinds}
    for kind in (WEB, MOBILE)
}


def _required(body: type[Body], names: Collection[str]) -> dict[str, Any]:
    return {field.name: (field.type, ...) for field in fields(body) if field.encode_name in names}


if TYPE_CHECKING:

    class ShownContact(Shape):
        """A contact; an absent value is null."""

else:
    ShownContact = create_model(
        "ShownContact",
        __base__=Shape,
        __doc__="A contact; an absent value is null.",
        **_required(Contact, {field.encode_name for field in fields(Contact)} - {*_UNSEEN})
        | {
            kind: (create_model(f"{kind.capitalize()}Facts", __base__=Shape, **_required(DeviceFacts, names)), ...)
            for kind, names in _NEVER_SEEN.items()
        },
    )
