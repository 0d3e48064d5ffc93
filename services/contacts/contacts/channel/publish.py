"""The message that tells of a channel's settings."""

from datetime import datetime

from common.envelope import Message, message
from common.events.contacts import CHANNEL_SUBJECT, Channel, ChannelChanged, ChannelMessage
from common.position import Applied, Position
from common.telemetry import trace_headers
from common.topics import FIELDS
from contacts.publish import message_id


def channel_message(channel: str, settings: Channel, version: int, at: datetime) -> Message:
    """The channel's settings, for all who read filters."""
    return message(
        FIELDS, channel=channel, subject=CHANNEL_SUBJECT, source="contacts", type="channel.changed",
        id=message_id(f"{channel}/{CHANNEL_SUBJECT}/{version}"), version=version, at=at,
        value=ChannelMessage(event=ChannelChanged(), channel=settings, version=version).encode(), trace=trace_headers(),
    )  # fmt: skip


def channel_position(version: int) -> Position:
    """The settings' version as a position names it."""
    return Position((Applied("field", CHANNEL_SUBJECT, version),))
