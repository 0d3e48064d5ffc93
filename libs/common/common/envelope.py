"""How a message looks on the wire: JSON bodies, and headers that follow CloudEvents' Kafka binding in binary mode."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from common.clock import WireInstant, from_wire, to_wire

SAFE_BYTES = 1024 * 1024
"""Of one message. Whoever makes messages keeps them well below it: so much a Kafka takes that nobody has told to take more."""

MOST_VERSION = 2**63 - 1
"""Of a version: so large a whole number every store holds."""

_VERSION = re.compile("[0-9]{1,19}")

SPEC_VERSION = "1.0"
"""https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md"""


class UnreadableMessage(Exception):
    """A message that no retry can make readable; the text says why, without quoting it."""


class MessageTooLarge(Exception):
    """A message that Kafka will never take."""


class Message(NamedTuple):
    """A message to be sent: `key` decides order and, unless `partition` is known, partition; `value` None is a tombstone."""

    topic: str
    key: str
    value: bytes | None
    headers: dict[str, str]
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message as it arrived; `arrived` is when Kafka was given it."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: dict[str, str]
    arrived: datetime | None = None

    @property
    def type(self) -> str:
        """The event's wire name."""
        return _required(self.headers, "ce_type")

    @property
    def id(self) -> str:
        """The event's own id: the same on every delivery."""
        return _required(self.headers, "ce_id")

    @property
    def channel(self) -> str:
        """The channel, from the key."""
        return self.key.partition("/")[0]

    @property
    def subject(self) -> str:
        """What the key names within the channel: a contact's id, a field's key, an export's id."""
        return self.key.partition("/")[2]

    @property
    def version(self) -> int:
        """The version of the thing told of."""
        written = _required(self.headers, "ce_version")
        if _VERSION.fullmatch(written) is None or int(written) > MOST_VERSION:
            raise UnreadableMessage("the header ce_version is not a whole number that a version can be")
        return int(written)

    @property
    def time(self) -> datetime:
        """When the event happened."""
        try:
            return from_wire(_required(self.headers, "ce_time"))
        except ValueError:
            raise UnreadableMessage("the header ce_time is not an instant") from None


_OF_ALL: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one kind that are made together: what they share is written once. Keyed `channel/subject`.

    `source` is the service's name, `trace` what `telemetry.trace_headers` gave.
    """

    topic: str
    channel: str
    source: str
    trace: Mapping[str, str]
    _shared: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Write what they share."""
        shared = {"ce_specversion": SPEC_VERSION, "ce_source": f"/dangol/{self.source}", "ce_channel": self.channel}
        object.__setattr__(self, "_shared", shared | dict(self.trace))

    def message(
        self,
        subject: str,
        *,
        type: str,  # noqa: A002 - CloudEvents' own word
        id: UUID | str,  # noqa: A002
        version: int,
        at: datetime | WireInstant,
        value: bytes | None,
        trace: Mapping[str, str] = _OF_ALL,
    ) -> Message:
        """One of them; `value` None is a tombstone, `trace` that of this one where each has its own."""
        headers = {
            **self._shared,
            **trace,
            "ce_id": str(id),
            "ce_type": type,
            "ce_time": to_wire(at) if isinstance(at, datetime) else at,
            "ce_subject": subject,
            "ce_version": str(version),
        }
        if value is not None:
            headers["content-type"] = "application/json"
        return Message(self.topic, f"{self.channel}/{subject}", value, headers)


def _required(headers: Mapping[str, str], name: str) -> str:
    try:
        return headers[name]
    except KeyError:
        raise UnreadableMessage(f"the header {name} is missing") from None


def message(
    topic: str,
    *,
    channel: str,
    subject: str,
    source: str,
    type: str,  # noqa: A002 - CloudEvents' own word
    id: UUID | str,  # noqa: A002
    version: int,
    at: datetime | WireInstant,
    value: bytes | None,
    trace: Mapping[str, str],
) -> Message:
    """A message keyed `channel/subject`. `source` is the service's name, `trace` what `telemetry.trace_headers` gave."""
    return Batch(topic, channel, source, trace).message(subject, type=type, id=id, version=version, at=at, value=value)


def encode_headers(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Header values as bytes, as Kafka carries them."""
    return [(name, value.encode()) for name, value in headers.items()]


def decode_headers(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """The last value of each header; bytes that are not UTF-8 are replaced, since a required one then fails to read."""
    return {name: value.decode(errors="replace") for name, value in headers if value is not None}
