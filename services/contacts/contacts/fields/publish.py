"""The messages that tell of fields' definitions."""

from collections.abc import Sequence
from datetime import datetime

from common.envelope import Message, message
from common.epoch import is_first
from common.events.contacts import FieldChanged, FieldDefined, FieldDefinition, FieldMessage
from common.position import Applied, Position, last_by_partition
from common.telemetry import trace_headers
from common.topics import FIELDS
from contacts.publish import message_id


def field_messages(channel: str, changed: Sequence[tuple[FieldDefinition, int]], at: datetime) -> list[Message]:
    """One message per definition at its new version."""
    trace = trace_headers()
    told: list[Message] = []
    for definition, version in changed:
        event = FieldDefined() if is_first(version) else FieldChanged()
        told.append(
            message(
                FIELDS, channel=channel, subject=definition.key, source="contacts", type=event.type,
                id=message_id(f"{channel}/{definition.key}/{version}"), version=version, at=at,
                value=FieldMessage(event=event, field=definition, version=version).encode(), trace=trace,
            )
        )  # fmt: skip
    return told


def fields_position(channel: str, changed: Sequence[tuple[FieldDefinition, int]]) -> Position:
    """The definitions' versions as a position names them."""
    return last_by_partition(channel, (Applied("field", d.key, version) for d, version in changed))
