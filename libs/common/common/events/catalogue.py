"""Every published event by its wire name, so that schemas, golden files and documents are made from one list."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast, get_args

from pydantic import create_model

from common import topics
from common.events import contacts, exports, segments
from common.events.wire import Body


@dataclass(frozen=True, slots=True)
class Published:
    """One event: its wire name, its topic, the message's model with `event` narrowed to it."""

    name: str
    topic: str
    owner: str
    message: type[Body]
    summary: str

    def schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the message's value."""
        schema = self.message.model_json_schema(by_alias=True, mode="serialization")
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **schema,
            "title": self.name,
            "description": self.summary,
        }


_MESSAGES: tuple[tuple[str, str, type[Body]], ...] = (
    (topics.CONTACTS, "contacts", contacts.ContactMessage),
    (topics.VISITS, "contacts", contacts.VisitMessage),
    (topics.FIELDS, "contacts", contacts.FieldMessage),
    (topics.FIELDS, "contacts", contacts.ChannelMessage),
    (topics.ERASURES, "contacts", contacts.ErasureMessage),
    (topics.CHANNEL, "contacts", contacts.ManagedUsersMessage),
    (topics.SEGMENTS, "segments", segments.SegmentMessage),
    (topics.EXPORTS, "exports", exports.ExportMessage),
)


def published() -> Iterator[Published]:
    """Every event type, by owner and topic."""
    for topic, owner, message in _MESSAGES:
        annotation: Any = message.model_fields["event"].annotation
        for event in get_args(annotation) or (annotation,):
            narrowed = create_model(message.__name__, __base__=message, event=(event, ...))
            name: str = event.model_fields["type"].default
            yield Published(name, topic, owner, cast("type[Body]", narrowed), (event.__doc__ or "").strip())
