"""The page about events for people, made from the AsyncAPI document: `events/README.md`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_DAY = 24 * 60 * 60 * 1000
_PLACE = "#/components/schemas/"
_INTRODUCTION = """# Events

What the services tell each other through Kafka, and tell everybody who listens. This page is generated from the code, like
[asyncapi.json](../asyncapi.json) (AsyncAPI 3, for programs) and a JSON Schema for each type beside it.

- **Order and repetition**: messages of one key keep their order. Each comes at least once: `ce_id` is the same on every delivery.
- **Newest wins**: whoever keeps the state of a contact or a field keeps its `ce_version`, and leaves out what is not newer.
- **What comes later**: a type may get members that need not be there. Ignore what you do not know. No member is ever renamed,
  dropped, made to be there or given another type or further values; `make check` refuses it, since it compares the event types
  with asyncapi.json as it stands there. A new meaning is a new type: leave out types that you do not know.
- **Erasure**: a contact that is erased leaves a message without a value on `contacts.v1`; after compaction it alone is left.
- **Begin from nothing**: `contacts.v1` and `fields.v1` hold the newest state of everything, for ever. Read them from the
  beginning, as `search rebuild` does; of the others there is as much as they are kept.
"""
_WORDS = {
    "date-time": "instant", "uuid": "id", "string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no",
    "null": "nothing", "object": "object", "array": "list",
}  # fmt: skip


def page(document: Mapping[str, Any]) -> str:
    """The page."""
    sections = [_INTRODUCTION, *_overview(document), *_headers(document)]
    for name in document["channels"]:
        sections += _topic(name, document)
    return "\n".join([*sections, *_shapes(document)])


def _overview(document: Mapping[str, Any]) -> Iterator[str]:
    yield "## Topics"
    yield "| topic | kept | partitions | written by | read by (consumer group) |"
    yield "|---|---|---|---|---|"
    for name, channel in document["channels"].items():
        bound = channel["bindings"]["kafka"]
        writers, readers = (", ".join(_who(document, name, action)) or "–" for action in ("send", "receive"))
        link = f"[`{name}`](#{_anchor(name)})"
        yield f"| {link} | {_kept(bound['topicConfiguration'])} | {bound['partitions']} | {writers} | {readers} |"
    yield ""


def _who(document: Mapping[str, Any], topic: str, action: str) -> Iterator[str]:
    for operation in document["operations"].values():
        if operation["action"] == action and operation["channel"]["$ref"] == f"#/channels/{topic}":
            (group,) = operation.get("bindings", {}).get("kafka", {}).get("groupId", {}).get("enum", [None])
            name = f"{operation['x-service']} {operation['x-role']}"
            yield f"{name} (`{group}`)" if group else name


def _kept(config: Mapping[str, Any]) -> str:
    if config["cleanup.policy"] == ["delete"]:
        return f"{config['retention.ms'] // _DAY} days"
    days = config["min.compaction.lag.ms"] // _DAY
    return f"the newest of each key; everything for {days} days" if days else "the newest of each key"


def _headers(document: Mapping[str, Any]) -> Iterator[str]:
    yield "## Headers"
    yield "| header | says |"
    yield "|---|---|"
    for name, header in document["components"]["messageTraits"]["event"]["headers"]["properties"].items():
        yield f"| `{name}` | {header['description']} |"
    yield ""


def _topic(name: str, document: Mapping[str, Any]) -> Iterator[str]:
    channel = document["channels"][name]
    yield f"## {name}"
    yield channel["description"]
    yield ""
    for each in channel["messages"]:
        yield from _message(each, document)


def _message(name: str, document: Mapping[str, Any]) -> Iterator[str]:
    message = document["components"]["messages"][name]
    payload = message["payload"]
    yield f"### {message['title']}"
    yield message["summary"] + (f" [Schema]({name}.v1.schema.json)." if "properties" in payload else "")
    yield ""
    members = payload.get("properties", {})
    if beside := [f"`{title}` ({_words(schema)})" for title, schema in members.items() if title != "event"]:
        yield f"Beside `event` there is {' and '.join(beside)}."
        yield ""
    if "event" in members:
        yield from _table(document["components"]["schemas"][members["event"]["$ref"].removeprefix(_PLACE)])
    for example in message.get("examples", ()):
        yield f"`event`, for example: `{json.dumps(example['payload']['event'], ensure_ascii=False)}`"
        yield ""


def _shapes(document: Mapping[str, Any]) -> Iterator[str]:
    """What is not an event itself."""
    yield "## Shapes"
    for name, schema in document["components"]["schemas"].items():
        if "type" not in schema.get("properties", {}) or "enum" not in schema["properties"]["type"]:
            yield f"### {name}"
            yield schema.get("description", "").partition("\n")[0]
            yield ""
            yield from _table(schema)


def _table(schema: Mapping[str, Any]) -> Iterator[str]:
    members = {name: member for name, member in schema["properties"].items() if not _is_tag(name, member)}
    if not members:
        return
    yield "| member | | where it is missing |"
    yield "|---|---|---|"
    for name, member in members.items():
        missing = "it never is" if name in schema.get("required", ()) else f"`{json.dumps(member.get('default'))}`"
        yield f"| `{name}` | {_words(member)} | {missing} |"
    yield ""


def _is_tag(name: str, member: Mapping[str, Any]) -> bool:
    return name == "type" and len(member.get("enum", ())) == 1


def _words(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_PLACE)
        return f"[{name}](#{_anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(_words(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "items" in schema:
        return f"list of: {_words(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"by name: {_words(schema['additionalProperties'])}"
    return _WORDS.get(schema.get("format") or schema.get("type", ""), "any value")


def _anchor(heading: str) -> str:
    return heading.lower().replace(".", "").replace(" ", "-")
