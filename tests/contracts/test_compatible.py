"""What an event type may not become is refused with its reason: each kind of change, made to the document as it stands."""

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from localstack.home import checkout

BEFORE = json.loads((checkout() / "docs" / "asyncapi.json").read_text("utf-8"))
_COMPATIBLE: Any = import_module("docs.compatible")


def breaks(change: Callable[[Any], object], before: Any = BEFORE) -> list[str]:
    after = copy.deepcopy(before)
    change(after)
    return list(_COMPATIBLE.breaks(before, after))


def shape(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def drop(document: Any) -> None:
    del shape(document, "Entered")["properties"]["cause"]
    shape(document, "Entered")["required"].remove("cause")


def rename(document: Any) -> None:
    members = shape(document, "Contact")["properties"]
    members["town"] = members.pop("city")


def require_within_a_list(document: Any) -> None:
    shape(document, "Change")["properties"]["why"] = {"type": "string"}
    shape(document, "Change")["required"].append("why")


def require_in_the_message(document: Any) -> None:
    payload = document["components"]["messages"]["import.done"]["payload"]
    payload["properties"]["by"] = {"type": "string"}
    payload["required"] = [*payload.get("required", []), "by"]


def move(document: Any) -> None:
    channels = document["channels"]
    channels["jobs.v1"]["messages"]["segment.left"] = channels["segments.v1"]["messages"].pop("segment.left")


def take_another_type_too(document: Any) -> None:
    shape(document, "Contact")["properties"]["mobile"]["anyOf"].append({"$ref": "#/components/schemas/Change"})


def members_of(name: str, member: str, **told: Any) -> Callable[[Any], object]:
    return lambda document: shape(document, name)["properties"][member].update(told)


REFUSED = [
    pytest.param(drop, "segment.entered: event/cause is gone", id="a member dropped"),
    pytest.param(rename, "contact.changed: contact/city is gone, or has another name", id="a member renamed"),
    pytest.param(
        lambda d: shape(d, "Contact")["required"].append("name"), "contact/name must be there now", id="a member made required"
    ),
    pytest.param(require_within_a_list, "event/changes/*/why is new and must be there", id="a new member that must be there"),
    pytest.param(require_in_the_message, "import.done: by is new and must be there", id="the same beside the event"),
    pytest.param(
        lambda d: shape(d, "Entered")["required"].remove("position"), "event/position need not be there", id="no more required"
    ),
    pytest.param(members_of("Entered", "position", type="string"), "took integer and takes string", id="another type"),
    pytest.param(members_of("Contact", "version", type="number"), "took integer and takes number", id="a wider type"),
    pytest.param(members_of("Entered", "segmentId", format="email"), "took uuid and takes email", id="another format"),
    pytest.param(
        lambda d: shape(d, "Contact")["properties"]["city"]["anyOf"].pop(),
        "took null or string and takes string", id="null no more",
    ),
    pytest.param(
        lambda d: shape(d, "Entered")["properties"]["cause"]["enum"].append("import"), "event/cause took", id="a further value"
    ),
    pytest.param(lambda d: shape(d, "Left")["properties"]["cause"]["enum"].pop(), "event/cause took", id="a value less"),
    pytest.param(
        lambda d: shape(d, "Contact")["properties"]["tags"]["items"].update(type="integer"),
        "took list of (string) and takes list of (integer)", id="other items",
    ),
    pytest.param(take_another_type_too, "contact/mobile took", id="another shape beside the one"),
    pytest.param(members_of("Contact", "blocked", default=True), "stands for another value", id="another default"),
    pytest.param(
        lambda d: d["channels"]["visits.v1"]["messages"].clear(), "visit.recorded: the type is gone", id="a type dropped"
    ),
    pytest.param(move, "it was on segments.v1 and is on jobs.v1", id="a type on another topic"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_a_change_that_breaks_a_reader_or_an_old_message_is_refused(change: Callable[[Any], object], words: str) -> None:
    found = breaks(change)
    assert any(words in each for each in found), found


def add_a_member(document: Any) -> None:
    shape(document, "Entered")["properties"]["note"] = {"type": "string", "default": ""}


def add_an_object(document: Any) -> None:
    """What is in an object that need not be there must be there with it."""
    document["components"]["schemas"]["Place"] = {"properties": {"floor": {"type": "integer"}}, "required": ["floor"]}
    place = {"anyOf": [{"$ref": "#/components/schemas/Place"}, {"type": "null"}], "default": None}
    shape(document, "Contact")["properties"]["place"] = place


def add_a_type(document: Any) -> None:
    messages = document["components"]["messages"]
    messages["segment.paused"] = copy.deepcopy(messages["segment.left"])
    document["channels"]["segments.v1"]["messages"]["segment.paused"] = {"$ref": "#/components/messages/segment.paused"}


def rename_a_shape(document: Any) -> None:
    """The class has another name in the code; nothing else of the message changes."""
    schemas = document["components"]["schemas"]
    schemas["Arrived"] = schemas.pop("Entered") | {"description": "In other words."}
    payload = document["components"]["messages"]["segment.entered"]["payload"]
    payload["properties"]["event"] = {"$ref": "#/components/schemas/Arrived"}


@pytest.mark.parametrize("change", [add_a_member, add_an_object, add_a_type, rename_a_shape, lambda d: None])
def test_a_change_that_breaks_nobody_is_taken(change: Callable[[Any], object]) -> None:
    assert breaks(change) == []


def test_of_two_shapes_that_one_member_may_have_each_is_looked_at() -> None:
    before = copy.deepcopy(BEFORE)
    take_another_type_too(before)
    found = breaks(lambda d: shape(d, "DeviceFacts")["properties"].pop("os"), before)
    assert any("contact/mobile/(DeviceFacts)/os is gone" in each for each in found)


def test_every_type_and_each_of_its_members_is_compared() -> None:
    types = _COMPATIBLE._types(BEFORE)
    assert {f"{name}.v1.json" for name in types} == {p.name for p in (Path(__file__).parent / "golden").glob("*.json")}
    assert {"contact/web/os", "event/changes/*/from", "contact/tags", "version"} <= types["contact.visited"].members.keys()


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A copy of the documents, which may be spoilt."""
    left_out = shutil.ignore_patterns("__pycache__", "runbooks", "decisions", "asyncapi-parser")
    shutil.copytree(checkout() / "docs", tmp_path / "docs", ignore=left_out)
    golden = Path("tests") / "contracts" / "golden"
    shutil.copytree(checkout() / golden, tmp_path / golden)
    return tmp_path / "docs"


def test_what_would_break_is_not_written(documents: Path) -> None:
    known = documents / "asyncapi.json"
    before = copy.deepcopy(BEFORE)
    shape(before, "Entered")["properties"]["byWhom"] = {"type": "string", "default": ""}
    known.write_text(json.dumps(before), "utf-8")
    gone = "segment.entered: event/byWhom is gone, or has another name. Keep it, and add the new one beside it.\n"
    assert generate(documents) == (1, gone)
    assert json.loads(known.read_text("utf-8")) == before


def test_without_the_document_to_compare_with_nothing_is_found_fresh(documents: Path) -> None:
    (documents / "asyncapi.json").unlink()
    code, words = generate(documents, "--check")
    assert (code, "get it back from the repository" in words) == (1, True)


def generate(documents: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, str(documents / "generate.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr
