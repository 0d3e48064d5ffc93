"""Every published event by its wire name, so that schemas, golden files and documents are made from one list."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import new_class
from typing import Any, get_args, get_type_hints

import msgspec

from common import topics
from common.events import contacts, exports, segments
from common.events.wire import Body


@dataclass(frozen=True, slots=True)
class Published:
    """One event: its wire name, its topic, the message's model with `event` narrowed to it."""

    name: str
    topic: str
    message: type[Body]
    summary: str

    def schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the message's value."""
        _, parts = msgspec.json.schema_components([self.message], ref_template="#/$defs/{name}")
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **parts.pop(self.message.__name__),
            "$defs": parts,
            "title": self.name,
            "description": self.summary,
        }


_MESSAGES: tuple[tuple[str, type[Body]], ...] = (
    (topics.CONTACTS, contacts.ContactMessage),
    (topics.VISITS, contacts.VisitMessage),
    (topics.FIELDS, contacts.FieldMessage),
    (topics.FIELDS, contacts.ChannelMessage),
    (topics.ERASURES, contacts.ErasureMessage),
    (topics.CHANNEL, contacts.ManagedUsersMessage),
    (topics.JOBS, contacts.JobMessage),
    (topics.SEGMENTS, segments.SegmentMessage),
    (topics.EXPORTS, exports.ExportMessage),
)


def published() -> Iterator[Published]:
    """Every event type, by topic."""
    for topic, message in _MESSAGES:
        told = get_type_hints(message)["event"]
        for event in get_args(told) or (told,):
            narrowed = _narrowed(message, event)
            name = str(event.__struct_config__.tag)
            yield Published(name, topic, narrowed, (event.__doc__ or "").strip())


def _narrowed(message: type[Body], event: type[Body]) -> type[Body]:
    """The message with `event` of this type alone."""
    own = {"__annotations__": {"event": event}, "__doc__": message.__doc__, "__module__": message.__module__}
    return new_class(message.__name__, (message,), exec_body=lambda namespace: namespace.update(own))
