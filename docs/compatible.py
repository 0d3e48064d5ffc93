"""Whether the event types may become what they are to be: whoever reads them goes on, and whoever begins reads what is old.

A type may get members that need not be there. Nothing else of it ever changes: readers of the version before run on while the
new one is rolled out, and Kafka holds messages of years ago.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PLACE = "#/components/schemas/"
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an event type: which values it takes, whether it is always there, and what it stands for where it is not."""

    takes: str
    required: bool
    default: object = _ABSENT


@dataclass(frozen=True, slots=True)
class _Type:
    """An event type: the topic that it is on, and each of its members by its place in the message, `event/changes/*/key`."""

    topic: str
    members: Mapping[str, Member]


def breaks(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What of an AsyncAPI document the next one breaks, in words; nothing where whoever knows the one can read the other."""
    was, now = _types(before), _types(after)
    found = [f"{name}: the type is gone. Messages of it are kept, and are read." for name in was.keys() - now.keys()]
    for name in was.keys() & now.keys():
        if was[name].topic != now[name].topic:
            found.append(f"{name}: it was on {was[name].topic} and is on {now[name].topic}, where its readers do not look.")
        found += [f"{name}: {words}" for words in _changed(was[name].members, now[name].members)]
    return sorted(found)


def _changed(was: Mapping[str, Member], now: Mapping[str, Member]) -> Iterator[str]:
    for place, member in was.items():
        if place in now:
            yield from (f"{place} {words}" for words in _of_one(member, now[place]))
        else:
            yield f"{place} is gone, or has another name. Keep it, and add the new one beside it."
    for place in now.keys() - was.keys():
        if now[place].required and _holder(place) in {"", *was}:
            yield f"{place} is new and must be there. Give it a default: older messages do not have it."


def _of_one(was: Member, now: Member) -> Iterator[str]:
    if now.takes != was.takes:
        yield f"took {was.takes} and takes {now.takes}. Leave it, and add another member or a new type."
    if now.required and not was.required:
        yield "must be there now. Give its default back: older messages do not have it."
    elif was.required and not now.required:
        yield "need not be there any more, and readers count on it."
    elif now.default != was.default:
        yield "stands for another value where it is missing, so older messages would mean something else."


def _holder(place: str) -> str:
    """The member that a member is in, however deep in lists and alternatives; nothing for those of the message itself."""
    *above, _ = place.split("/")
    while above and above[-1].startswith(("*", "(")):
        above.pop()
    return "/".join(above)


def _types(document: Mapping[str, Any]) -> dict[str, _Type]:
    schemas = document["components"]["schemas"]
    messages = document["components"]["messages"]
    return {
        name: _Type(address, dict(_members(messages[name]["payload"], schemas, "")))
        for address, channel in document["channels"].items()
        for name in channel["messages"]
        if "event" in messages[name]["payload"].get("properties", {})
    }


def _members(schema: Mapping[str, Any], schemas: Mapping[str, Any], at: str) -> Iterator[tuple[str, Member]]:
    """Every member of an object, of those in it, and of those in lists: by their places."""
    for whole, suffix in _objects(schema, schemas):
        required = whole.get("required", [])
        for name, member in whole.get("properties", {}).items():
            place = f"{at}{suffix}/{name}".lstrip("/")
            yield place, Member(_takes(member, schemas), name in required, member.get("default", _ABSENT))
            yield from _members(member, schemas, place)


def _objects(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The objects that a value of this schema is or holds directly, and what to add to its place for each."""
    if "$ref" in schema:
        yield from _objects(schemas[schema["$ref"].removeprefix(_PLACE)], schemas)
    elif "anyOf" in schema:
        found = [one for each in schema["anyOf"] for one in _objects(each, schemas)]
        yield from found if len(found) < 2 else [(whole, f"/({whole['title']}){suffix}") for whole, suffix in found]
    elif "items" in schema:
        yield from ((whole, f"/*{suffix}") for whole, suffix in _objects(schema["items"], schemas))
    elif isinstance(schema.get("additionalProperties"), dict):
        yield from ((whole, f"/*{suffix}") for whole, suffix in _objects(schema["additionalProperties"], schemas))
    elif "properties" in schema:
        yield schema, ""


def _takes(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """Which values a schema takes, in words; of an object's members it does not speak."""
    if "$ref" in schema:
        return _takes(schemas[schema["$ref"].removeprefix(_PLACE)], schemas)
    if "anyOf" in schema:
        return " or ".join(sorted(_takes(each, schemas) for each in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(sorted(map(repr, schema["enum"])))
    if "items" in schema:
        return f"list of ({_takes(schema['items'], schemas)})"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of ({_takes(schema['additionalProperties'], schemas)})"
    rest = {key: value for key, value in schema.items() if key in _BOUNDS}
    words = str(schema.get("format") or schema.get("type", "anything"))
    return f"{words} {rest}" if rest else words


_BOUNDS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
)
