"""Device facts: the site's and the app's, each from its latest visit that told any, whatever order visits come in."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from common.events.contacts import Contact, ContactCreated, Visit
from contacts.contact import created, evolve, visited
from contacts.device import facts, kind_of

ID = UUID("01a20e30-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def visit(id_: str, minutes: int, device: dict[str, Any] | None) -> Visit:
    return Visit(id=id_, contact_id=ID, at=NOON + timedelta(minutes=minutes), device=device)


def after(*visits: Visit) -> Contact:
    state = created(ID, "u1", ContactCreated(), NOON)
    for each in visits:
        state = evolve(state, visited(state, each, 0), NOON)
    return state


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        ({"os": "macOS", "browser": "Safari"}, "web"),
        ({"os": "iOS", "appVersion": "3.1"}, "mobile"),
        ({"os": "Android", "appName": "Shop"}, "mobile"),
        ({"os": "Android", "browser": "Chrome"}, "web"),
        ({"kind": "mobile", "os": "iOS"}, "mobile"),
        ({"kind": "web", "appVersion": "3.1"}, "web"),
        ({"kind": "fridge"}, "web"),
        ({}, "web"),
    ],
)
def test_a_device_is_the_site_or_the_app(device: dict[str, Any], kind: str) -> None:
    assert kind_of(device) == kind


def test_only_short_texts_and_numbers_under_known_names_are_facts() -> None:
    found = facts(
        visit("a", 0, {"os": "iOS", "osVersion": 17, "model": "", "browser": "x" * 257, "appVersion": ["3"], "colour": "red"})
    )
    assert found is not None
    assert found.members() == {
        "os": "iOS", "osVersion": "17", "browser": None, "browserVersion": None, "model": None, "appName": None,
        "appVersion": None, "sdkVersion": None, "seenAt": "2026-11-24T12:00:00.000Z", "visitId": "a",
    }  # fmt: skip
    assert facts(visit("a", 0, {"colour": "red"})) is None
    assert facts(visit("a", 0, None)) is None


def test_the_latest_visit_that_told_of_a_device_counts_in_every_order_of_arrival() -> None:
    visits = [
        visit("a", 0, {"os": "macOS"}),
        visit("b", 5, {"os": "Windows"}),
        visit("c", 5, {"os": "Linux"}),
        visit("d", 9, None),
        visit("e", 3, {"os": "iOS", "appVersion": "3"}),
    ]
    for order in permutations(visits):
        state = after(*order)
        assert state.web is not None
        assert state.mobile is not None
        assert (state.web.os, state.web.visit_id, state.mobile.os) == ("Linux", "c", "iOS")


def test_the_event_of_a_visit_says_what_it_changed_and_from_what() -> None:
    first = after(visit("a", 0, {"os": "macOS"}))
    event = visited(first, visit("b", 60, None), 1)
    assert [(c.key, c.from_, c.to) for c in event.changes] == [
        ("lastSeenAt", "2026-11-24T12:00:00.000Z", "2026-11-24T13:00:00.000Z"),
        ("sessionsCount", 0, 1),
    ]
