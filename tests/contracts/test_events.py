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


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_the_golden_file_decodes_and_says_the_same_again(event: Published) -> None:
    decoded = event.message.model_validate_json(golden(event))
    again = json.loads(decoded.encode())
    assert {key: again[key] for key in json.loads(golden(event))} == json.loads(golden(event))


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
    assert event.message.model_validate(value) == event.message.model_validate_json(golden(event))
