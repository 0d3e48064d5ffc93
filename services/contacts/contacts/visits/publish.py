"""The messages that tell of visits."""

from collections.abc import Sequence
from uuid import uuid5

from common.envelope import Message, message
from common.events.contacts import Visit, visit_value
from common.telemetry import trace_headers
from common.topics import VISITS
from contacts.publish import NAMES


def visit_messages(channel: str, visits: Sequence[tuple[Visit, bytes]]) -> list[Message]:
    """One message per visit, which comes with its JSON; `ce_time` is the visit's own instant."""
    trace = trace_headers()
    return [
        message(
            VISITS, channel=channel, subject=str(v.contact_id), source="contacts", type="visit.recorded",
            id=uuid5(NAMES, f"{channel}/visit/{v.id}"), version=1, at=v.at,
            value=visit_value(json), trace=trace,
        )
        for v, json in visits
    ]  # fmt: skip
