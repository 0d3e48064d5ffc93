"""One AsyncAPI document of all topics: made from the table of topics, the event types and the golden files."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.envelope import Batch
from common.events.catalogue import Published, published
from common.kafka import LETTER_HEADERS
from common.topics import CONTACTS, READS, TOPICS, Role, Topic, Use, dead_letter_topic

_BINDING = {"bindingVersion": "0.5.0"}
_DEFINED = "#/$defs/"
_HEADERS = {
    "ce_specversion": "The version of CloudEvents, whose Kafka binding (binary mode) the headers follow.",
    "ce_source": "The service that tells, `/dangol/contacts`.",
    "ce_channel": "The channel.",
    "ce_id": "The event's own id: the same on every delivery.",
    "ce_type": "The event's type; the message's value says it too, as `event.type`.",
    "ce_time": "When it happened, in UTC.",
    "ce_subject": "What the key names within the channel: a contact, a field, an export.",
    "ce_version": (
        "A whole number that only grows: a state's version; of who entered or left a segment the place in that segment's changes."
    ),
    "content-type": "Of the value.",
    "traceparent": "The trace that the event belongs to (W3C Trace Context), where there is one.",
}
_LETTERS = {
    "dlq_reason": "Why the message was put aside.",
    "dlq_topic": "The topic that it was read from.",
    "dlq_partition": "Its partition there.",
    "dlq_offset": "Its offset there.",
}
_INFO = {
    "title": "Dangol",
    "version": "1",
    "description": (
        "What the services tell each other through Kafka, and tell everybody who listens. Delivery is at least once, in order "
        "per key: `ce_id` tells a repetition, `ce_version` of a state what is older than one knows already. A type may get "
        "further members, so ignore those that you do not know; none is ever renamed or dropped."
    ),
    "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
}
_SERVER = {
    "host": "{brokers}",
    "protocol": "kafka",
    "description": "The brokers that `<SERVICE>_KAFKA` names; with TLS, a user or a token by settings.",
    "variables": {"brokers": {"default": "localhost:9092", "description": "Addresses, comma-separated."}},
}


def document(golden: Path) -> dict[str, Any]:
    """The document; `golden` is the folder of the examples. Raises SystemExit where two shapes go by one name."""
    events = list(published())
    return {
        "asyncapi": "3.0.0",
        "info": _INFO,
        "defaultContentType": "application/json",
        "servers": {"kafka": _SERVER},
        "channels": {topic.name: _channel(topic, events) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic)},
        "components": {
            "messages": {event.name: _message(event, golden) for event in events} | _bare(),
            "messageTraits": {"event": {"headers": _headers(_HEADERS, _carried())}},
            "schemas": dict(sorted(_schemas(events).items())),
        },
    }


def _to(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(path)}


def _channel(topic: Topic, events: list[Published]) -> dict[str, Any]:
    names = [event.name for event in events if event.topic == topic.name] or ["deadLetter"]
    names += ["tombstone"] if topic.name == CONTACTS else []
    config = {key: int(value) if value.isdecimal() else value for key, value in topic.config.items()}
    policy = str(config.pop("cleanup.policy")).split(",")
    return {
        "address": topic.name,
        "description": f"{topic.about} The key is {topic.key}.",
        "messages": {name: _to("components", "messages", name) for name in names},
        "bindings": {
            "kafka": {"partitions": topic.partitions, "topicConfiguration": {"cleanup.policy": policy, **config}, **_BINDING}
        },
        "x-owner": topic.owner,
        "x-measured-by": [_who(use.by) for use in topic.measured],
    }


def _operations(topic: Topic) -> Iterator[tuple[str, dict[str, Any]]]:
    """Who sends and who receives, each as one operation that names the service and the role or command."""
    for role in topic.writers:
        yield f"{role.service}.{role.name}.send.{topic.name}", _operation("send", role, topic)
    for use in topic.readers:
        yield f"{use.by.service}.{use.by.name}.receive.{topic.name}", _operation("receive", use.by, topic) | _grouped(use)


def _operation(action: str, role: Role, topic: Topic) -> dict[str, Any]:
    return {
        "action": action,
        "channel": _to("channels", topic.name),
        "title": f"{_who(role)} {action}s {topic.name}",
        "tags": [{"name": role.service}],
        "x-service": role.service,
        "x-role": role.name,
    }


def _grouped(use: Use) -> dict[str, Any]:
    if use.group is None:
        return {"description": "Without a consumer group: every partition, from its beginning."}
    return {"bindings": {"kafka": {"groupId": {"type": "string", "enum": [use.group]}, **_BINDING}}}


def _who(role: Role) -> str:
    return f"{role.service} {role.name}"


def _message(event: Published, golden: Path) -> dict[str, Any]:
    example = json.loads((golden / f"{event.name}.v1.json").read_text("utf-8"))
    return {
        "name": event.name,
        "title": event.name,
        "summary": event.summary.partition("\n")[0],
        "contentType": "application/json",
        "traits": [_to("components", "messageTraits", "event")],
        "payload": _without_definitions(event.schema()),
        "bindings": {"kafka": {"key": {"type": "string", "description": _key(event.topic)}, **_BINDING}},
        "examples": [{"name": "golden", "payload": example}],
    }


def _key(name: str) -> str:
    (topic,) = (topic for topic in TOPICS if topic.name == name)
    return topic.key


def _bare() -> dict[str, Any]:
    """Messages that have no event of their own as their value."""
    letters = _headers(_LETTERS, LETTER_HEADERS)
    groups = ", ".join(f"`{dead_letter_topic(group)}`" for group in READS)
    return {
        "tombstone": {
            "name": "tombstone",
            "title": "contact.erased, without a value",
            "summary": "The contact is gone. `ce_type` is `contact.erased`; after compaction nothing else is left of the key.",
            "traits": [_to("components", "messageTraits", "event")],
            "payload": {"type": "null"},
            "bindings": {"kafka": {"key": {"type": "string", "description": _key(CONTACTS)}, **_BINDING}},
        },
        "deadLetter": {
            "name": "deadLetter",
            "title": "a message that was put aside",
            "summary": f"On {groups}: key, value and headers as they had come, and where from and why in further headers.",
            "headers": letters,
            "payload": {"description": "Whatever had come: it need not be JSON."},
        },
    }


def _carried() -> tuple[str, ...]:
    """The headers that a message really carries, of those that each has."""
    made = Batch("", "channel", "service", {}).message(
        "subject", type="type", id="id", version=1, at=datetime.now(UTC), value=b"{}"
    )
    return tuple(made.headers)


def _headers(told: dict[str, str], carried: tuple[str, ...]) -> dict[str, Any]:
    if missing := set(carried) - told.keys():
        raise SystemExit(f"Say in docs/asyncapi.py what these headers are: {', '.join(sorted(missing))}.")
    required = [name for name in carried if name != "content-type"]
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": words} for name, words in told.items()},
        "required": required,
    }


def _schemas(events: list[Published]) -> dict[str, Any]:
    """Every shape that messages share, by name."""
    found: dict[str, Any] = {}
    for event in events:
        for name, schema in event.schema()["$defs"].items():
            if found.setdefault(name, _pointed(schema)) != _pointed(schema):
                raise SystemExit(f"Two shapes of events are called {name}. Give the one of {event.name} another name.")
    return found


def _without_definitions(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: _pointed(value) for key, value in schema.items() if key not in ("$defs", "$schema")}


def _pointed(schema: Any) -> Any:
    """The same, with references to where the document has what they name."""
    match schema:
        case dict():
            return {key: _pointed(value) for key, value in schema.items()}
        case list():
            return [_pointed(each) for each in schema]
        case str() if schema.startswith(_DEFINED):
            return "#/components/schemas/" + schema.removeprefix(_DEFINED)
        case _:
            return schema
