"""The messages that tell of visits."""

from collections.abc import Sequence

from common.envelope import Batch, Message
from common.events.contacts import Visit, visit_value
from common.ids import written
from common.telemetry import trace_headers
from common.topics import VISITS
from contacts.publish import message_id


def visit_messages(channel: str, visits: Sequence[tuple[Visit, bytes]]) -> list[Message]:
    """One message per visit, which comes with its JSON; `ce_time` is the visit's own instant."""
    batch = Batch(VISITS, channel, "contacts", trace_headers())
    return [
        batch.message(
            written(v.contact_id), type="visit.recorded", id=message_id(f"{channel}/visit/{v.id}"), version=1, at=v.at,
            value=visit_value(json),
        )
        for v, json in visits
    ]  # fmt: skip
