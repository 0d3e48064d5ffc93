"""`python -m tests.bench.bodies`: what reading and writing a contact costs, beside the same members as a pydantic model.

Needs no server. Times are of this process alone, the least of some runs, in microseconds.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import orjson
from msgspec.structs import fields, replace
from pydantic import BaseModel, ConfigDict, create_model
from pydantic.alias_generators import to_camel

from common.answers import members_of
from common.clock import Instant, WireInstant, from_wire, to_wire
from common.envelope import Delivered
from common.events.contacts import (
    Contact,
    ContactMessage,
    ContactState,
    ContactVisited,
    DeviceFacts,
    contact_state,
    contact_value,
)
from common.events.wire import Body

NOW = to_wire(datetime(2026, 11, 24, 3, tzinfo=UTC))
WEB = DeviceFacts(seen_at=NOW, visit_id="v-1", os="macOS 15", browser="Safari", sessions_count=3, last_seen_at=NOW)
CONTACT = Contact(
    id=UUID(int=1), name="홍길동", mobile_number="+821012345678", email="hong@naver.com", member_id="m-1", member=True,
    tags=["a", "b"], first_seen_at=NOW, last_seen_at=NOW, sessions_count=4, created_at=NOW, updated_at=NOW, web=WEB,
    profile={"cartCount": 3, "grade": "vip", "totalAmount": 120_000, "lastCheckoutCompletedAt": NOW}, version=12,
)  # fmt: skip
VISITED = ContactVisited(
    visit_id="v-1", visited_at=NOW, sessions=1, first_seen_at=NOW, last_seen_at=NOW, sessions_count=4, web=WEB,
)  # fmt: skip
_RUNS, _TIMES = 7, 3000


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


def model(body: type[Body]) -> Any:
    """The same members as a pydantic model, whose instants are datetimes."""
    within = {DeviceFacts: model(DeviceFacts)} if body is Contact else {}
    members: dict[str, Any] = {}
    for field in fields(body):
        annotation, default = members_of(body)[field.name]
        parts = {part for each in (annotation, *get_args(annotation)) for part in (each, *get_args(each))}
        for ours, theirs in {get_args(WireInstant)[0]: Instant, **within}.items():
            if ours in parts:
                annotation = theirs if default is ... else theirs | None
        members[field.name] = (annotation, default)
    return create_model(body.__name__, __base__=_Model, **members)


def least(work: Callable[[], object]) -> float:
    """Microseconds of one time, the least of some runs."""
    found: list[float] = []
    for _ in range(_RUNS):
        began = time.process_time()
        for _ in range(_TIMES):
            work()
        found.append((time.process_time() - began) / _TIMES * 1e6)
    return min(found)


def main() -> None:
    """Print the table."""
    of_pydantic = model(Contact)
    encoded, members = CONTACT.encode(), CONTACT.members()
    other = of_pydantic.model_validate_json(encoded)
    assert json.loads(other.model_dump_json(by_alias=True)) == json.loads(encoded)
    value = contact_value(VISITED.encode(), encoded, CONTACT.version)
    message = Delivered("contacts.v1", 0, 0, f"c/{CONTACT.id}", value, {"ce_version": "12"})
    now = from_wire(NOW)
    table: list[tuple[str, Callable[[], object], Callable[[], object] | None]] = [
        ("read from JSON", lambda: Contact.decode(encoded), lambda: of_pydantic.model_validate_json(encoded)),
        ("read from JSON values", lambda: Contact.of(members), lambda: of_pydantic.model_validate(members)),
        ("written as JSON", CONTACT.encode, lambda: other.model_dump_json(by_alias=True)),
        ("as JSON values", CONTACT.members, lambda: other.model_dump(mode="json", by_alias=True)),
        ("with one member changed", lambda: replace(CONTACT, version=13), lambda: other.model_copy(update={"version": 13})),
        ("a message, read whole", lambda: ContactMessage.decode(value), None),
        ("a message, its state alone", lambda: ContactState.decode(value), None),
        ("the same, its instants checked", lambda: contact_state(message), None),
        ("an instant written", lambda: to_wire(now), None),
        ("an instant read", lambda: from_wire(NOW), None),
        ("orjson reads the contact", lambda: orjson.loads(encoded), None),
    ]
    print(f"A contact of {len(encoded)} bytes, microseconds\n\n| | struct | pydantic |\n|---|---|---|")
    for what, ours, theirs in table:
        print(f"| {what} | {least(ours):.1f} | {'' if theirs is None else f'{least(theirs):.1f}'} |")


if __name__ == "__main__":
    main()
