"""Device facts: the site's and the app's, each from its latest visit that told any, whatever order visits come in."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from common.answers import contact_shown
from common.clock import to_wire
from common.errors import Unprocessable
from common.events.contacts import Contact, ContactCreated, DeviceFacts, Visit
from contacts.contact import created, evolve, visited
from contacts.device import kind_of, read_device

ID = UUID("01a20e30-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEVER = {"device": None, "os": None, "osName": None, "sessionsCount": 0, "lastSeenAt": None}


def visit(id_: str, minutes: int, device: dict[str, Any] | None) -> Visit:
    return Visit(id=id_, contact_id=ID, at=to_wire(NOON + timedelta(minutes=minutes)), device=device)


def after(*visits: Visit) -> Contact:
    state = created(ID, "u1", ContactCreated(), NOON)
    for each in visits:
        state = evolve(state, visited(state, each, 0, 1), NOON)
    return state


@pytest.mark.parametrize(
    "device",
    [
        {"kind": "web"},
        {
            "kind": "web",
            "device": "desktop",
            "os": "macOS 15",
            "osName": "macOS",
            "browser": "Safari 18",
            "browserName": "Safari",
        },
        {
            "kind": "mobile",
            "os": None,
            "appName": "Shop",
            "appVersion": "3.10",
            "sdkName": "ios",
            "sdkVersion": "1",
            "device": "",
        },
    ],
)
def test_a_device_of_the_shape_is_kept_as_it_came(device: dict[str, Any]) -> None:
    assert read_device(device, "/device") == device
    assert kind_of(visit("a", 0, device)) == device["kind"]


@pytest.mark.parametrize(
    ("device", "pointer"),
    [
        ("iPhone", ""),
        ([], ""),
        ({}, ""),
        ({"os": "iOS"}, ""),
        ({"kind": "fridge"}, "/kind"),
        ({"kind": ["web"]}, "/kind"),
        ({"kind": "web", "appName": "Shop"}, "/appName"),
        ({"kind": "mobile", "browser": "Chrome"}, "/browser"),
        ({"kind": "web", "osVersion": "15"}, "/osVersion"),
        ({"kind": "web", "sessionsCount": 9}, "/sessionsCount"),
        ({"kind": "web", "lastSeenAt": None}, "/lastSeenAt"),
        ({"kind": "web", "a/b": "x"}, "/a~1b"),
        ({"kind": "web", "os": 15}, "/os"),
        ({"kind": "web", "os": {"name": "macOS"}}, "/os"),
        ({"kind": "web", "os": "x" * 257}, "/os"),
    ],
)
def test_a_device_of_another_shape_is_refused_with_its_place(device: Any, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read_device(device, "/visits/3/device")
    assert refusal.value.pointer == f"/visits/3/device{pointer}"


def test_the_latest_visit_that_told_of_a_device_counts_in_every_order_of_arrival() -> None:
    visits = [
        visit("a", 0, {"kind": "web", "os": "macOS"}),
        visit("b", 5, {"kind": "web", "os": "Windows"}),
        visit("c", 5, {"kind": "web", "os": "Linux", "browser": " "}),
        visit("d", 9, {"kind": "web"}),
        visit("f", 11, None),
        visit("e", 3, {"kind": "mobile", "os": "iOS", "appVersion": "3"}),
    ]
    for order in permutations(visits):
        shown = contact_shown(after(*order))
        assert shown["web"] == {
            **NEVER, "os": "Linux", "browser": None, "browserName": None, "sessionsCount": 4,
            "lastSeenAt": "2026-11-24T12:09:00.000Z",
        }  # fmt: skip
        assert shown["mobile"] == {
            **NEVER, "os": "iOS", "appName": None, "appVersion": "3", "sdkName": None, "sdkVersion": None, "sessionsCount": 1,
            "lastSeenAt": "2026-11-24T12:03:00.000Z",
        }  # fmt: skip


def test_who_was_never_seen_on_a_device_has_no_sessions_there() -> None:
    shown = contact_shown(after(visit("a", 0, None)))
    assert shown["web"] == {**NEVER, "browser": None, "browserName": None}
    assert shown["mobile"] == {**NEVER, **dict.fromkeys(("appName", "appVersion", "sdkName", "sdkVersion"))}


def test_the_event_of_a_visit_says_what_it_changed_and_from_what() -> None:
    first = after(visit("a", 0, {"kind": "web", "os": "macOS"}))
    event = visited(first, visit("b", 60, None), 1)
    assert [(c.key, c.from_, c.to) for c in event.changes] == [
        ("lastSeenAt", "2026-11-24T12:00:00.000Z", "2026-11-24T13:00:00.000Z"),
        ("sessionsCount", 0, 1),
    ]
    event = visited(first, visit("b", 60, {"kind": "mobile", "os": "iOS"}), 0, 1)
    assert [(c.key, c.from_, c.to) for c in event.changes][1:] == [
        ("mobile.os", None, "iOS"),
        ("mobile.sessionsCount", 0, 1),
        ("mobile.lastSeenAt", None, "2026-11-24T13:00:00.000Z"),
    ]


@pytest.mark.parametrize("last", [{}, {"lastSeenAt": None}])
def test_facts_of_before_the_last_visit_was_told_were_last_seen_when_they_are_from(last: dict[str, Any]) -> None:
    facts = DeviceFacts.of({"os": "iOS 18", "seenAt": "2026-11-23T03:00:00.000Z", "visitId": "v-0", **last})
    assert facts.members()["lastSeenAt"] == "2026-11-23T03:00:00.000Z"
    older = structs.replace(after(), web=facts)
    assert contact_shown(older)["web"]["lastSeenAt"] == "2026-11-23T03:00:00.000Z"
    again = evolve(older, visited(older, visit("v-1", 0, {"kind": "web"}), 1, 1), NOON)
    assert again.web is not None
    assert (again.web.last_seen_at, again.web.os, again.web.seen_at) == (to_wire(NOON), "iOS 18", facts.seen_at)
    earlier = evolve(older, visited(older, visit("v-1", -60 * 24 * 9, {"kind": "web"}), 1, 1), NOON)
    assert earlier.web is not None
    assert earlier.web.last_seen_at == facts.seen_at
