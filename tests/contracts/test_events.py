"""The published events: one golden file per type and version, which decodes for ever, and fits its schema."""

import json
from pathlib import Path

import jsonschema
import pytest

from common.events.catalogue import Published, published

GOLDEN = Path(__file__).parent / "golden"
EVENTS = {event.name: event for event in published()}


def golden(event: Published) -> str:
    return (GOLDEN / f"{event.name}.v1.json").read_text("utf-8")


def as_far_as(golden: object, again: object) -> object:
    """What is said again, without the members that were added after the golden file was written."""
    if isinstance(golden, dict) and isinstance(again, dict):
        return {key: as_far_as(value, again.get(key)) for key, value in golden.items()}
    if isinstance(golden, list) and isinstance(again, list) and len(golden) == len(again):
        return [as_far_as(*pair) for pair in zip(golden, again, strict=True)]
    return again


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_the_golden_file_decodes_and_says_the_same_again(event: Published) -> None:
    decoded = event.message.decode(golden(event))
    assert as_far_as(json.loads(golden(event)), json.loads(decoded.encode())) == json.loads(golden(event))


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_the_golden_file_fits_the_schema_and_the_schema_catches_another_type(event: Published) -> None:
    schema = event.schema()
    value = json.loads(golden(event))
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.validate(value)
    value["event"]["type"] = "something.else"
    assert not validator.is_valid(value)


def test_every_golden_file_belongs_to_a_published_event() -> None:
    assert {path.name for path in GOLDEN.glob("*.json")} == {f"{name}.v1.json" for name in EVENTS}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_a_member_that_a_later_version_adds_is_ignored(event: Published) -> None:
    value = json.loads(golden(event))
    value["event"]["addedLater"] = {"a": 1}
    value["addedLater"] = 1
    assert event.message.of(value) == event.message.decode(golden(event))
