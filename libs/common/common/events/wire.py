"""What every published body shares: frozen, camelCase on the wire, tolerant of members added later."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, TypeVar, dataclass_transform, get_args

import msgspec
from pydantic import GetPydanticSchema, JsonValue

from common.clock import WireInstant, is_wire
from common.envelope import Delivered, UnreadableMessage

if TYPE_CHECKING:
    Json: TypeAlias = JsonValue
else:
    Json = Annotated[Any, GetPydanticSchema(lambda _, handler: handler(JsonValue))]
"""A member that may hold any JSON value."""

B = TypeVar("B", bound="Body")

_WRITTEN = get_args(WireInstant)[0]
# What may be told of a message that does not fit: these name types alone, others quote a value.
_PLAIN = re.compile(r"Expected `[^`]*`(?:, got `[^`]*`)?|Invalid UUID")
_MISSING = re.compile(r"Object missing required field `(\w+)`")


class _Declared(msgspec.StructMeta):
    """Makes every body frozen, and its members to be named where one is made. None is ever part of a circle."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        """A body's type."""
        return super().__new__(mcls, name, bases, namespace, **{"frozen": True, "kw_only": True, "gc": False, **config})


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Body(msgspec.Struct, metaclass=_Declared, rename="camel", frozen=True):
    """A published value. Members are added with defaults, never renamed or dropped; unknown ones are ignored."""

    @classmethod
    def of(cls, members: object) -> Self:
        """Read JSON values by wire name. Raises msgspec.ValidationError, whose text may quote one."""
        return msgspec.convert(members, cls, strict=False)

    @classmethod
    def decode(cls, json: bytes | str | memoryview) -> Self:
        """Read JSON. Raises msgspec.DecodeError, whose text may quote a value."""
        body: Self = _decoder(cls).decode(json)
        return body

    def encode(self) -> bytes:
        """JSON as it goes on the wire."""
        return msgspec.json.encode(self)

    def members(self) -> dict[str, Any]:
        """JSON values by wire name."""
        members: dict[str, Any] = msgspec.to_builtins(self)
        return members


class Event(Body, tag_field="type"):
    """A body that says of which type it is; the type, declared as its `tag`, is a literal of the language and for ever."""

    @property
    def type(self) -> str:
        """The event's wire name."""
        return str(self.__struct_config__.tag)


def read(kind: type[B], message: Delivered) -> B:
    """The message's value as that kind. Raises UnreadableMessage, naming the first place at fault and no value."""
    if message.value is None:
        raise UnreadableMessage("a value is missing where a tombstone has no meaning")
    return _read(kind, kind.decode, message.value)


def read_values(kind: type[B], values: object) -> B:
    """JSON values that came in a message as that kind. Raises UnreadableMessage, naming the first place at fault and no value."""
    return _read(kind, kind.of, values)


def _read(kind: type[B], reader: Callable[[Any], B], given: object) -> B:
    try:
        body = reader(given)
    except msgspec.ValidationError as error:
        raise UnreadableMessage(f"{kind.__name__}: {_told(str(error))}") from None
    except (msgspec.DecodeError, RecursionError):
        raise UnreadableMessage(f"{kind.__name__}: no JSON that can be read") from None
    if (place := odd_instant(body)) is not None:
        raise UnreadableMessage(f"{kind.__name__}: {place}: no instant as it is written on the wire")
    return body


def _told(error: str) -> str:
    """Where something does not fit, and how, of msgspec's words: `event/changes/0/key: missing`."""
    what, _, path = error.partition(" - at ")
    place = path.strip("`$").replace("[...]", ".*").replace("[", ".").replace("]", "").strip(".").replace(".", "/")
    if (missing := _MISSING.fullmatch(what)) is not None:
        return f"{place}/{missing[1]}: missing".lstrip("/")
    return f"{place}: {what if _PLAIN.fullmatch(what) else 'Invalid value'}"


@cache
def _decoder(kind: type[Body]) -> msgspec.json.Decoder[Any]:
    # As lax as those who wrote the first events: 3.0 is the whole number 3.
    return msgspec.json.Decoder(kind, strict=False)


def odd_instant(body: Body) -> str | None:
    """Where the first instant stands, in a body or in one within it, that is not as `to_wire` writes it."""
    instants, holders = _places(body.__class__)
    for name, member in instants:
        instant = getattr(body, name)
        if instant is not None and not is_wire(instant):
            return member
    for name, member in holders:
        held = getattr(body, name)
        if held is not None:
            for each in held if isinstance(held, list) else (held,):
                if (place := odd_instant(each)) is not None:
                    return f"{member}/{place}"
    return None


_Members: TypeAlias = tuple[tuple[str, str], ...]


@cache
def _places(kind: type[Body]) -> tuple[_Members, _Members]:
    """The members of a kind that are instants, and those that hold bodies with instants: as attributes and on the wire."""
    members = [((field.name, field.encode_name), set(_parts(field.type))) for field in msgspec.structs.fields(kind)]
    instants = tuple(names for names, parts in members if _WRITTEN in parts)
    return instants, tuple(names for names, parts in members if any(map(_has_instants, parts)))


def _has_instants(part: object) -> bool:
    return isinstance(part, type) and issubclass(part, Body) and any(_places(part))


def _parts(annotation: object) -> Iterator[object]:
    parts = get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from _parts(part)
