"""Contacts, a JSON text each, turned into the columns of a table: nothing is decoded but what is asked for."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from common.clock import from_wire
from common.term_lists import write_list
from exports.workbook.cells import Cell

Values: TypeAlias = Sequence[Any]

_ID: Final = "id"
_ELSE: Final = {"lastSeenAt": "seenAt"}
"""Older events tell no `lastSeenAt` of a device: it is the `seenAt` of the visit that its facts are from."""
_NONE: Final = type(None)
_TEXTS: Final = frozenset({str, _NONE})
_VALUES: Final = frozenset({bool, int, float, _NONE})
_MOST_HOURS: Final = 10_000
_MILLISECONDS: Final = len("2026-11-24T03:00:00.000")


class NoContact(Exception):
    """A line that is no contact."""


class Field(msgspec.Struct, frozen=True):
    """A column: the key of a field and its type."""

    key: str
    type: str


class Lines:
    """Reads lines into the columns of `fields`: dates local in the zone, lists as `read_list` reads them."""

    def __init__(self, fields: Sequence[Field], zone: str) -> None:
        self._fields = fields
        self._times = LocalTimes(zone)
        paths = [_path(field.key) for field in fields]
        within: dict[str, dict[str, object]] = {}
        for holder, member in paths:
            names = within.setdefault(holder, {})
            if member is not None:
                names |= dict.fromkeys([member, _ELSE.get(member, member)], Any)
        kinds: dict[str, object] = {name: _struct(names) | None if names else Any for name, names in within.items()}
        contact = _struct(kinds | {_ID: str | None})
        self._decoder = msgspec.json.Decoder(contact)
        self._id = _reader(contact, _ID)
        self._readers = [_reader_within(contact, holder, member) for holder, member in paths]

    def columns(self, lines: bytes, count: int) -> tuple[list[str], list[Sequence[Cell]]]:
        """The ids and the columns of `count` lines. Raises NoContact where one of them is none."""
        try:
            contacts = self._decoder.decode_lines(lines)
        except msgspec.DecodeError:
            raise NoContact from None
        if len(contacts) != count or None in (ids := self._id(contacts)):
            raise NoContact
        return ids, [self._cells(field.type, read(contacts)) for field, read in zip(self._fields, self._readers, strict=True)]

    def _cells(self, kind: str, values: Values) -> Sequence[Cell]:
        match kind:
            case "Date":
                return self._times.of(values)
            case "List":
                return [None if value is None else write_list(map(str, value)) or None for value in values]
            case "Boolean" | "Number":
                natural = _VALUES
            case _:
                natural = _TEXTS
        if natural.issuperset(map(type, values)):
            return values
        return [value if type(value) in natural else str(value) for value in values]


Reader: TypeAlias = Callable[[Sequence[Any]], list[Any]]


class _Path(NamedTuple):
    holder: str
    member: str | None


def _path(key: str) -> _Path:
    """Where a contact, as the API shows it, has a field: `web.os` is the `os` of its `web`."""
    holder, dot, member = key.partition(".")
    return _Path(holder, member if dot else None)


def _struct(members: Mapping[str, object]) -> type[msgspec.Struct]:
    """What is read of an object: these members, each None where it is absent."""
    attributes = {f"f{n}": name for n, name in enumerate(members)}
    fields = [(attribute, members[name], None) for attribute, name in attributes.items()]
    return msgspec.defstruct("Read", fields, rename=attributes, frozen=True, gc=False)


def _attribute(struct: type[msgspec.Struct], name: str) -> str:
    return next(field.name for field in msgspec.structs.fields(struct) if field.encode_name == name)


def _reader(struct: type[msgspec.Struct], name: str) -> Reader:
    get = attrgetter(_attribute(struct, name))
    return lambda objects: list(map(get, objects))


def _reader_within(contact: type[msgspec.Struct], holder: str, member: str | None) -> Reader:
    """Reads a member of every contact, or a member's member, or what stands for one that is absent."""
    outer = _reader(contact, holder)
    if member is None:
        return outer
    within = next(field.type for field in msgspec.structs.fields(contact) if field.encode_name == holder).__args__[0]
    nobody = within()
    inner = _reader(within, member)
    other = _reader(within, _ELSE[member]) if member in _ELSE else None

    def read(contacts: Sequence[Any]) -> list[Any]:
        holders = [nobody if each is None else each for each in outer(contacts)]
        values = inner(holders)
        if other is None:
            return values
        return [instead if value is None else value for value, instead in zip(values, other(holders), strict=True)]

    return read


class LocalTimes:
    """Instants, as they go on the wire, as the local times of a zone. Zones change their offset at the turn of few hours, so
    that it is looked up once for each hour that comes; where it is not the same all through an hour, for each instant."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._offsets: dict[str, timedelta | None] = {}

    def of(self, instants: Sequence[str | None]) -> list[datetime | str | None]:
        """Local times without a zone; as text what no local time can tell."""
        return [None if instant is None else self._local(instant) for instant in instants]

    def _local(self, instant: str) -> datetime | str:
        hour = instant[:13]
        try:
            offset = self._offsets[hour]
        except KeyError:
            offset = self._look_up(hour)
        if offset is None or len(instant) != _MILLISECONDS + 1:
            return self._looked_up(instant)
        return datetime.fromisoformat(instant[:_MILLISECONDS]) + offset

    def _look_up(self, hour: str) -> timedelta | None:
        if len(self._offsets) >= _MOST_HOURS:
            self._offsets.clear()
        try:
            first, last = (datetime.fromisoformat(f"{hour}:{minutes}+00:00") for minutes in ("00:00", "59:59.999"))
            offsets = {each.astimezone(self._zone).replace(tzinfo=None) - each.replace(tzinfo=None) for each in (first, last)}
        except (ValueError, OverflowError):
            offsets = set()
        offset = self._offsets[hour] = offsets.pop() if len(offsets) == 1 else None
        return offset

    def _looked_up(self, instant: str) -> datetime | str:
        at = from_wire(instant)
        try:
            return at.astimezone(self._zone).replace(tzinfo=None)
        except OverflowError:
            return instant
